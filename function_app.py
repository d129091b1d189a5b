"""Registers the functions. Start reading at shared/pipeline.py."""

import azure.functions as func

from shared.telemetry import quiet
from shared.triggers import bulk, dead, mend, ops, process, receive, sweep

quiet()
app = func.FunctionApp()
for module in (receive, process, sweep, ops, bulk, mend, dead):
    app.register_functions(module.blueprint)
