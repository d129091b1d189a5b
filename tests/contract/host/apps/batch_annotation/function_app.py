"""An app that azure-functions indexes and the runtime of Azure refuses."""

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.route(route="fine")
def fine(req: func.HttpRequest) -> str:
    return "fine"


@app.service_bus_queue_trigger(arg_name="msgs", queue_name="q", connection="BUS", cardinality=func.Cardinality.MANY)
def takes_a_builtin_list(msgs: list[func.ServiceBusMessage]) -> None:
    del msgs
