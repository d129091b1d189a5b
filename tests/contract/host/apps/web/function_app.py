"""HTTP functions that tell what reached them."""

import asyncio
import base64
import json
import os
import threading
import time
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
holding: list[func.HttpRequest] = []  # requests that wait for the file of setting GATE to appear


@app.route(route="echo/{entity}/{number:int?}", methods=["GET", "POST", "OPTIONS"], auth_level=func.AuthLevel.ANONYMOUS)
async def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "query": dict(req.params),
        "route": dict(req.route_params),
        "body": base64.b64encode(req.get_body()).decode(),
        "trace_parent": context.trace_context.trace_parent,
        "trace_state": context.trace_context.trace_state,
        "setting": os.environ.get("A_SETTING"),
        "pid": os.getpid(),
        "thread": threading.get_ident(),
        "folder": str(Path.cwd()),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route(route="files/{*rest}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def files(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps({"rest": req.route_params.get("rest"), "thread": threading.get_ident()}))


@app.route(route="answer", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def answer(req: func.HttpRequest) -> func.HttpResponse:
    wanted = req.get_json()
    response = func.HttpResponse(
        base64.b64decode(wanted.get("body", "")), status_code=wanted["status"], mimetype=wanted.get("type")
    )
    for name, value in wanted.get("headers", []):
        response.headers.add(name, value)
    return response


@app.route(route="%SECRET_ROUTE%")
def guarded(req: func.HttpRequest) -> str:
    return "opened"


@app.route(route="master", auth_level=func.AuthLevel.ADMIN)
def master(req: func.HttpRequest) -> str:
    return "opened"


@app.route(route="fails", auth_level=func.AuthLevel.ANONYMOUS)
def fails(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("a secret detail")


@app.route(route="held", auth_level=func.AuthLevel.ANONYMOUS)
async def held(req: func.HttpRequest) -> str:
    holding.append(req)
    while not Path(os.environ["GATE"]).exists():  # noqa: ASYNC110, ASYNC240  a file of the test's
        await asyncio.sleep(0.02)
    holding.remove(req)
    return "done"


@app.route(route="holding", auth_level=func.AuthLevel.ANONYMOUS)
def count_held(req: func.HttpRequest) -> str:
    return str(len(holding))


@app.route(route="blocks", auth_level=func.AuthLevel.ANONYMOUS)
async def blocks(req: func.HttpRequest) -> str:
    time.sleep(60)  # noqa: ASYNC251  the fault that is wanted: the loop of the worker stands still
    return "never"


@app.route(route="off", auth_level=func.AuthLevel.ANONYMOUS)
def switched_off(req: func.HttpRequest) -> str:
    return "never"
