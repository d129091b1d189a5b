"""Registers the functions. Start reading at shared/pipeline.py."""

import azure.functions as func

from shared.telemetry import quiet
from shared.triggers import bulk, dead, mend, ops, process, receive, report, sweep

quiet()
app = func.FunctionApp()
for module in (receive, process, sweep, ops, bulk, mend, dead, report):
    app.register_functions(module.blueprint)
