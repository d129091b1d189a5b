from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.model import Column, LineWrite, Scalar, Selection
from shared.errors import BadMapping, BadRequest, Refused
from shared.systems.dataverse.codec import Shape, shape
from shared.systems.dataverse.objects import CATALOGUE, TABLES
from shared.systems.dataverse.values import line_key, row_key, version
from shared.systems.exact_json import dumps_exact, loads_exact

KEY = "7f1d9c4e-6c52-4f5e-9a0b-0c1d2e3f4a5b"
OTHER = "11111111-2222-4333-8444-555555555555"

COLUMNS = {
    **{
        name: CATALOGUE["account"].columns[name] for name in ("name", "creditlimit", "creditonhold", "customertypecode")
    },
    "_parentaccountid_value": CATALOGUE["account"].columns["_parentaccountid_value"],
    "transactioncurrencyid.isocurrencycode": CATALOGUE["account"].columns["transactioncurrencyid.isocurrencycode"],
    "cr_since": Column("date"),
    "cr_seen": Column("instant"),
    "cr_mark": Column("guid"),
}


def account(columns: dict[str, Column] = COLUMNS) -> Shape:
    return shape(Selection("account", columns), TABLES["account"], None, UTC)


def order(zone: str = "UTC") -> Shape:
    known = CATALOGUE["salesorder"]
    lines = {name: known.lines["order_details"][name] for name in ("quantity", "lineitemnumber", "requestdeliveryby")}
    lines |= {
        name: known.lines["order_details"][name]
        for name in ("_productid_value", "productid.productnumber", "uomid.name")
    }
    columns = {name: known.columns[name] for name in ("name", "_customerid_value", "requestdeliveryby")}
    selection = Selection("salesorder", columns, lines="order_details", line_columns=lines)
    return shape(selection, TABLES["salesorder"], TABLES["salesorderdetail"], ZoneInfo(zone))


def test_a_query_selects_the_columns_the_key_and_the_stamps_and_expands_what_lookups_refer_to() -> None:
    assert account().query == (
        "$select=accountid,name,creditlimit,creditonhold,customertypecode,_parentaccountid_value,cr_since,cr_seen,cr_mark,"
        "createdon,modifiedon,_modifiedby_value,versionnumber,merged,_masterid_value"
        "&$expand=transactioncurrencyid($select=isocurrencycode)"
    )


def test_lines_are_expanded_with_what_their_lookups_refer_to() -> None:
    assert order().query.partition("&")[2] == (
        "$expand=order_details($select=salesorderdetailid,quantity,lineitemnumber,requestdeliveryby,_productid_value;"
        "$expand=productid($select=productnumber),uomid($select=name))"
    )


def test_columns_of_one_referred_row_share_an_expand_at_any_depth() -> None:
    columns = {name: Column() for name in ("a.x", "a.b.y", "a.b.z", "c.v")}
    assert account(columns).query.partition("$expand=")[2] == ("a($select=x;$expand=b($select=y,z)),c($select=v)")


ROW: dict[str, Any] = {
    "@odata.etag": 'W/"4711"',
    "accountid": KEY.upper(),
    "name": "Bäckerei O'Hara & Söhne ☂",
    "creditlimit": Decimal("1250.5000"),
    "creditonhold": False,
    "customertypecode": 3,
    "_parentaccountid_value": OTHER.upper(),
    "transactioncurrencyid": {"isocurrencycode": "EUR"},
    "cr_since": "2024-02-29",
    "cr_seen": "2026-03-01T10:11:12.1234567Z",
    "cr_mark": None,
    "createdon": "2026-01-01T00:00:00Z",
    "modifiedon": "2026-02-01T08:30:00Z",
    "_modifiedby_value": OTHER,
    "versionnumber": 4711,
    "merged": False,
    "_masterid_value": None,
}


def test_a_row_becomes_a_record() -> None:
    record = account().record(ROW)
    assert record.values == {
        "name": "Bäckerei O'Hara & Söhne ☂",
        "creditlimit": Decimal("1250.5"),
        "creditonhold": False,
        "customertypecode": 3,
        "_parentaccountid_value": OTHER,
        "transactioncurrencyid.isocurrencycode": "EUR",
        "cr_since": date(2024, 2, 29),
        "cr_seen": datetime(2026, 3, 1, 10, 11, 12, 123456, tzinfo=UTC),
        "cr_mark": None,
    }
    assert (record.key, record.etag, record.version) == (KEY, 'W/"4711"', 4711)
    assert record.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert record.changed_at == datetime(2026, 2, 1, 8, 30, tzinfo=UTC)
    assert (record.changed_by, record.merged_into) == (OTHER, "")


def test_a_merged_row_names_the_row_that_swallowed_it() -> None:
    assert account().record({**ROW, "merged": True, "_masterid_value": OTHER.upper()}).merged_into == OTHER


def test_a_lookup_that_refers_to_nothing_reads_as_nothing() -> None:
    values = account().values({**ROW, "transactioncurrencyid": None, "_parentaccountid_value": None})
    assert values["transactioncurrencyid.isocurrencycode"] is None
    assert values["_parentaccountid_value"] is None


def test_a_column_of_another_type_than_declared_is_named_and_its_value_is_not() -> None:
    with pytest.raises(BadMapping, match=r"account\.cr_since: expected date") as caught:
        account().values({**ROW, "cr_since": "secret"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("missing", ["name", "versionnumber", "transactioncurrencyid"])
def test_a_writes_answer_without_all_that_a_read_gives_is_not_whole(missing: str) -> None:
    assert account().whole(ROW)
    assert not account().whole({name: value for name, value in ROW.items() if name != missing})


@pytest.mark.parametrize(
    ("lines", "link", "left"),
    [
        ([], "", False),
        ([{}], "", False),
        ([{}], "https://x/salesorders(1)/order_details", False),
        ([{}], "https://x/salesorders(1)/order_details?$select=quantity&$expand=productid($select=name)", False),
        ([{}], "https://x/salesorders(1)/order_details?$select=quantity&$skiptoken=2", True),
        ([{}], "https://x/continue?cursor=2", True),
        ([], "https://x/salesorders(1)/order_details", True),
    ],
)
def test_lines_are_all_there_unless_a_link_continues_them_or_stands_for_them(
    lines: list[object], link: str, *, left: bool
) -> None:
    row = {**dict.fromkeys(order().asked), "order_details": lines}
    row |= {"order_details@odata.nextLink": link} if link else {}
    assert bool(order().lines_left(row)) is left
    assert order().whole(row) is not left


def test_lines_come_in_the_order_of_their_numbers() -> None:
    rows = [
        {"salesorderdetailid": f"{place:032x}", "lineitemnumber": number, "quantity": Decimal(1)}
        for place, number in enumerate([3, 1, 2])
    ]
    assert [line.values["lineitemnumber"] for line in order().lines(rows)] == [1, 2, 3]


def test_versions_come_from_the_column_or_the_etag() -> None:
    assert version({"versionnumber": "12"}) == 12
    assert version({"@odata.etag": 'W/"13"'}) == 13
    assert version({"@odata.etag": 'W/"x"'}) is None
    assert version({}) is None


def test_a_body_binds_lookups_and_keeps_amounts_exact() -> None:
    body = account().body(
        {
            "name": "A",
            "creditlimit": Decimal("10.10"),
            "creditonhold": True,
            "customertypecode": "3",
            "_parentaccountid_value": OTHER.upper(),
            "cr_since": date(2024, 2, 29),
            "cr_seen": datetime(2026, 3, 1, 11, 0, tzinfo=ZoneInfo("Europe/Berlin")),
        }
    )
    assert dumps_exact(body).decode() == (
        '{"name":"A","creditlimit":10.10,"creditonhold":true,"customertypecode":3,'
        f'"parentaccountid@odata.bind":"/accounts({OTHER})","cr_since":"2024-02-29","cr_seen":"2026-03-01T10:00:00Z"}}'
    )


def test_clearing_writes_null_and_unbinds() -> None:
    assert account().body({"name": None, "_parentaccountid_value": None}) == {
        "name": None,
        "parentaccountid@odata.bind": None,
    }


def test_a_lookup_named_without_its_wire_form_is_read_and_bound() -> None:
    made = account({"cr_depotid": Column("lookup", bind="cr_DepotId", target="cr_depots")})
    assert "_cr_depotid_value" in made.query
    assert made.values({"_cr_depotid_value": OTHER}) == {"cr_depotid": OTHER}
    assert made.body({"cr_depotid": OTHER}) == {"cr_DepotId@odata.bind": f"/cr_depots({OTHER})"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("creditlimit", 1.5),
        ("creditlimit", "ten"),
        ("creditonhold", "yes"),
        ("customertypecode", "Customer"),
        ("customertypecode", True),
        ("cr_since", datetime(2026, 1, 1, tzinfo=UTC)),
        ("cr_since", "01.02.2026"),
        ("cr_seen", datetime(2026, 1, 1)),
        ("cr_seen", date(2026, 1, 1)),
        ("name", True),
        ("cr_mark", "not a guid"),
        ("_parentaccountid_value", 5),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_its_column_before_anything_is_sent(name: str, value: Scalar) -> None:
    with pytest.raises(Refused, match="nothing was sent") as caught:
        account().body({name: value})
    assert caught.value.complaints[0].column == name


def test_what_cannot_be_written_is_a_mistake_of_the_mapping() -> None:
    with pytest.raises(BadMapping, match="referred row"):
        account().body({"transactioncurrencyid.isocurrencycode": "EUR"})
    with pytest.raises(BadMapping, match="selected are"):
        account().body({"fax": "1"})
    with pytest.raises(BadMapping, match="bind"):
        account({"_x_value": Column("lookup")}).body({"_x_value": OTHER})


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"name": "O'Neil & Söhne + 100% #1"}, "name eq 'O''Neil & Söhne + 100% #1'"),
        ({"creditlimit": Decimal("1E+3")}, "creditlimit eq 1000"),
        ({"creditonhold": True}, "creditonhold eq true"),
        ({"customertypecode": 3, "name": "A"}, "customertypecode eq 3 and name eq 'A'"),
        ({"_parentaccountid_value": OTHER.upper()}, f"_parentaccountid_value eq {OTHER}"),
        ({"cr_since": date(2024, 2, 29)}, "cr_since eq 2024-02-29"),
        ({"cr_seen": datetime(2024, 2, 29, tzinfo=UTC)}, "cr_seen eq 2024-02-29T00:00:00Z"),
        ({"transactioncurrencyid.isocurrencycode": "EUR"}, "transactioncurrencyid/isocurrencycode eq 'EUR'"),
        ({"name": None}, "name eq null"),
    ],
)
def test_a_filter_has_literals_by_type(where: dict[str, Scalar], expected: str) -> None:
    encoded = account().where(where)
    assert unquote(encoded) == expected
    assert not set(encoded) & set(' &+#"<>')


@given(st.text())
def test_no_text_escapes_from_its_literal(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair is no text on any wire
        return
    literal = unquote(account().where({"name": text})).removeprefix("name eq ")
    assert literal[0] == literal[-1] == "'"
    assert literal[1:-1].replace("''", "").count("'") == 0
    assert literal[1:-1].replace("''", "'") == text


@pytest.mark.parametrize(
    ("zone", "wire"),
    [
        ("UTC", "2026-03-01T00:00:00Z"),
        ("Europe/Berlin", "2026-02-28T23:00:00Z"),
        ("America/New_York", "2026-03-01T05:00:00Z"),
    ],
)
def test_a_day_that_travels_as_a_point_in_time_is_the_midnight_of_the_zone(zone: str, wire: str) -> None:
    assert order(zone).body({"requestdeliveryby": date(2026, 3, 1)}) == {"requestdeliveryby": wire}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("writer", ["UTC", "Europe/Berlin", "Europe/Athens", "America/New_York"])
def test_a_day_is_read_as_meant_by_whoever_set_it(zone: str, writer: str) -> None:
    wire = order(writer).body({"requestdeliveryby": date(2026, 7, 15)})["requestdeliveryby"]
    if (zone, writer) in {("Asia/Tokyo", "America/New_York"), ("America/New_York", "Asia/Tokyo")}:
        return  # 13 hours apart: no reading of the wire can tell
    assert order(zone).values({"requestdeliveryby": wire})["requestdeliveryby"] == date(2026, 7, 15)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=30),
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)),
    st.uuids(),
)
def test_what_is_written_is_read_back(amount: Decimal, text: str, moment: datetime, key: object) -> None:
    made = account()
    sent: dict[str, Scalar] = {
        "name": text,
        "creditlimit": amount,
        "cr_since": moment.date(),
        "cr_seen": moment.replace(microsecond=0, tzinfo=UTC),
        "cr_mark": str(key),
    }
    read = made.values(loads_exact(dumps_exact(made.body(sent))))
    assert {name: read[name] for name in sent} == sent


def test_a_new_line_has_a_key_that_its_peer_gives_it() -> None:
    line = LineWrite("add", "", {"quantity": Decimal(2)}, peer="000010")
    body = order().add(line, KEY, bind=True)
    assert body == {
        "salesorderdetailid": line_key(KEY, "000010"),
        "salesorderid@odata.bind": f"/salesorders({KEY})",
        "quantity": Decimal(2),
    }
    assert order().add(line, KEY, bind=False).keys() == {"salesorderdetailid", "quantity"}
    assert order().add(line, OTHER, bind=True)["salesorderdetailid"] != body["salesorderdetailid"]
    nameless = replace(line, peer="")
    assert order().add(nameless, KEY, bind=True) != order().add(nameless, KEY, bind=True)


def test_a_key_has_one_form_and_nothing_else_is_a_key() -> None:
    assert row_key("{" + KEY.upper() + "}") == KEY
    with pytest.raises(BadRequest, match="GUID"):
        row_key("0000100001")


def test_the_catalogue_says_what_may_be_written() -> None:
    columns = CATALOGUE["salesorder"].columns
    assert (columns["ordernumber"].create, columns["ordernumber"].update) == (True, False)
    assert (columns["createdon"].create, columns["createdon"].update) == (False, False)
    assert columns["name"] == Column("text", max_length=300)
    assert columns["_customerid_value"] == Column("lookup", bind="customerid_account", target="accounts")
    assert not CATALOGUE["salesorder"].lines["order_details"]["productid.productnumber"].update
    assert "salesorderdetail" not in CATALOGUE
