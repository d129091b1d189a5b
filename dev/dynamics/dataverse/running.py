"""Starting a simulator: for the command line in the foreground, for tests on a thread of its own."""

import random
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dev.dynamics.dataverse.core.org import Clock, Org
from dev.dynamics.dataverse.core.settings import Settings, settings_from
from dev.dynamics.dataverse.data.journal import Journal
from dev.dynamics.dataverse.data.seed import seed_data, seed_platform
from dev.dynamics.dataverse.data.store import Store
from dev.dynamics.dataverse.events.delivery import Delivery
from dev.dynamics.dataverse.events.register import Subscription, subscribe
from dev.dynamics.dataverse.gate.auth import Tokens
from dev.dynamics.dataverse.gate.faults import Faults
from dev.dynamics.dataverse.gate.limits import Protection
from dev.dynamics.dataverse.model.load import load
from dev.dynamics.dataverse.web.server import application
from dev.dynamics.dataverse.web.service import Service

START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Options:
    """What a start can choose beyond the settings."""

    port: int = 0
    host: str = "127.0.0.1"
    tls: bool = False
    seed: bool = False
    columns: Sequence[Path] = ()
    data: Path | None = None
    subscriptions: Sequence[Subscription] = ()
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate and its key, as files."""

    file: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that is up, and what a client needs to know of it; ``service`` is for white-box tests."""

    url: str
    certificate: Path | None
    service: Service = field(repr=False)

    @property
    def api_url(self) -> str:
        """The Web API's address."""
        return f"{self.url}/api/data/v9.2"

    @property
    def tenant(self) -> str:
        """The directory's id."""
        return self.service.org.settings.tenant

    @property
    def token_url(self) -> str:
        """The token endpoint."""
        return f"{self.url}/{self.tenant}/oauth2/v2.0/token"

    @property
    def scope(self) -> str:
        """The scope to ask a token for."""
        return f"{self.url}/.default"

    @property
    def client_id(self) -> str:
        """The first application user's client id."""
        return next(user.client_id for user in self.service.org.settings.users if user.client_id)

    @property
    def client_secret(self) -> str:
        """The first application user's secret."""
        return next(user.client_secret for user in self.service.org.settings.users if user.client_id)

    def token(self, client_id: str = "", client_secret: str = "") -> str:
        """Get a token the way an application does; without arguments as the first application user."""
        own = (self.client_id, self.client_secret)
        known, secret = (client_id, client_secret) if client_id else own
        form = {"grant_type": "client_credentials", "client_id": known, "client_secret": secret, "scope": self.scope}
        answer = httpx.post(self.token_url, data=form, verify=self._trust())
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def client(self, token: str = "", **headers: str) -> httpx.Client:
        """Give an HTTP client for the Web API that carries a token; the caller closes it."""
        bearer = {"Authorization": f"Bearer {token or self.token()}"}
        return httpx.Client(base_url=f"{self.api_url}/", headers={**bearer, **headers}, verify=self._trust())

    def settled(self, seconds: float = 10.0) -> None:
        """Wait until nothing is being delivered any more."""
        end, pause = time.monotonic() + seconds, threading.Event()
        while self.service.delivery.pending:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.service.delivery.pending} deliveries still under way after {seconds} s")
            pause.wait(0.01)

    def _trust(self) -> ssl.SSLContext | bool:
        return ssl.create_default_context(cafile=self.certificate) if self.certificate else True


def build(options: Options) -> Service:
    """Put an organisation together: model, rows, gate and deliveries."""
    settings = options.settings
    model, clock = load(tuple(options.columns)), Clock()
    for name in settings.pending_keys:
        table, _, key = name.partition(".")
        keys = model.tables[table].keys
        keys[key] = replace(keys[key], status="Pending")
    store, chance = Store(model, clock.now), random.Random(settings.seed_chance)
    org = Org(settings, model, store, clock, chance)
    seed_platform(org)
    journal = Journal(options.data / "journal.jsonl") if options.data else None
    replayed = journal.replay(store) if journal else 0
    if replayed:
        chance.seed(
            None if settings.seed_chance is None else settings.seed_chance + replayed
        )  # or the ids of the first run would come again
    if options.seed and not replayed:
        store.begin()
        seed_data(org)
        edits = store.end()
        if journal:
            journal.append(edits)
    for subscription in options.subscriptions:
        subscribe(org, subscription)
    faults = Faults(chance)
    delivery = Delivery(org, faults.events)
    seconds = lambda: clock.now().timestamp()  # noqa: E731 - the clock in another unit
    tokens = Tokens(settings, seconds)
    return Service(org, faults, delivery, Protection(settings.limits, seconds), tokens, journal)


def make_certificate(folder: Path) -> Certificate:
    """Make a self-signed certificate for 127.0.0.1 and localhost, good for a week."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    found = Certificate(folder / "certificate.pem", folder / "key.pem")
    found.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    found.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, secret))
    return found


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket, so that port 0 is known before anything runs."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(2048)
    return listener


def server_of(service: Service, certificate: Certificate | None) -> uvicorn.Server:
    """Give a server, not yet running."""
    tls: dict[str, Any] = {}
    if certificate:
        tls = {"ssl_certfile": str(certificate.file), "ssl_keyfile": str(certificate.key)}
    config = uvicorn.Config(application(service), log_level="warning", access_log=False, lifespan="on", http="h11",
                            timeout_graceful_shutdown=2, **tls)  # fmt: skip
    return uvicorn.Server(config)


@contextmanager
def start(port: int = 0, **options: Any) -> Iterator[Running]:  # noqa: ANN401 - options of several kinds
    """Run a simulator on a thread while the block lasts.

    Options are those of `Options`, and besides every name of `Settings`, e.g.
    ``start(seed=True, page_size=3, limits={"requests": 10})``.
    """
    own = {name: options.pop(name) for name in list(options) if name in Options.__dataclass_fields__}
    base = own.pop("settings", Settings())
    settings = base if isinstance(base, Settings) else settings_from(_mapping(base))
    chosen = Options(port=port, settings=settings_from(options, settings), **own)
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder)) if chosen.tls else None
        service, listener = build(chosen), listen(chosen.host, chosen.port)
        server = server_of(service, certificate)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        scheme = "https" if certificate else "http"
        try:
            _await_start(server, thread)
            address = f"{scheme}://{chosen.host}:{listener.getsockname()[1]}"
            yield Running(address, certificate.file if certificate else None, service)
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)
            listener.close()


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"settings are a Settings or a mapping, not {type(value).__name__}")
    return dict(value)


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    waited = threading.Event()
    for _ in range(int(START_SECONDS / 0.01)):
        if server.started:
            return
        if not thread.is_alive():
            raise RuntimeError("the simulator did not start")
        waited.wait(0.01)
    raise TimeoutError(f"the simulator did not start within {START_SECONDS} s")
