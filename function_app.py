"""Registers the functions. Start reading at shared/pipeline.py."""

import azure.functions as func

from shared.telemetry import quiet
from shared.triggers import dead, process, receive, sweep
from shared.triggers.operators import bulk, mend, ops, report

quiet()
app = func.FunctionApp()
for module in (receive, process, sweep, ops, bulk, mend, dead, report):
    app.register_functions(module.blueprint)
