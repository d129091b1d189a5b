from pathlib import Path

import pytest

from shared.errors import BadMapping
from shared.mapping.flow import Birthmark
from tests.unit.mapping.world import COUNTRIES, HEADER, account, load

CITY = "  city: {owner: both, dynamics: city, sap: City}"
ORDER = """
flow: order
dynamics: {system: dataverse, table: order}
sap: {system: s4, object: Order}
birthmark: {dynamics: sapnumber, sap: Reference, holds: ordernumber}
create: [sap]
fields:
  sold_to: {owner: dynamics, dynamics: _customer_value, sap: SoldTo, via: {link: {to: account, required: true}}}
lines:
  dynamics: details
  sap: to_Item
  match: {dynamics: sapitem, sap: Item}
  same: product
  birthmark: {sap: Purchase, holds: line}
  create: [sap]
  gone: reject
  reject: {Reason: 61}
  fields:
    product: {owner: dynamics, dynamics: product, sap: Material}
    quantity: {owner: dynamics, dynamics: quantity, sap: Quantity}
    currency: {owner: dynamics, dynamics: header.currency, sap: Currency}
    item: {owner: sap, dynamics: sapitem, sap: Item}
"""


def faults(folder: Path, fields: str, more: str = "", **settings: str) -> list[str]:
    with pytest.raises(BadMapping) as raised:
        account(folder, fields, more, **settings)
    first, *lines = str(raised.value).splitlines()
    assert first == f"{len(lines)} fault{'s' * (len(lines) > 1)} in mapping files"
    return lines


# ------------------------------------------------------------------------------------------------------- what is loaded


def test_a_flow_says_what_it_reads_of_each_side(tmp_path: Path) -> None:
    more = """parts: {tax: {Type: [T1, {setting: S4_TAX}]}}
birthmark: {dynamics: number, sap: Mark}
match: [{dynamics: number, sap: Partner}, {dynamics: city, sap: tax.Number}]
when: {dynamics: {type: {in: [3]}}, sap: {Blocked: false}}
create: [dynamics, sap]
retire: {dynamics: {hold: true}, sap: {Blocked: true}}
sweep: {every: 15m}
copies: new
unretire: true
enabled: false
"""
    flow = account(tmp_path, CITY, more, S4_TAX="T2", S4_CLIENT="200")
    assert flow.name == "s4/account"
    assert flow.pair == "dataverse.account@s4.200.Partner"
    assert flow.systems == {"dynamics": "dataverse", "sap": "s4"}
    assert list(flow.selections["dynamics"].columns) == ["city", "type", "number", "hold"]
    assert list(flow.selections["sap"].columns) == ["City", "Blocked", "Partner", "tax.Number", "Mark"]
    assert flow.selections["sap"].columns["City"].max_length == 40
    assert flow.selections["sap"].parts == {"tax": {"Type": ("T1", "T2")}}
    assert (flow.selections["dynamics"].object, flow.selections["sap"].object) == ("account", "Partner")
    assert flow.birthmark == Birthmark("number", "Mark")
    assert flow.match[0] == {"dynamics": "number", "sap": "Partner"}
    assert flow.takes["dynamics"]({"type": 3})
    assert not flow.takes["dynamics"]({"type": 4})
    assert flow.takes["sap"]({"Blocked": False})
    assert (flow.create, flow.copies, flow.unretire, flow.enabled) == ({"dynamics", "sap"}, "new", True, False)
    assert flow.retire == {"dynamics": {"hold": True}, "sap": {"Blocked": True}}
    assert flow.sweep == {"every": "15m"}


def test_a_document_has_rows_for_its_lines(tmp_path: Path) -> None:
    flow = load(tmp_path, {"account": HEADER + "fields:\n" + CITY, "order": ORDER})["s4/order"]
    lines = flow.lines
    assert lines is not None
    assert [field.name for field in lines.rows.fields] == ["product", "quantity", "currency", "item"]
    assert lines.header == {"dynamics": ("header.currency",), "sap": ()}
    assert lines.rows.carry["dynamics"]({"header.currency": "EUR"}, {})[2] == "EUR"
    assert (lines.match, lines.same) == (({"dynamics": "sapitem", "sap": "Item"},), ("product",))
    assert (lines.create, lines.gone, lines.reject) == ({"sap"}, "reject", {"Reason": "61"})
    assert (lines.birthmark, lines.holds) == ("Purchase", "line")
    dynamics, sap = flow.selections["dynamics"], flow.selections["sap"]
    assert list(dynamics.columns) == ["_customer_value", "sapnumber", "ordernumber", "currency"]
    assert (dynamics.lines, list(dynamics.line_columns)) == ("details", ["product", "quantity", "sapitem", "line"])
    assert list(sap.line_columns) == ["Material", "Quantity", "Currency", "Item", "Purchase", "Reason"]
    assert flow.rows.fields[0].required


def test_lines_that_are_only_read_need_no_birthmark(tmp_path: Path) -> None:
    text = ORDER.replace("  birthmark: {sap: Purchase, holds: line}\n  create: [sap]\n", "  create: []\n")
    text = text.replace("  match: {dynamics: sapitem, sap: Item}\n  same: product\n", "")
    lines = load(tmp_path, {"account": HEADER + "fields:\n" + CITY, "order": text})["s4/order"].lines
    assert lines is not None
    assert (lines.birthmark, lines.holds, lines.create) == ("", "", frozenset())


def test_a_line_birthmark_can_be_a_code_of_the_lines_key(tmp_path: Path) -> None:
    text = ORDER.replace("{sap: Purchase, holds: line}", "{sap: Purchase}")
    lines = load(tmp_path, {"account": HEADER + "fields:\n" + CITY, "order": text})["s4/order"].lines
    assert lines is not None
    assert (lines.birthmark, lines.holds) == ("Purchase", "")


def test_the_client_has_a_default(tmp_path: Path) -> None:
    assert account(tmp_path, CITY).pair == "dataverse.account@s4.100.Partner"


def test_a_customers_own_column_extends_what_the_system_knows(tmp_path: Path) -> None:
    more = (
        "columns: {dynamics: {cr_x: {type: decimal, scale: 2}, city: {max_length: 50}}, sap: {YY1_x: {type: decimal}}}"
    )
    fields = "  x: {owner: both, dynamics: cr_x, sap: YY1_x}\n  city: {owner: sap, dynamics: city, sap: City}"
    flow = account(tmp_path, fields, more)
    assert flow.selections["dynamics"].columns["cr_x"].scale == 2
    assert flow.selections["dynamics"].columns["city"].max_length == 50


def test_settings_stand_wherever_a_constant_does(tmp_path: Path) -> None:
    fields = """  group: {owner: dynamics, sap: Grouping, const: {setting: S4_GROUP}, on: create}
  search: {owner: dynamics, sap: Search, cases: [{then: {setting: S4_GROUP}}]}
  type: {owner: sap, dynamics: type, const: {setting: S4_TYPE}}"""
    flow = account(tmp_path, fields, S4_GROUP="0001", S4_TYPE="3")
    assert flow.rows.read["dynamics"]({})[:2] == ("0001", "0001")
    assert flow.rows.read["sap"]({})[2] == 3


# ------------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{owner: both, dynamics: cty, sap: City}", "x.dynamics: unknown column 'cty'; did you mean 'city'?"),
        ("{owner: both, dynamics: city, sap: Town}", "x.sap: unknown column 'Town'"),
        ("{owner: both, dynamics: city}", "x: needs a column in sap, or one of const, cases, calc"),
        ("{owner: both, dynamics: city, sap: City, via: splitt}", "unknown verb 'splitt'; did you mean 'split'?"),
        ("{owner: both, dynamics: city, sap: City, via: {split: {wide: 4}}}", "width: Field required"),
        (
            "{owner: both, dynamics: city, sap: City, via: {split: {width: '4'}}}",
            "width: Input should be a valid integer",
        ),
        ("{owner: both, dynamics: city, sap: City, via: {trim: {}, lower: {}}}", "expected one verb"),
        ("{owner: both, dynamics: city, sap: City, via: 5}", "expected one verb"),
        (
            "{owner: both, dynamics: city, sap: [Name1, Name2], via: {split: {width: 0}}}",
            "width is 0, expected at least 1",
        ),
        ("{owner: both, dynamics: city, sap: City, viaa: trim}", "x.viaa: unknown key; did you mean 'via'?"),
        ("{owner: bot, dynamics: city, sap: City}", "x.owner.until_linked: found 'bot'; did you mean 'both'?"),
        ("{dynamics: city, sap: City}", "x: 'owner' is missing"),
        ("{owner: both, dynamics: city, sap: City, on: creat}", "x.on: found 'creat'; did you mean 'create'?"),
        (
            "{owner: both, dynamics: city, sap: City, personal: no}",
            "x.personal: found 'no': input should be a valid boolean",
        ),
        (
            "{owner: both, dynamics: city, sap: City, check: {max_len: 1}}",
            "check.max_len: unknown key; did you mean 'max_length'",
        ),
        ("{owner: both, dynamics: city, sap: City, const: a, via: trim}", "found const and via, expected one of them"),
        ("{owner: both, sap: City, const: a}", "a row with `const` needs one owner, dynamics or sap"),
        ("{owner: both, dynamics: city, sap: City, when: {type: 3}}", "a row with `when` needs one owner"),
        (
            "{owner: both, dynamics: city, sap: City, via: {cut: {length: 3}}}",
            "no way back from sap, which owner both needs: cut",
        ),
        (
            "{owner: {until_linked: dynamics, then: sap}, dynamics: city, sap: City, via: digits}",
            "owner dynamics, then sap needs",
        ),
        ("{owner: sap, dynamics: city, sap: City, via: digits}", "no way back from sap, which owner sap needs: digits"),
        (
            "{owner: both, dynamics: country, sap: Country, via: {code: {table: torn}}}",
            "which word X becomes: add `back:`",
        ),
        (
            "{owner: both, dynamics: country, sap: Country, via: {code: {table: countriess}}}",
            "did you mean 'countries'?",
        ),
        (
            "{owner: both, dynamics: city, sap: Limit}",
            "Limit in sap is decimal, and here it gets text: put a verb between",
        ),
        ("{owner: dynamics, dynamics: type, sap: City, via: trim}", "trim takes text, and here it gets int"),
        (
            "{owner: dynamics, dynamics: [city, type], sap: City, via: join}",
            "join takes text, and here it gets int and text",
        ),
        ("{owner: dynamics, dynamics: [city, type], sap: City}", "2 columns of values for 1 column in sap"),
        ("{owner: dynamics, dynamics: [city, type], sap: [City, Name1]}", "choice in dynamics meets text in sap"),
        ("{owner: dynamics, dynamics: [city, name], sap: City, via: trim}", "trim takes 1 column, and here it gets 2"),
        (
            "{owner: dynamics, dynamics: city, sap: [Name1, Name2]}",
            "1 column of values for 2 columns in sap: split or join",
        ),
        (
            "{owner: dynamics, dynamics: city, sap: City, via: [trim, {link: {to: account}}]}",
            "link must be the first verb",
        ),
        (
            "{owner: dynamics, dynamics: count, sap: Count, via: {default: {value: x}}}",
            "default: found 'x', expected a whole",
        ),
        (
            "{owner: both, dynamics: name, sap: Name1}",
            "up to 160 characters for room of 40 in sap: cut, split, or add check",
        ),
        ("{owner: dynamics, dynamics: accountid, sap: Short}", "up to 36 characters for room of 20 in sap"),
        ("{owner: both, dynamics: number, sap: Name1}", "up to 40 characters for room of 10 in dynamics"),
        ("{owner: sap, dynamics: accountid, sap: Name1}", "accountid is read-only, and this row would write it"),
        ("{owner: dynamics, dynamics: number, sap: Partner}", "Partner can only be written when a record is created"),
        ("{owner: dynamics, sap: Late, const: a, on: create}", "Late cannot be written when a record is created"),
        ("{owner: dynamics, sap: [City, Name1], const: a}", "const needs no column in dynamics and exactly one in sap"),
        ("{owner: dynamics, dynamics: city, sap: City, const: a}", "const needs no column in dynamics"),
        ("{owner: dynamics, dynamics: city, sap: City, cases: [{then: a}]}", "cases needs no column in dynamics"),
        (
            "{owner: dynamics, sap: Grouping, const: 12345, on: create}",
            "x.const: found 5 characters, expected at most 4",
        ),
        (
            "{owner: dynamics, sap: Limit, cases: [{then: 1}, {then: 1e3}]}",
            "x.cases.1.then: found '1e3', expected a plain",
        ),
        (
            "{owner: dynamics, sap: Limit, cases: [{when: {typ: 1}, then: 1}]}",
            "x.cases.0.when.typ: unknown column 'typ'; did you",
        ),
        ("{owner: dynamics, sap: Search, cases: [{when: {type: 1}}]}", "x.cases.0: 'then' is missing"),
        (
            "{owner: dynamics, dynamics: city, sap: City, when: {type: a}}",
            "x.when.type: found 'a', expected a whole number",
        ),
        (
            "{owner: sap, dynamics: percent, sap: [Open, Limit], calc: credit_used}",
            "did you mean 'credit_used_percent'?",
        ),
        (
            "{owner: sap, dynamics: percent, sap: Open, calc: credit_used_percent}",
            "takes (decimal, decimal), here it gets (decimal)",
        ),
        ("{owner: sap, dynamics: city, sap: [Open, Limit], calc: credit_used_percent}", "to be written here: (text)"),
        (
            "{owner: both, dynamics: city, sap: City, check: {pattern: '['}}",
            "x.check.pattern: not a regular expression",
        ),
        ("{owner: both, dynamics: city, sap: City, check: {max_length: 0}}", "input should be greater than 0"),
        (
            "{owner: dynamics, dynamics: count, sap: Count, check: {min: a}}",
            "x.check.min: found 'a', expected a whole number",
        ),
        (
            "{owner: dynamics, dynamics: count, sap: Count, check: {in: [1, a]}}",
            "x.check.in: found 'a', expected a whole number",
        ),
        (
            "{owner: dynamics, dynamics: _parent_value, sap: Group, via: {link: {to: accountx}}}",
            "unknown flow 'accountx'; did you mean",
        ),
        ("{owner: dynamics, dynamics: number, sap: tax.Number}", "'tax' is a collection: say which row is meant"),
        ("{owner: dynamics, sap: Grouping, const: {setting: S4_NONE}, on: create}", "setting S4_NONE is not set"),
        (
            "{owner: both, dynamics: city, sap: City, clash: newest}",
            "x.clash: newest cannot be judged: the change stamp of sap",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_refused_with_file_line_place_and_reason(
    tmp_path: Path, row: str, message: str
) -> None:
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes" / "torn.yaml").write_text("a: X\nb: X\n")
    found = faults(tmp_path, f"  x: {row}")
    told = [line for line in found if message in line]
    assert told, found
    assert told[0].startswith("s4/account.yaml:")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("flows: x", "account.yaml:5: flows: unknown key; did you mean 'flow'?"),
        ("clash: newest", "account.yaml:5: clash: newest cannot be judged"),
        ("sweep: {every: 15}", "sweep.every: found 15"),
        ("sweep: {every: 15m, cron: '* * * * *'}", "sweep: found cron and every, expected one schedule"),
        ("sweep: {weekly: 'sun 25:00'}", "sweep.weekly: found 'sun 25:00'"),
        ("when: {dynamics: {typ: 3}}", "when.dynamics.typ: unknown column 'typ'; did you mean 'type'?"),
        ("match: [{dynamics: memo, sap: Partner}]", "match.0.dynamics: memo is not filterable"),
        ("match: [{dynamics: memos, sap: Partner}]", "match.0.dynamics: unknown column 'memos'; did you mean 'memo'?"),
        ("create: [sap]", "birthmark.sap: the flow creates in sap: without a birthmark there"),
        ("create: [erp]", "create.0: found 'erp'"),
        ("birthmark: {sap: Short}", "birthmark.sap: Short has 20 characters, the Dynamics key has 36"),
        ("birthmark: {sap: Count}", "birthmark.sap: Count must be a text that can be written"),
        ("birthmark: {sap: Late, holds: number}", "birthmark.sap: Late must be a text that can be written"),
        ("birthmark: {dynamics: memo}", "birthmark.dynamics: memo is not filterable"),
        ("birthmark: {dynamics: nothing}", "birthmark.dynamics: unknown column 'nothing'"),
        (
            "birthmark: {sap: Short, holds: numberx}",
            "birthmark.holds: unknown column 'numberx'; did you mean 'number'?",
        ),
        ("retire: {sap: {Blocked: maybe}}", "retire.sap.Blocked: found 'maybe', expected true or false"),
        ("retire: {sap: {Blockedd: true}}", "retire.sap.Blockedd: unknown column 'Blockedd'; did you mean 'Blocked'?"),
        ("retire: {sap: {Partner: '1'}}", "retire.sap.Partner: Partner cannot be updated"),
        ("parts: {tax: {Typ: T1}}", "parts.tax.Typ: unknown column 'Typ' of part 'tax'; did you mean 'Type'?"),
        ("parts: {tax: {Type: TOOLONG}}", "parts.tax.Type: found 7 characters, expected at most 4"),
        (
            "parts: {tax: {Type: {setting: S4_TAX}}}",
            "parts.tax.Type: setting S4_TAX is not set; of its kind are set: S4_A",
        ),
        ("columns: {dynamics: {city: {type: int}}}", "columns.dynamics.city: found type int, but the system says text"),
        (
            "columns: {dynamics: {cr_x: {length: 3}}}",
            "columns.dynamics.cr_x.length: unknown key; did you mean 'max_length'",
        ),
        ("lines: {dynamics: x, sap: y, fields: {}}", "lines.fields: found {}: dictionary should have at least 1 item"),
    ],
)
def test_a_flow_that_does_not_fit_its_systems_is_refused(tmp_path: Path, more: str, message: str) -> None:
    found = faults(tmp_path, CITY, more, S4_A="1")
    assert any(message in line for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "dynamics: details",
            "dynamics: detail",
            "lines.dynamics: unknown collection 'detail'; did you mean 'details'?",
        ),
        ("gone: reject", "gone: keep", "lines: `gone: reject` and the columns of `reject` belong together"),
        ("{Reason: 61}", "{Reasonn: 61}", "lines.reject.Reasonn: unknown column 'Reasonn'; did you mean 'Reason'?"),
        ("same: product", "same: products", "lines.same: unknown field 'products'; did you mean 'product'?"),
        ("sap: Item}", "sap: Itm}", "lines.match.0.sap: unknown column 'Itm'; did you mean 'Item'?"),
        ("holds: line}", "holds: lin}", "lines.birthmark.holds: unknown column 'lin'; did you mean 'line'?"),
        ("sap: Purchase,", "sap: Status,", "lines.birthmark.sap: Status cannot be written when a line is created"),
        ("sap: Purchase,", "sap: Purchas,", "lines.birthmark.sap: unknown column 'Purchas'"),
        ("  birthmark: {sap: Purchase, holds: line}\n", "", "lines.birthmark: the flow creates lines in sap"),
        ("sap: Currency}", "sap: price.Type, check: {max_length: 4}}", "'price' is a collection"),
        (
            "product, sap: Material}",
            "header.currency, sap: Material, clash: newer}",
            "lines.fields.product.clash: found 'newer'",
        ),
        ("dynamics: header.currency, sap", "dynamics: header.currencyy, sap", "did you mean 'header.currency'?"),
        (
            "owner: dynamics, dynamics: header.currency",
            "owner: sap, dynamics: header.currency",
            "header.currency is read-only",
        ),
    ],
)
def test_lines_that_do_not_fit_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in ORDER
    with pytest.raises(BadMapping) as raised:
        load(tmp_path, {"account": HEADER + "fields:\n" + CITY, "order": ORDER.replace(old, new, 1)})
    assert message in str(raised.value)


def test_newest_is_refused_on_a_line_too(tmp_path: Path) -> None:
    text = HEADER.replace("account}", "order}") + "fields:\n  x: {owner: both, dynamics: currency, sap: Group}\n"
    text = text.replace("flow: account", "flow: order")
    lines = (
        "lines: {dynamics: details, sap: none, fields: {y: {owner: dynamics, dynamics: line, sap: z, clash: newest}}}"
    )
    with pytest.raises(BadMapping, match=r"lines\.fields\.y\.clash: newest"):
        load(tmp_path, {"order": text + lines})


def test_all_faults_of_all_files_are_told_at_once_in_the_order_of_the_files(tmp_path: Path) -> None:
    bad = HEADER + "fields:\n  a: {owner: both, dynamics: cty, sap: Town}\n  b: {owner: both, viaa: x}\n"
    worse = HEADER.replace("flow: account", "flow: other") + "fields:\n  a: {owner: both, dynamics: cty, sap: City}\n"
    broken = "flow: broken\nflow: twice\n"
    with pytest.raises(BadMapping) as raised:
        load(tmp_path, {"account": bad, "other": worse, "broken": broken}, {"torn": "a: [1]\n", "bad": "a: b: c"})
    lines = str(raised.value).splitlines()
    assert [line.partition(": ")[0] for line in lines[1:]] == [
        "codes/bad.yaml:1",
        "codes/torn.yaml:1",
        *("s4/account.yaml:6", "s4/account.yaml:6", "s4/account.yaml:7"),
        *("s4/broken.yaml:1", "s4/broken.yaml:1", "s4/broken.yaml:1", "s4/broken.yaml:2"),
        "s4/other.yaml:6",
    ]
    assert lines[0] == "10 faults in mapping files"


def test_a_file_must_be_utf_8(tmp_path: Path) -> None:
    load(tmp_path, {"account": HEADER + "fields:\n" + CITY})
    (tmp_path / "s4" / "account.yaml").write_bytes(b"flow: \xff")
    with pytest.raises(BadMapping, match=r"s4/account\.yaml:1: not UTF-8"):
        load(tmp_path, {})


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadMapping, match="found no"):
        load(tmp_path, {})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "flow: account",
            "flow: accounts",
            "flow: found s4/accounts, expected s4/account: the folder is the SAP system",
        ),
        ("system: s4", "system: ecc", "sap.system: system 'ecc' has no connector; allowed: dataverse, s4"),
        ("system: s4", "system: s5", "sap.system: found 's5'"),
        ("table: account", "table: accountx", "dynamics.table: unknown table 'accountx'; did you mean 'account'?"),
        ("object: Partner", "object: Parner", "sap.object: unknown object 'Parner'; did you mean 'Partner'?"),
        ("sap: {system", "sapp: {system", "'sap' is missing"),
    ],
)
def test_a_file_that_names_nothing_known_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(BadMapping) as raised:
        load(tmp_path, {"account": (HEADER + "fields:\n" + CITY).replace(old, new)})
    assert message in str(raised.value)


# ------------------------------------------------------------------------------- what several flows owe each other


def two(folder: Path, first: str, second: str) -> list[str]:
    other = HEADER.replace("flow: account", "flow: other")
    try:
        load(folder, {"account": f"{HEADER}fields:\n{first}\n", "other": f"{other}fields:\n{second}\n"})
    except BadMapping as e:
        return str(e).splitlines()[1:]
    return []


def test_a_column_has_one_owner_within_a_flow(tmp_path: Path) -> None:
    found = faults(tmp_path, CITY + "\n  town: {owner: dynamics, dynamics: number, sap: City}")
    assert found == ["s4/account.yaml:8: fields.town.sap: City in sap is already written by city"]


def test_a_column_has_one_owner_in_all_flows_over_a_pair_of_objects(tmp_path: Path) -> None:
    assert two(tmp_path, CITY, CITY) == []
    assert two(tmp_path, CITY, "  town: {owner: dynamics, dynamics: city, sap: City}") == [
        "s4/other.yaml:6: fields.town.sap: City in sap is already written by s4/account city"
    ]
    assert two(tmp_path, CITY, "  city: {owner: dynamics, dynamics: city, sap: City}") == [
        "s4/other.yaml:6: fields.city.sap: City in sap is already written by s4/account city"
    ]


def test_a_field_name_means_one_thing_in_all_flows_over_a_pair(tmp_path: Path) -> None:
    found = two(tmp_path, CITY, "  city: {owner: dynamics, dynamics: city, sap: Search, via: {cut: {length: 20}}}")
    assert found == [
        "s4/other.yaml:6: fields.city: city is read differently in s4/account: rename it, or make them alike"
    ]


def test_records_may_not_wait_for_each_other(tmp_path: Path) -> None:
    parent = "  parent: {{owner: dynamics, dynamics: {}, sap: {}, via: {{link: {{to: {}, required: {}}}}}}}"
    first = parent.format("_parent_value", "Group", "other", "true")
    assert (
        two(tmp_path, first, parent.format("_owner_value", "Head", "account", "false").replace("parent:", "head:"))
        == []
    )
    found = two(tmp_path, first, parent.format("_owner_value", "Head", "account", "true").replace("parent:", "head:"))
    assert [line.partition(": ")[0] for line in found] == ["s4/account.yaml:6", "s4/other.yaml:6"]
    assert "s4/account requires s4/other, which requires s4/account in the end" in found[0]


def test_a_record_may_not_wait_for_its_own_kind(tmp_path: Path) -> None:
    row = "  parent: {owner: dynamics, dynamics: _parent_value, sap: Group, via: {link: {to: account, required: true}}}"
    assert "requires s4/account, which requires s4/account" in faults(tmp_path, row)[0]


def test_a_link_to_a_flow_whose_file_has_faults_is_no_second_fault(tmp_path: Path) -> None:
    with pytest.raises(BadMapping) as raised:
        load(tmp_path, {"account": HEADER + "fields: {}\n", "order": ORDER}, {"countries": COUNTRIES})
    assert str(raised.value).splitlines()[1:] == [
        "s4/account.yaml:5: fields: found {}: dictionary should have at least 1 item after validation, not 0"
    ]


def test_a_link_in_a_line_must_lead_somewhere_too(tmp_path: Path) -> None:
    text = ORDER.replace("sap: Material}", "sap: Material, via: {link: {to: product}}}")
    with pytest.raises(BadMapping, match="link to unknown flow 'product'"):
        load(tmp_path, {"account": HEADER + "fields:\n" + CITY, "order": text})
