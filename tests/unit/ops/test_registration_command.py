"""What the command shows, does and refuses, on an organisation that is a few dictionaries."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.__main__ import main
from shared.core.model import Column
from shared.errors import BadRequest, Complaint, Refused, WrongEnvironment
from shared.ops.registration.command import Order, register
from shared.ops.registration.needs import Reading
from shared.ops.registration.rows import webhook

type Data = Mapping[str, Any]

ORGANIZATION = "b015df52-a05f-ee11-a382-000d3a64db73"
HOOK = webhook("sync: ", "https://app.example/api/dataverse/events", "hush")
READINGS = {
    "account": Reading(
        "account",
        frozenset({"s4/account"}),
        {
            "name": Column("text", max_length=160),
            "cr_number": Column("text", max_length=10),
            "cr_kind": Column("choice"),
        },
        own=frozenset({"cr_number", "cr_kind"}),
        keys=frozenset({"cr_number"}),
    )
}


@dataclass
class Organisation:
    """An organisation without events. `columns` are those of account, `sent` is all that was written."""

    columns: dict[str, str] = field(default_factory=lambda: {"name": "String", "cr_kind": "Picklist"})
    keys: list[str] = field(default_factory=list)
    solutions: Mapping[str, bool] = field(default_factory=dict)
    refuses: str = ""
    sent: list[tuple[str, Data, str]] = field(default_factory=list)

    async def rows(self, path: str) -> Sequence[Data]:
        name = path.partition("?")[0]
        answers: dict[str, list[Data]] = {
            "Attributes": [{"LogicalName": name, "AttributeType": kind} for name, kind in self.columns.items()],
            "Microsoft.Dynamics.CRM.StringAttributeMetadata": [{"LogicalName": "name", "MaxLength": 160}],
            "Keys": [{"KeyAttributes": [name], "EntityKeyIndexStatus": "Active"} for name in self.keys],
            "ManyToOneRelationships": [],
            "organizations": [{"languagecode": 1031}],
            "sdkmessagefilters": [
                {"sdkmessagefilterid": f"f-{name}", "sdkmessageid": {"sdkmessageid": f"m-{name}", "name": name}}
                for name in ("Create", "Update", "Delete", "Merge")
            ],
            "solutions": [
                {"uniquename": name, "ismanaged": managed} for name, managed in self.solutions.items() if name in path
            ],
        }
        return answers.get(name.rpartition("/")[2], [])

    async def one(self, path: str) -> Data | None:
        if path == "WhoAmI":
            return {"OrganizationId": ORGANIZATION}
        head = {
            "PrimaryIdAttribute": "accountid",
            "ChangeTrackingEnabled": True,
            "IsOptimisticConcurrencyEnabled": True,
        }
        return head if "'account'" in path else None

    async def create(self, path: str, values: Data, solution: str = "") -> str:
        if self.refuses and path == self.refuses:
            raise Refused("dataverse: POST: HTTP 400: 0x80040203", (Complaint("0x80040203", f"bad {dict(values)}"),))
        self.sent.append((path, values, solution))
        if path.endswith("/Attributes"):
            self.columns[values["SchemaName"]] = values["AttributeType"]
        if path.endswith("/Keys"):
            self.keys += values["KeyAttributes"]
        return f"id-{len(self.sent)}"

    async def update(self, path: str, values: Data) -> None:
        self.sent.append((path, values, ""))

    async def delete(self, path: str) -> None:
        self.sent.append((path, {}, ""))

    async def close(self) -> None:
        pass


async def ordered(
    organisation: Organisation, readings: Mapping[str, Reading] = READINGS, **order: Any
) -> tuple[int, str]:
    said: list[str] = []
    asked = Order(**{"do": "plan", "name": "sync", "endpoint": HOOK, **order})
    code = await register(asked, readings, organisation, said.append)
    return code, "\n".join(said)


def complete() -> Organisation:
    whole = Organisation(keys=["cr_number"])
    whole.columns["cr_number"] = "String"
    return whole


async def test_a_plan_shows_everything_and_changes_nothing() -> None:
    organisation = complete()
    code, said = await ordered(organisation)
    assert (code, organisation.sent) == (0, [])
    assert f"organisation {ORGANIZATION}, rows named sync: …" in said
    assert "create     endpoint sync: webhook  (posts to https://app.example/api/dataverse/events)" in said
    assert "Update of account  (read by s4/account; when one of these is written: cr_kind, cr_number, name)" in said
    assert "4 create" in said


async def test_no_secret_is_said() -> None:
    for do in ("plan", "apply"):
        assert "hush" not in (await ordered(complete(), do=do, new_secret=True))[1]


async def test_applying_binds_steps_to_the_new_endpoint_and_to_message_and_filter() -> None:
    organisation = complete()
    await ordered(organisation, do="apply")
    (place, endpoint, _), (_, step, _), *_ = organisation.sent
    assert place == "serviceendpoints"
    assert endpoint == {"name": "sync: webhook", **HOOK.values, **HOOK.secrets}
    assert step["name"] == "sync: webhook, Create of account"
    assert step["eventhandler_serviceendpoint@odata.bind"] == "/serviceendpoints(id-1)"
    assert step["sdkmessageid@odata.bind"] == "/sdkmessages(m-Create)"
    assert step["sdkmessagefilterid@odata.bind"] == "/sdkmessagefilters(f-Create)"
    assert not [name for name in step if name.startswith("_")]


async def test_a_missing_column_is_told_fails_the_plan_and_stops_the_registration() -> None:
    organisation = Organisation()
    code, said = await ordered(organisation)
    assert code == 1
    assert "missing    column account.cr_number (text, 10 characters) is not there, for s4/account" in said
    assert "missing    alternate key on account.cr_number is not there" in said
    with pytest.raises(BadRequest, match=r"no event was registered: column account\.cr_number"):
        await ordered(organisation, do="apply")
    assert organisation.sent == []


async def test_columns_are_made_before_their_keys_in_the_base_language_and_then_events() -> None:
    organisation = Organisation(solutions={"Sync": False})
    code, said = await ordered(organisation, do="apply", create_columns=True, solution="Sync")
    assert code == 0
    assert [path.rpartition("/")[2] for path, _, _ in organisation.sent[:3]] == [
        "Attributes",
        "Keys",
        "serviceendpoints",
    ]
    assert organisation.sent[0][1]["DisplayName"]["LocalizedLabels"][0]["LanguageCode"] == 1031
    assert {solution for _, _, solution in organisation.sent} == {"Sync"}
    assert "created    column   account.cr_number" in said


async def test_columns_are_not_made_by_a_plan() -> None:
    organisation = Organisation()
    await ordered(organisation, create_columns=True)
    assert organisation.sent == []


async def test_a_choice_is_not_made_and_so_the_registration_stays_away() -> None:
    organisation = complete()
    del organisation.columns["cr_kind"]
    with pytest.raises(BadRequest, match=r"account\.cr_kind \(choice\) is not there.*made by hand"):
        await ordered(organisation, do="apply", create_columns=True)
    assert organisation.sent == []


async def test_a_table_that_is_not_there_stops_the_registration() -> None:
    with pytest.raises(BadRequest, match="table custom is not there"):
        await ordered(complete(), {"custom": Reading("custom", frozenset({"s4/x"}), {})}, do="apply")


async def test_another_organisation_than_the_configured_one_is_not_touched() -> None:
    organisation = complete()
    with pytest.raises(WrongEnvironment, match="leads to organisation b015df52"):
        await ordered(organisation, do="apply", organization="00000000-0000-4000-8000-000000000001")
    assert (await ordered(organisation, organization=ORGANIZATION.upper()))[0] == 0


@pytest.mark.parametrize("solutions", [{}, {"Sync": True}])
async def test_a_solution_that_is_missing_or_managed_is_refused(solutions: Mapping[str, bool]) -> None:
    organisation = complete()
    organisation.solutions = solutions
    with pytest.raises(BadRequest, match="no unmanaged solution 'Sync'"):
        await ordered(organisation, do="apply", solution="Sync")
    assert organisation.sent == []


@pytest.mark.parametrize("solution", ["Sync' or 1 eq 1", "a b", "x&y"])
async def test_a_solution_name_cannot_reach_beyond_its_place_in_the_query(solution: str) -> None:
    with pytest.raises(BadRequest, match="--solution is the unique name"):
        await ordered(complete(), solution=solution)


async def test_events_have_to_lead_somewhere() -> None:
    with pytest.raises(BadRequest, match="say where events go, --url or --service-bus: sync has 0 endpoints so far"):
        await ordered(complete(), endpoint=None)


async def test_a_refusal_names_the_row_and_drops_words_that_may_quote_the_secret() -> None:
    organisation = complete()
    organisation.refuses = "serviceendpoints"
    with pytest.raises(Refused, match="create endpoint sync: webhook: dataverse: POST: HTTP 400") as refused:
        await ordered(organisation, do="apply")
    assert refused.value.complaints == ()
    organisation.refuses = "sdkmessageprocessingsteps"
    with pytest.raises(Refused, match=re.escape("create step sync: webhook, Create of account")) as other:
        await ordered(organisation, do="apply")
    assert other.value.complaints[0].message.startswith("bad ")


# -------------------------------------------------------------------------------------------------- the command line


def said_by(*arguments: str) -> tuple[int, str]:
    said: list[str] = []
    return main(arguments, said.append), "\n".join(said)


@pytest.mark.parametrize("arguments", [[], ["register"], ["register", "--plan", "--apply"], ["nothing"]])
def test_half_a_command_is_explained(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m shared" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a: b", "it's", "", "x&y", "50%"])
def test_a_name_that_could_be_another_apps_is_refused(name: str) -> None:
    code, said = said_by("register", "--plan", "--url", "https://a.example/x", "--name", name)
    assert (code, said) == (1, "error: --name must be 1 to 60 letters, digits, blanks, dots and dashes")


def test_an_absent_connection_string_is_named_before_anything_is_reached() -> None:
    code, said = said_by("register", "--plan", "--service-bus", "NO_SUCH_VARIABLE")
    assert (code, said) == (1, "error: --service-bus names NO_SUCH_VARIABLE, which the environment does not have")


def test_mappings_are_one_command_away() -> None:
    assert said_by("mappings", "check") == (0, "2 flows ok")
