"""The weekly health report's route: a page for people, JSON for programs."""

import azure.functions as func

from shared.errors import BadRequest
from shared.ops.watch.report.kept import find
from shared.ops.watch.report.page import HEADERS, as_json, as_page
from shared.triggers.access.callers import Caller
from shared.triggers.access.guard import guarded
from shared.triggers.answers import answer
from shared.wiring import WORKER

blueprint = func.Blueprint()


@guarded(blueprint, "GET", "ops/report/{*week}")
async def health_report(req: func.HttpRequest, _: Caller) -> func.HttpResponse:
    """Return the latest report, or that of a week: ops/report/2026-W48. JSON for `Accept: application/json`."""
    try:
        report, before = await find((req.route_params.get("week") or "").strip("/"), await WORKER.app())
    except BadRequest as error:
        return answer(404, str(error))
    accepted = req.headers.get("Accept", "").lower()
    if "application/json" in accepted and "text/html" not in accepted:
        return answer(200, as_json(report, before), HEADERS)
    return func.HttpResponse(as_page(report, before), headers=HEADERS, mimetype="text/html", charset="utf-8")
