import asyncio
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import parse_qs

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from shared.errors import NotAllowed, SyncError, Throttled, Unavailable
from shared.systems.dataverse.auth import Token, Tokens, from_client_secret, from_credential
from shared.systems.http import Http
from tests.wire import answer, serving


class Issuer:
    """Issues t1, t2, ... each good for an hour of `clock`."""

    def __init__(self) -> None:
        self.clock = 1000.0
        self.issued = 0

    async def __call__(self) -> Token:
        self.issued += 1
        token = Token(f"t{self.issued}", self.clock + 3600)
        await asyncio.sleep(0)
        return token


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def tokens(issuer: Issuer) -> Tokens:
    return Tokens(issuer, now=lambda: issuer.clock)


async def test_a_token_is_fetched_once_for_all_who_wait(tokens: Tokens, issuer: Issuer) -> None:
    assert set(await asyncio.gather(*(tokens() for _ in range(10)))) == {"t1"}
    assert issuer.issued == 1


async def test_a_token_is_kept_until_five_minutes_before_it_ends(tokens: Tokens, issuer: Issuer) -> None:
    await tokens()
    issuer.clock += 3299
    assert await tokens() == "t1"
    issuer.clock += 2
    assert await tokens() == "t2"


async def test_a_refused_token_is_replaced_once_for_all_who_were_refused(tokens: Tokens, issuer: Issuer) -> None:
    first = await tokens()
    assert set(await asyncio.gather(*(tokens(refused=first) for _ in range(5)))) == {"t2"}
    assert await tokens(refused=first) == "t2"
    assert issuer.issued == 2


async def test_a_failed_fetch_is_tried_again_by_the_next_caller() -> None:
    said: list[Any] = [Unavailable("down"), Token("t", 1e12)]

    async def fetch() -> Token:
        outcome = said.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, Token)
        return outcome

    tokens = Tokens(fetch)
    with pytest.raises(Unavailable):
        await tokens()
    assert await tokens() == "t"


class Credential:
    """An azure credential that says what it is told, and writes down the scopes."""

    def __init__(self, outcome: AccessToken | Exception) -> None:
        self.outcome = outcome
        self.scopes: list[str] = []

    async def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.scopes += scopes
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


async def test_a_credential_is_asked_for_the_organisation() -> None:
    credential = Credential(AccessToken("secret-text", 10**11))
    assert await from_credential(credential, "https://contoso.crm4.dynamics.com/")() == "secret-text"
    assert credential.scopes == ["https://contoso.crm4.dynamics.com/.default"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [(ClientAuthenticationError("no"), NotAllowed), (ServiceRequestError("no route"), Unavailable)],
)
async def test_a_credentials_failure_is_ours(error: Exception, expected: type[SyncError]) -> None:
    with pytest.raises(expected):
        await from_credential(Credential(error), "https://x")()


def test_a_token_does_not_show_itself() -> None:
    assert "secret-text" not in repr(Token("secret-text", 1.0))


async def by_secret(reply: bytes, check: Callable[[dict[str, list[str]]], None] = lambda _: None) -> str:
    http = Http("dataverse", timeout_seconds=5)
    async with serving(lambda _: reply) as wire:
        token = from_client_secret(http, f"{wire.url}/t/oauth2/v2.0/token", "client", "se&cret", "https://x/.default")
        try:
            return await token()
        finally:
            await http.close()
            check(parse_qs(wire.asked[0].body.decode()))


async def test_client_credentials_are_sent_as_a_form() -> None:
    def check(form: dict[str, list[str]]) -> None:
        assert form == {
            "grant_type": ["client_credentials"],
            "client_id": ["client"],
            "client_secret": ["se&cret"],
            "scope": ["https://x/.default"],
        }

    assert await by_secret(answer(200, '{"access_token":"abc","expires_in":3599}'), check) == "abc"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer(400, '{"error":"invalid_client"}'), NotAllowed),
        (answer(401), NotAllowed),
        (answer(200, "{}"), NotAllowed),
        (answer(200, "<html>"), Unavailable),
        (answer(429, Retry_After="3"), Throttled),
        (answer(503), Unavailable),
    ],
)
async def test_a_token_that_does_not_come_is_an_error_of_ours(reply: bytes, expected: type[SyncError]) -> None:
    with pytest.raises(expected) as caught:
        await by_secret(reply)
    assert "se&cret" not in str(caught.value)
