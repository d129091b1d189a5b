"""Runs the bus in the foreground: puts the parts together, says when it is ready, and ends in order on a signal."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path

from dev.servicebus.admin import AdminPort, Controls, FaultRequest
from dev.servicebus.amqp.broker import Broker
from dev.servicebus.amqp.server import Server
from dev.servicebus.faults import Faults
from dev.servicebus.queues.definition import Definitions
from dev.servicebus.queues.namespace import Namespace
from dev.servicebus.store import Store

HOST = "127.0.0.1"
STORE_FILE = "servicebus.sqlite3"
ADMIN_WAIT_SECONDS = 10


def now_ms() -> int:
    """Tell the time as the bus counts it: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


async def serve(definitions: Definitions, data: Path, port: int, admin_port: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Prints one line for each port when it is open; port 0 takes any that is free."""
    with contextlib.closing(Store(data / STORE_FILE)) as store:
        namespace = Namespace(definitions, now_ms, store)
        store.load(namespace)
        faults = Faults()
        server = Server(Broker(namespace, now_ms, faults), now_ms, store.commit)
        stopped = _until_stopped()
        listening = await server.listen(HOST, port)
        with contextlib.ExitStack() as ports:
            print(f"service bus ready amqp://{HOST}:{listening}", flush=True)
            if admin_port is not None:
                admin = AdminPort(admin_port, _controls(namespace, faults, server))
                ports.callback(admin.close)
                print(f"service bus admin http://{HOST}:{admin.port}", flush=True)
            server.turn()
            await stopped
        await server.close()


def _until_stopped() -> asyncio.Future[None]:
    """Make a future that ends with a signal, or with the first error in the loop.

    A bus that cannot handle or store something must die with it: going on, it would break its promises silently.
    """
    loop = asyncio.get_running_loop()
    stopped = loop.create_future()

    def stop(error: BaseException | None = None) -> None:
        if stopped.done():
            return
        if error is None:
            stopped.set_result(None)
        else:
            stopped.set_exception(error)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.set_exception_handler(lambda _, context: stop(context.get("exception") or RuntimeError(context["message"])))
    return stopped


def _controls(namespace: Namespace, faults: Faults, server: Server) -> Controls:
    loop = asyncio.get_running_loop()

    def on_loop[T](act: Callable[[], T]) -> T:
        async def run() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), loop).result(ADMIN_WAIT_SECONDS)

    def apply(request: FaultRequest) -> None:
        faults.drop_next_sends += request.drop_next_sends
        faults.refuse_sends += request.refuse_sends
        faults.lose_next_answers += request.lose_next_answers
        if request.expire_locks:
            for queue in namespace:
                queue.expire_locks()
        if request.drop_connections:
            server.cut_all()
        server.turn()

    return Controls(counts=lambda: on_loop(namespace.counts), apply=lambda request: on_loop(lambda: apply(request)))
