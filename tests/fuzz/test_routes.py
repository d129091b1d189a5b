"""Whatever is sent to whichever route: an answer in time, never a 500, and a refusal that says why."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.house import FLOW, SECRET, House, routes
from tests.fuzz.spoiled import FUZZ, header, posted, sent
from tests.laws.world import D1

ROUTES = dict(routes())
SEEN = ["k1:aa", "k1:bb"]
GOOD: dict[str, Any] = {
    "sync_now_asked": {"flow": FLOW, "side": "dynamics", "keys": [D1, "2"], "replay": False},
    "backfill_asked": {
        "flow": FLOW, "side": "sap", "filter": {"key": {"ge": "10"}, "town": {"in": ["Oslo", None]}, "zip": "1"},
        "dry_run": True, "limit": 5, "sample": 3,
    },
    "reconcile_asked": {"flow": FLOW, "repair": False},
    "reconcile_approved": {"flow": FLOW, "run": "reconcile-1"},
    "replay_asked": {"flow": FLOW, "keys": [D1], "side": "dynamics", "deleted": False},
    "discard_asked": {"flow": FLOW, "cause": "clash", "reason": "test data"},
    "choice_made": {
        "fields": {
            "city": {"take": "value", "value": ["Rome"], "as": "sap", "seen": SEEN},
            "postal": {"take": "sap", "seen": SEEN},
        }
    },
    "pause_asked": {"name": FLOW, "reason": "closing"},
    "resume_asked": {"name": "s4"},
}  # fmt: skip
PATHS = [f"{FLOW}/{D1}", f"{FLOW}/1000001", f"partner/{D1}", FLOW, "c-2", "dead/changes/id-1", ""]
PARAMETERS = ["flow", "cause", "code", "limit", "x"]


def paths() -> st.SearchStrategy[str]:
    whole = st.sampled_from(PATHS)
    return st.one_of(whole, sent(), st.builds("{}/{}".format, whole, sent()), st.builds("s4/partner/{}".format, sent()))


def calls(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "body": posted(GOOD.get(name, {"a": 1})),
            "route_params": st.fixed_dictionaries({}, optional={"path": paths(), "id": paths()}),
            "params": st.dictionaries(st.sampled_from(PARAMETERS), st.one_of(st.just(FLOW), sent()), max_size=3),
            "headers": st.dictionaries(st.sampled_from(["x-webhook-secret", "x"]), header(), max_size=2),
        }
    )


@pytest.fixture(scope="module")
def house() -> House:
    return House().furnished()


@pytest.mark.parametrize("name", ROUTES)
def test_every_route_answers_whatever_it_is_sent(name: str) -> None:
    @FUZZ
    @given(st.data())
    def answered(data: st.DataObject) -> None:
        said = data.draw(calls(name))
        house = House().furnished()
        found = house.ask(name, **said)
        assert found.status < 500, found
        assert found.status < 400 or says_why(found.body), found
        house.work_off()  # what it has enqueued is no bug either

    answered()


def says_why(body: Any) -> bool:
    return isinstance(body, dict) and isinstance(body.get("message"), str) and len(body["message"]) > 3


@pytest.mark.parametrize("name", GOOD)
def test_what_is_not_spoiled_is_understood(name: str) -> None:
    import json

    house = House().furnished()
    path = {"path": f"{FLOW}/{D1}"} if name == "choice_made" else {}
    found = house.ask(name, body=json.dumps(GOOD[name]).encode(), route_params=path)
    assert found.status in (200, 202, 400, 409), found
    assert "JSON" not in str(found.body), found


@pytest.mark.parametrize("name", ["dataverse_events_received", "sap_events_received"])
def test_who_does_not_know_the_secret_gets_401_however_it_is_put(name: str) -> None:
    names = st.sampled_from(["Authorization", "x-webhook-secret", "authorization"])
    words = st.sampled_from(["", "Bearer ", "Basic ", "basic", "Basic Zm9v", "Basic é", "Digest "])

    @FUZZ
    @given(st.dictionaries(names, st.builds(str.__add__, words, header())), st.dictionaries(st.just("code"), sent()))
    def refused(headers: dict[str, str], params: dict[str, str]) -> None:
        found = House().ask(name, body=b"{}", headers=headers, params=params)
        assert SECRET not in str((headers, params))
        assert found.status == 401, found
        assert says_why(found.body)

    refused()
