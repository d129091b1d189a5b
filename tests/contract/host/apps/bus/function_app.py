"""Service Bus functions that write down what reached them, one JSON line each, in the file of setting `JOURNAL`.

A body {"wait": 2} takes its time, {"until": "/path"} waits for a file to appear, {"fail": 3} fails on its first three
deliveries.
"""

import asyncio
import json
import os
import time
import typing
from pathlib import Path

import azure.functions as func

app = func.FunctionApp()


def note(**fields: object) -> None:
    line = json.dumps({"at": time.time(), "pid": os.getpid(), **fields}, default=str)
    with Path(os.environ["JOURNAL"]).open("a", encoding="utf-8") as journal:
        journal.write(line + "\n")


def told(msg: func.ServiceBusMessage) -> dict[str, object]:
    names = (
        *("message_id", "session_id", "delivery_count", "sequence_number", "correlation_id", "content_type", "subject"),
        *("application_properties", "user_properties", "enqueued_time_utc", "expires_at_utc", "lock_token", "reply_to"),
        *("scheduled_enqueue_time_utc", "partition_key", "to", "label"),
    )
    return {"body": msg.get_body().decode("latin-1"), **{name: getattr(msg, name) for name in names}}


async def handle(function: str, msg: func.ServiceBusMessage, context: func.Context) -> None:
    try:
        wanted = json.loads(msg.get_body())
    except ValueError:
        wanted = {}
    note(event="began", function=function, trace_parent=context.trace_context.trace_parent, **told(msg))
    await asyncio.sleep(wanted.get("wait", 0))
    while "until" in wanted and not Path(wanted["until"]).exists():  # noqa: ASYNC110, ASYNC240  another process's file
        await asyncio.sleep(0.02)
    if msg.delivery_count is not None and msg.delivery_count <= wanted.get("fail", -1):
        note(event="failed", function=function, **told(msg))
        raise ValueError("as wanted")
    note(event="ended", function=function, **told(msg))


@app.service_bus_queue_trigger(
    arg_name="msg", queue_name="%SESSIONS_QUEUE%", connection="Bus", is_sessions_enabled=True
)
async def ordered(msg: func.ServiceBusMessage, context: func.Context) -> None:
    await handle("ordered", msg, context)


@app.service_bus_queue_trigger(arg_name="msg", queue_name="plain", connection="Bus")
async def plain(msg: func.ServiceBusMessage, context: func.Context) -> None:
    await handle("plain", msg, context)


@app.service_bus_queue_trigger(arg_name="msg", queue_name="plain/$DeadLetterQueue", connection="Bus")
async def dead(msg: func.ServiceBusMessage) -> None:
    note(event="dead", function="dead", **told(msg))


@app.service_bus_queue_trigger(arg_name="msg", queue_name="raw", connection="Bus", data_type=func.DataType.BINARY)
def raw(msg: func.ServiceBusMessage) -> None:
    note(event="ended", function="raw", **told(msg))


@app.service_bus_queue_trigger(arg_name="msgs", queue_name="batch", connection="Bus", cardinality=func.Cardinality.MANY)
def batch(msgs: typing.List[func.ServiceBusMessage]) -> None:  # noqa: UP006  the runtime refuses list[...]
    note(event="batch", function="batch", messages=[told(msg) for msg in msgs])


@app.service_bus_queue_trigger(arg_name="msg", queue_name="in", connection="Bus")
@app.service_bus_queue_output(arg_name="out", queue_name="plain", connection="Bus")
def forward(msg: func.ServiceBusMessage, out: func.Out[str]) -> None:
    out.set(msg.get_body().decode())
