"""A local Azure Functions host: runs a Python v2-model `function_app.py` on Microsoft's own Python runtime.

It does what the .NET host does around that runtime: HTTP routes and keys, the Service Bus pumps, timers, settings,
host.json, worker processes. It is for development and tests, and is never deployed.

What it cannot prove, because the real host and its .NET extensions do it in Azure:
* how the Service Bus extension and the scale controller share sessions and messages among instances, and their timing;
* which further trigger metadata, headers and log lines the real host adds, and its telemetry;
* that a trigger's identity has the roles it needs: identity connections are made as declared, never tried here;
* Easy Auth and the front end: `X-MS-CLIENT-PRINCIPAL` reaches the function as the caller sent it;
* cold start, placeholder specialisation and what happens to instances during a deployment.

Known differences:
* a trace parent is handed over as it came; the real host puts a span of its own between;
* `/admin/host/status` asks for no key;
* an app in which one function is in error does not start at all;
* a retry policy is honoured for timers, where the real host honours it; for HTTP and Service Bus the log says no;
* of host.json it refuses what it lacks, and also what the real host passes over, such as a name that is misspelt;
* logs are for all functions at the level of `Function`, else `default`; a function's own category has no effect;
* no home page at `/`, no CORS;
* `FUNCTIONS_WORKER_PROCESS_COUNT` is ignored: `--workers` are instances, each with pumps of its own.
"""

from dev.host.processes.launch import Host, HostNotStarted, start

__all__ = ["Host", "HostNotStarted", "start"]
