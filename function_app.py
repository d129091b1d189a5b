"""Registers the functions. Start reading at shared/pipeline.py."""

import azure.functions as func

from shared.telemetry import quiet
from shared.triggers import bulk, ops, process, receive, sweep

quiet()
app = func.FunctionApp()
for blueprint in (receive.blueprint, process.blueprint, sweep.blueprint, ops.blueprint, bulk.blueprint):
    app.register_functions(blueprint)
