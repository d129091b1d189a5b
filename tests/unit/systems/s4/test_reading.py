import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.core.model import Column, Record, Selection
from shared.errors import BadMapping, Unavailable
from shared.systems.s4.objects import CATALOGUE, STRUCTURES
from shared.systems.s4.reading import QUERY_CHARACTERS_MAX, covers, plan, record

TEXT = Column()
PARTNER = CATALOGUE["BusinessPartner"].columns
ORDER = CATALOGUE["SalesOrder"]


def partner_selection(*names: str, **parts: Mapping[str, tuple[str, ...]]) -> Selection:
    return Selection("BusinessPartner", {name: PARTNER.get(name, TEXT) for name in names}, parts)


def read(selection: Selection, entity: dict[str, Any], etag: str = "") -> Record:
    return record(plan(STRUCTURES[selection.object], selection), {"BusinessPartner": "17"} | entity, etag)


def address(number: str, *usages: tuple[str, str], **columns: object) -> dict[str, Any]:
    marked = [{"AddressUsage": usage, "ValidityEndDate": end} for usage, end in usages]
    return {"BusinessPartner": "17", "AddressID": number, "to_AddressUsage": {"results": marked}, **columns}


FOREVER, ENDED = "/Date(253402300799000+0000)/", "/Date(1500000000000+0000)/"


def test_the_query_asks_for_columns_keys_and_stamps_and_nothing_else() -> None:
    wanted = plan(STRUCTURES["BusinessPartner"], partner_selection("OrganizationBPName1", "email.EmailAddress"))
    select, expand = wanted.query.split("&")
    assert set(select.removeprefix("$select=").split(",")) == {
        "BusinessPartner",
        "CreationDate",
        "LastChangedByUser",
        "OrganizationBPName1",
        "to_BusinessPartnerAddress/AddressID",
        "to_BusinessPartnerAddress/BusinessPartner",
        "to_BusinessPartnerAddress/to_AddressUsage/AddressUsage",
        "to_BusinessPartnerAddress/to_AddressUsage/ValidityEndDate",
        "to_BusinessPartnerAddress/to_EmailAddress/AddressID",
        "to_BusinessPartnerAddress/to_EmailAddress/EmailAddress",
        "to_BusinessPartnerAddress/to_EmailAddress/IsDefaultEmailAddress",
        "to_BusinessPartnerAddress/to_EmailAddress/OrdinalNumber",
        "to_BusinessPartnerAddress/to_EmailAddress/Person",
    }
    assert expand == (
        "$expand=to_BusinessPartnerAddress,to_BusinessPartnerAddress/to_AddressUsage,"
        "to_BusinessPartnerAddress/to_EmailAddress"
    )


def test_a_part_below_a_part_below_a_part_brings_all_of_them() -> None:
    selection = partner_selection("sales_tax.CustomerTaxClassification")
    assert plan(STRUCTURES["BusinessPartner"], selection).query.endswith(
        "$expand=to_Customer,to_Customer/to_CustomerSalesArea,to_Customer/to_CustomerSalesArea/to_SalesAreaTax"
    )


def test_a_query_too_long_for_an_address_names_whole_parts() -> None:
    wanted = plan(STRUCTURES["BusinessPartner"], partner_selection(*PARTNER))
    assert len(wanted.query) < QUERY_CHARACTERS_MAX
    assert ",to_Customer," in wanted.query
    assert "to_Customer/Customer," not in wanted.query


def test_a_part_or_lines_that_the_object_does_not_have_are_a_bad_mapping() -> None:
    with pytest.raises(BadMapping, match=r"no part .*nose"):
        plan(STRUCTURES["BusinessPartner"], partner_selection("nose.Length"))
    with pytest.raises(BadMapping, match="no lines"):
        plan(STRUCTURES["BusinessPartner"], Selection("BusinessPartner", {}, lines="to_Item"))


def test_values_are_keyed_by_path_and_empty_text_is_none() -> None:
    found = read(
        partner_selection("OrganizationBPName1", "OrganizationBPName2", "YY1_Rating_bus", "address.Country"),
        {
            "OrganizationBPName1": "Contoso",
            "OrganizationBPName2": "",
            "YY1_Rating_bus": "A",
            "to_BusinessPartnerAddress": {"results": [address("22", Country="DE")]},
        },
    )
    assert found.values == {
        "OrganizationBPName1": "Contoso",
        "OrganizationBPName2": None,
        "YY1_Rating_bus": "A",
        "address.Country": "DE",
        "#address": '{"BusinessPartner": "17", "AddressID": "22"}',
    }


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ([address("9", Country="FR"), address("22", ("XXDEFAULT", FOREVER), Country="DE")], "DE"),
        ([address("9", ("XXDEFAULT", ENDED), Country="FR"), address("22", ("XXDEFAULT", FOREVER), Country="DE")], "DE"),
        ([address("103", Country="FR"), address("22", ("HOME", FOREVER), Country="DE")], "DE"),
        ([], None),
    ],
    ids=["the default usage", "the default that lasts longest", "else the lowest number", "no address"],
)
def test_the_standard_address_is_the_one_that_is_read(addresses: list[dict[str, Any]], expected: str | None) -> None:
    found = read(partner_selection("address.Country"), {"to_BusinessPartnerAddress": {"results": addresses}})
    assert found.values["address.Country"] == expected


def test_the_default_e_mail_of_the_address_is_the_one_that_is_read() -> None:
    mails = [
        {"AddressID": "22", "Person": "", "OrdinalNumber": number, "EmailAddress": mail, "IsDefaultEmailAddress": flag}
        for number, mail, flag in (
            ("1", "a@x.example", False),
            ("10", "b@x.example", True),
            ("2", "c@x.example", False),
        )
    ]
    entity = {"to_BusinessPartnerAddress": [address("22", to_EmailAddress={"results": mails})]}
    found = read(partner_selection("email.EmailAddress"), entity)
    assert found.values["email.EmailAddress"] == "b@x.example"
    assert json.loads(str(found.values["#email"])) == {"AddressID": "22", "Person": "", "OrdinalNumber": "10"}
    for mail in mails:
        mail["IsDefaultEmailAddress"] = False
    assert read(partner_selection("email.EmailAddress"), entity).values["email.EmailAddress"] == "a@x.example"


def test_the_first_listed_selector_value_that_exists_names_the_row() -> None:
    taxes = [{"BusinessPartner": "17", "BPTaxType": t, "BPTaxNumber": n} for t, n in (("GB0", "g"), ("FR0", "f"))]
    entity = {"to_BusinessPartnerTax": {"results": taxes}}
    for listed, expected in ((("DE0", "FR0", "GB0"), "f"), (("GB0", "FR0"), "g"), (("IT0",), None)):
        found = read(partner_selection("tax.BPTaxNumber", tax={"BPTaxType": listed}), entity)
        assert found.values["tax.BPTaxNumber"] == expected


def test_two_roles_are_two_rows_of_one_collection() -> None:
    roles = [{"BusinessPartner": "17", "BusinessPartnerRole": role} for role in ("000000", "FLCU01")]
    names = ("role_fi.BusinessPartnerRole", "role_sales.BusinessPartnerRole")
    found = read(partner_selection(*names), {"to_BusinessPartnerRole": {"results": roles}})
    assert [found.values[name] for name in names] == [None, "FLCU01"]


def test_a_partner_without_customer_has_no_company_either() -> None:
    selection = partner_selection("company.PaymentTerms", company={"CompanyCode": ("1710",)})
    found = read(selection, {"to_Customer": None})
    assert found.values == {"company.PaymentTerms": None, "#company": None, "#customer": None}


def test_the_row_of_the_company_code_and_of_the_sales_area_is_the_selected_one() -> None:
    areas = [
        {
            "Customer": "17",
            "SalesOrganization": org,
            "DistributionChannel": "10",
            "Division": "00",
            "Currency": currency,
        }
        for org, currency in (("1010", "EUR"), ("1710", "USD"))
    ]
    area = {"SalesOrganization": ("1710",), "DistributionChannel": ("10",), "Division": ("00",)}
    entity = {"to_Customer": {"Customer": "17", "to_CustomerSalesArea": {"results": areas}}}
    assert read(partner_selection("sales.Currency", sales=area), entity).values["sales.Currency"] == "USD"


def test_a_partner_has_no_etag_and_no_version_and_its_day_of_creation_at_its_earliest() -> None:
    entity = {"CreationDate": "/Date(1735689600000)/", "LastChangedByUser": "ANN", "__metadata": {"etag": 'W/"1"'}}
    found = read(partner_selection("FirstName"), entity)
    assert (found.etag, found.version, found.changed_at, found.changed_by) == ("", None, None, "ANN")
    assert found.created_at == datetime(2024, 12, 31, 10, tzinfo=UTC)


def order_selection() -> Selection:
    lines = {
        name: ORDER.lines["to_Item"][name] for name in ("Material", "RequestedQuantity", "price.ConditionRateValue")
    }
    return Selection(
        "SalesOrder",
        {name: ORDER.columns[name] for name in ("SoldToParty", "RequestedDeliveryDate", "ship_to.Customer")},
        {"price": {"ConditionType": ("PPR0",)}},
        "to_Item",
        lines,
    )


ORDER_ENTITY: dict[str, Any] = {
    "__metadata": {"etag": "W/\"datetimeoffset'2025-01-01T00%3A00%3A00.1230000Z'\""},
    "SalesOrder": "4711",
    "SoldToParty": "17",
    "CreationDate": "/Date(1735689600000)/",
    "RequestedDeliveryDate": "/Date(1735776000000)/",
    "LastChangeDateTime": "/Date(1735689600123+0000)/",
    "to_Partner": {"results": [{"SalesOrder": "4711", "PartnerFunction": "SH", "Customer": "18"}]},
    "to_Item": {
        "results": [
            {
                "SalesOrder": "4711",
                "SalesOrderItem": "10",
                "Material": "TG11",
                "RequestedQuantity": "5",
                "to_PricingElement": {
                    "results": [
                        {
                            "SalesOrder": "4711",
                            "SalesOrderItem": "10",
                            "PricingProcedureStep": "10",
                            "PricingProcedureCounter": "0",
                            "ConditionType": kind,
                            "ConditionRateValue": rate,
                        }
                        for kind, rate in (("MWST", "19"), ("PPR0", "12.50"))
                    ]
                },
            }
        ]
    },
}


def test_an_order_has_lines_with_their_price_an_etag_and_a_version() -> None:
    found = read(order_selection(), ORDER_ENTITY)
    assert found.key == "4711"
    assert found.etag == "W/\"datetimeoffset'2025-01-01T00%3A00%3A00.1230000Z'\""
    assert found.version == 1735689600123
    assert found.changed_at == datetime(2025, 1, 1, 0, 0, 0, 123000, UTC)
    assert found.values["RequestedDeliveryDate"] == date(2025, 1, 2)
    assert found.values["ship_to.Customer"] == "18"
    (line,) = found.lines
    assert line.key == "10"
    assert line.values["Material"] == "TG11"
    assert line.values["price.ConditionRateValue"] == Decimal("12.50")
    assert json.loads(str(line.values["#price"]))["PricingProcedureStep"] == "10"


def test_lines_come_in_the_order_of_their_numbers() -> None:
    items = [{"SalesOrder": "1", "SalesOrderItem": number} for number in ("100", "20", "10")]
    found = read(order_selection(), {**ORDER_ENTITY, "to_Item": {"results": items}})
    assert [line.key for line in found.lines] == ["10", "20", "100"]


def test_without_an_etag_in_the_body_the_header_has_it() -> None:
    assert read(order_selection(), {**ORDER_ENTITY, "__metadata": {}}, 'W/"1"').etag == 'W/"1"'


def test_an_answer_covers_a_read_only_if_nothing_is_left_out() -> None:
    wanted = plan(STRUCTURES["SalesOrder"], order_selection())
    assert covers(wanted, ORDER_ENTITY)
    assert not covers(wanted, {k: v for k, v in ORDER_ENTITY.items() if k != "SoldToParty"})
    assert not covers(wanted, {**ORDER_ENTITY, "to_Partner": {"__deferred": {"uri": "x"}}})
    item = {k: v for k, v in ORDER_ENTITY["to_Item"]["results"][0].items() if k != "to_PricingElement"}
    assert not covers(wanted, {**ORDER_ENTITY, "to_Item": {"results": [item]}})


def test_a_value_against_the_metadata_names_the_column_and_not_the_value() -> None:
    with pytest.raises(Unavailable, match="RequestedDeliveryDate holds no date") as caught:
        read(order_selection(), {**ORDER_ENTITY, "RequestedDeliveryDate": "secret"})
    assert "secret" not in str(caught.value)


def test_the_catalogue_names_parts_lines_and_what_may_be_written() -> None:
    assert PARTNER["customer.CustomerAccountGroup"].max_length == 4
    assert not PARTNER["Customer"].create
    assert PARTNER["BusinessPartnerGrouping"].create
    assert not PARTNER["BusinessPartnerGrouping"].update
    assert PARTNER["crm.BPIdentificationNumber"].max_length == 60
    assert ORDER.lines["to_Item"]["price.ConditionRateValue"].scale == 9
    assert {"tax", "company", "sales", "crm"} <= CATALOGUE["BusinessPartner"].parts
    assert "email" not in CATALOGUE["BusinessPartner"].parts
    assert not CATALOGUE["BusinessPartner"].honest_stamps
    assert CATALOGUE["SalesOrder"].honest_stamps
