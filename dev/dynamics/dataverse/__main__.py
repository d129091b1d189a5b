"""``python -m dev.dynamics.dataverse --port 8080 --seed-data``: a Dataverse for the local cloud."""

import argparse
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from dev.dynamics.dataverse.core.settings import Settings, read_settings, settings_from
from dev.dynamics.dataverse.events.register import Subscription
from dev.dynamics.dataverse.running import Options, build, listen, make_certificate, server_of


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("dev.dynamics.dataverse", description="A strict Dataverse Web API v9.2.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--tls", action="store_true", help="with a self-signed certificate, whose path is printed")
    parser.add_argument("--no-auth", action="store_true", help="calls need no token; for play by hand")
    parser.add_argument("--seed-data", action="store_true", help="units, prices, products and accounts")
    parser.add_argument("--columns", type=Path, action="append", default=[], metavar="FILE", help="more columns")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="JSON with names of Settings")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep rows there and take them up again")
    parser.add_argument("--webhook", metavar="URL", help="send all events there")
    parser.add_argument("--webhook-header", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--service-bus", metavar="CONNECTION_STRING", help="send all events to a queue")
    parser.add_argument("--queue", default="dataverse-events")
    return parser.parse_args(given)


def _subscriptions(chosen: argparse.Namespace) -> list[Subscription]:
    found = []
    if chosen.webhook:
        headers = dict(item.partition("=")[::2] for item in chosen.webhook_header)
        found.append(Subscription(chosen.webhook, headers=headers))
    if chosen.service_bus:
        found.append(Subscription(connection=chosen.service_bus, queue=chosen.queue))
    return found


def main(given: list[str]) -> None:
    """Run until stopped."""
    chosen = _arguments(given)
    settings = read_settings(chosen.settings) if chosen.settings else Settings()
    if chosen.no_auth:
        settings = settings_from({"auth": False}, settings)
    options = Options(chosen.port, chosen.host, chosen.tls, chosen.seed_data, chosen.columns, chosen.data,
                      _subscriptions(chosen), settings)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder)) if options.tls else None
        try:
            listener = listen(options.host, options.port)
        except OSError as error:
            raise SystemExit(f"dataverse: cannot listen on port {options.port}: {error.strerror}") from None
        server = server_of(build(options), certificate)
        signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
        if certificate:
            print(f"certificate {certificate.file}", flush=True)
        scheme = "https" if certificate else "http"
        print(f"dataverse ready {scheme}://{options.host}:{listener.getsockname()[1]}", flush=True)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1:])
