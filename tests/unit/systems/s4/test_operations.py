import json
from decimal import Decimal
from typing import Any

import pytest

from shared.core.model import Line, LineWrite, Record, Selection, Values
from shared.errors import Stale
from shared.systems.s4.gateway.faults import Fault
from shared.systems.s4.objects import CATALOGUE, STRUCTURES
from shared.systems.s4.reading import Plan, plan
from shared.systems.s4.writes import operations as ops
from shared.systems.s4.writes.bodies import new_record

PARTNER = CATALOGUE["BusinessPartner"].columns
ORDER = CATALOGUE["SalesOrder"]
AREA = {"SalesOrganization": ("1710",), "DistributionChannel": ("10",), "Division": ("00",)}
SELECTED = Selection(
    "BusinessPartner",
    {
        name: PARTNER[name]
        for name in (
            "OrganizationBPName1",
            "BusinessPartnerIsBlocked",
            "address.Country",
            "address.StreetName",
            "email.EmailAddress",
            "phone.PhoneNumber",
            "phone.DestinationLocationCountry",
            "tax.BPTaxType",
            "tax.BPTaxNumber",
            "crm.BPIdentificationNumber",
            "industry.IndustrySector",
            "role_fi.BusinessPartnerRole",
            "role_sales.BusinessPartnerRole",
            "customer.OrderIsBlockedForCustomer",
            "company.PaymentTerms",
            "sales.Currency",
        )
    },
    {"tax": {"BPTaxType": ("DE0", "FR0")}, "crm": {"BPIdentificationType": ("CRM001",)},
     "industry": {"IndustrySystemType": ("0001",)}, "company": {"CompanyCode": ("1710",)}, "sales": AREA},
)  # fmt: skip


def wanted() -> Plan:
    return plan(STRUCTURES["BusinessPartner"], SELECTED)


def held(**rows: dict[str, Any]) -> Record:
    values: dict[str, Any] = {f"#{name}": None for name in ("address", "email", "phone", "tax", "crm", "customer")}
    for name, (keys, columns) in {n: (r["keys"], r.get("columns", {})) for n, r in rows.items()}.items():
        values |= {f"#{name}": json.dumps(keys)} | {f"{name}.{c}": v for c, v in columns.items()}
    return Record("17", values)


ADDRESS = {"keys": {"BusinessPartner": "17", "AddressID": "22"}, "columns": {"Country": "DE"}}
MAIL = {"keys": {"AddressID": "22", "Person": "", "OrdinalNumber": "1"}, "columns": {"EmailAddress": "a@x.example"}}
TAX = {"keys": {"BusinessPartner": "17", "BPTaxType": "DE0"}, "columns": {"BPTaxType": "DE0", "BPTaxNumber": "DE1"}}
CRM = {
    "keys": {"BusinessPartner": "17", "BPIdentificationType": "CRM001", "BPIdentificationNumber": "old"},
    "columns": {"BPIdentificationNumber": "old"},
}


def said(before: Record, **values: object) -> list[tuple[str, str, dict[str, Any]]]:
    found = ops.part_operations(wanted(), before, {k.replace("__", "."): v for k, v in values.items()})  # type: ignore[misc]  # test values are scalars
    return [(each.method, each.address, each.body) for each in found]


def test_the_header_is_patched_by_its_key_and_unguarded_where_there_is_no_etag() -> None:
    found = ops.header_operation(wanted(), held(), {"OrganizationBPName1": None, "address.Country": "DE"})
    assert found is not None
    assert (found.method, found.address, found.body, found.etag) == (
        "PATCH", "A_BusinessPartner('17')", {"OrganizationBPName1": ""}, "",
    )  # fmt: skip
    assert ops.header_operation(wanted(), held(), {"address.Country": "DE"}) is None


def test_a_row_that_is_there_is_patched_by_its_own_key() -> None:
    assert said(held(address=ADDRESS, email=MAIL), address__StreetName=None, email__EmailAddress="b@x.example") == [
        ("PATCH", "A_BusinessPartnerAddress(BusinessPartner='17',AddressID='22')", {"StreetName": ""}),
        ("PATCH", "A_AddressEmailAddress(AddressID='22',Person='',OrdinalNumber='1')", {"EmailAddress": "b@x.example"}),
    ]


def test_a_missing_row_is_posted_where_its_parent_is() -> None:
    assert said(held(address=ADDRESS), phone__PhoneNumber="123", tax__BPTaxType="FR0", tax__BPTaxNumber="FR1") == [
        (
            "POST",
            "A_BusinessPartnerAddress(BusinessPartner='17',AddressID='22')/to_PhoneNumber",
            {"PhoneNumberType": "1", "PhoneNumber": "123"},
        ),
        ("POST", "A_BusinessPartnerTaxNumber", {"BusinessPartner": "17", "BPTaxType": "FR0", "BPTaxNumber": "FR1"}),
    ]


def test_a_missing_address_takes_its_e_mail_along() -> None:
    assert said(held(), address__Country="DE", email__EmailAddress="a@x.example") == [
        (
            "POST",
            "A_BusinessPartnerAddress",
            {
                "BusinessPartner": "17",
                "to_AddressUsage": [{"AddressUsage": "XXDEFAULT"}],
                "Country": "DE",
                "to_EmailAddress": [{"EmailAddress": "a@x.example"}],
            },
        )
    ]


def test_the_selected_value_is_filled_into_a_new_row_that_does_not_name_it() -> None:
    customer = {"keys": {"Customer": "170"}}
    assert said(held(customer=customer), company__PaymentTerms="0001", crm__BPIdentificationNumber="g-1") == [
        (
            "POST",
            "A_BuPaIdentification",
            {"BusinessPartner": "17", "BPIdentificationType": "CRM001", "BPIdentificationNumber": "g-1"},
        ),
        ("POST", "A_CustomerCompany", {"Customer": "170", "CompanyCode": "1710", "PaymentTerms": "0001"}),
    ]


def test_nothing_is_sent_for_a_row_that_is_not_there_and_would_mean_nothing() -> None:
    assert said(held(address=ADDRESS), email__EmailAddress=None, phone__DestinationLocationCountry="DE") == []
    assert said(held(), tax__BPTaxType="DE0", tax__BPTaxNumber=None) == []


def test_a_row_that_lost_its_meaning_is_deleted_even_if_other_columns_remain() -> None:
    assert said(held(address=ADDRESS, email=MAIL, tax=TAX), email__EmailAddress=None, tax__BPTaxNumber=None) == [
        ("DELETE", "A_AddressEmailAddress(AddressID='22',Person='',OrdinalNumber='1')", {}),
        ("DELETE", "A_BusinessPartnerTaxNumber(BusinessPartner='17',BPTaxType='DE0')", {}),
    ]


def test_an_address_is_never_deleted_but_emptied() -> None:
    assert said(held(address=ADDRESS), address__Country=None) == [
        ("PATCH", "A_BusinessPartnerAddress(BusinessPartner='17',AddressID='22')", {"Country": ""})
    ]


def test_a_changed_key_is_a_new_row_with_all_that_is_known_and_then_the_old_one_deleted() -> None:
    assert said(held(tax=TAX, crm=CRM), tax__BPTaxType="FR0", crm__BPIdentificationNumber="new") == [
        ("POST", "A_BusinessPartnerTaxNumber", {"BusinessPartner": "17", "BPTaxType": "FR0", "BPTaxNumber": "DE1"}),
        ("DELETE", "A_BusinessPartnerTaxNumber(BusinessPartner='17',BPTaxType='DE0')", {}),
        (
            "POST",
            "A_BuPaIdentification",
            {"BusinessPartner": "17", "BPIdentificationType": "CRM001", "BPIdentificationNumber": "new"},
        ),
        (
            "DELETE",
            "A_BuPaIdentification(BusinessPartner='17',BPIdentificationType='CRM001',BPIdentificationNumber='old')",
            {},
        ),
    ]


def test_a_replaced_row_stays_of_its_kind_even_if_that_is_not_the_first_listed_one() -> None:
    name = "crm.BPIdentificationNumber"
    selection = Selection(
        "BusinessPartner", {name: PARTNER[name]}, {"crm": {"BPIdentificationType": ("NEW", "CRM001")}}
    )
    found = ops.part_operations(plan(STRUCTURES["BusinessPartner"], selection), held(crm=CRM), {name: "new"})
    assert found[0].body == {
        "BusinessPartner": "17", "BPIdentificationType": "CRM001", "BPIdentificationNumber": "new",
    }  # fmt: skip


def test_a_row_keeps_its_meaning_while_any_of_its_essentials_is_left() -> None:
    names = ("tax.BPTaxNumber", "tax.BPTaxLongNumber")
    selection = Selection("BusinessPartner", {n: PARTNER[n] for n in names}, {"tax": {"BPTaxType": ("DE0",)}})
    before = held(tax={"keys": TAX["keys"], "columns": {"BPTaxNumber": "DE1", "BPTaxLongNumber": "long"}})
    wanted = plan(STRUCTURES["BusinessPartner"], selection)
    (kept,) = ops.part_operations(wanted, before, {"tax.BPTaxNumber": None})
    assert (kept.method, kept.body) == ("PATCH", {"BPTaxNumber": ""})
    (gone,) = ops.part_operations(wanted, before, dict.fromkeys(names))
    assert gone.method == "DELETE"


def test_an_unchanged_key_beside_a_changed_column_is_no_new_row() -> None:
    assert said(held(tax=TAX), tax__BPTaxType="DE0", tax__BPTaxNumber="DE2") == [
        ("PATCH", "A_BusinessPartnerTaxNumber(BusinessPartner='17',BPTaxType='DE0')", {"BPTaxNumber": "DE2"})
    ]
    assert said(held(tax=TAX), tax__BPTaxType="DE0") == []


def test_what_hangs_on_a_customer_that_sap_has_yet_to_make_waits() -> None:
    values = {"role_fi.BusinessPartnerRole": "FLCU00", "company.PaymentTerms": "0001"}
    assert ops.waiting(wanted(), held(), values) == ("company.PaymentTerms",)
    assert [each.address for each in ops.part_operations(wanted(), held(), values)] == ["A_BusinessPartnerRole"]
    assert ops.waiting(wanted(), held(customer={"keys": {"Customer": "170"}}), values) == ()


def test_a_deep_insert_nests_parts_below_their_parents() -> None:
    values: Values = {
        "OrganizationBPName1": "Contoso",
        "BusinessPartnerIsBlocked": False,
        "address.Country": "DE",
        "address.StreetName": None,
        "email.EmailAddress": "a@x.example",
        "phone.PhoneNumber": None,
        "phone.DestinationLocationCountry": "DE",
        "crm.BPIdentificationNumber": "g-1",
        "industry.IndustrySector": "CH",
        "role_fi.BusinessPartnerRole": "FLCU00",
        "role_sales.BusinessPartnerRole": "FLCU01",
        "company.PaymentTerms": "0001",
        "sales.Currency": "USD",
    }
    assert new_record(wanted(), values, ()) == {
        "OrganizationBPName1": "Contoso",
        "BusinessPartnerIsBlocked": False,
        "to_BusinessPartnerAddress": [
            {
                "to_AddressUsage": [{"AddressUsage": "XXDEFAULT"}],
                "Country": "DE",
                "to_EmailAddress": [{"EmailAddress": "a@x.example"}],
            }
        ],
        "to_BuPaIdentification": [{"BPIdentificationType": "CRM001", "BPIdentificationNumber": "g-1"}],
        "to_BuPaIndustry": [{"IsStandardIndustry": "X", "IndustrySystemType": "0001", "IndustrySector": "CH"}],
        "to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLCU00"}, {"BusinessPartnerRole": "FLCU01"}],
        "to_Customer": {
            "to_CustomerCompany": [{"CompanyCode": "1710", "PaymentTerms": "0001"}],
            "to_CustomerSalesArea": [
                {"SalesOrganization": "1710", "DistributionChannel": "10", "Division": "00", "Currency": "USD"}
            ],
        },
    }


def test_a_given_number_is_sent_with_a_create() -> None:
    assert new_record(wanted(), {"OrganizationBPName1": "Contoso"}, (), "900")["BusinessPartner"] == "900"


ORDERED = Selection(
    "SalesOrder",
    {"PurchaseOrderByCustomer": ORDER.columns["PurchaseOrderByCustomer"]},
    {"price": {"ConditionType": ("PPR0",)}},
    "to_Item",
    {n: ORDER.lines["to_Item"][n] for n in ("Material", "RequestedQuantity", "price.ConditionRateValue")},
)
PRICE = {"SalesOrder": "1", "SalesOrderItem": "10", "PricingProcedureStep": "10", "PricingProcedureCounter": "0"}
HELD_ORDER = Record(
    "1", {}, 'W/"7"',
    lines=(
        Line("10", {"Material": "TG11", "#price": json.dumps(PRICE), "price.ConditionRateValue": Decimal(3)}),
        Line("20", {"Material": "TG12", "#price": None, "price.ConditionRateValue": None}),
    ),
)  # fmt: skip


def test_lines_are_changed_then_added_then_removed() -> None:
    order = plan(STRUCTURES["SalesOrder"], ORDERED)
    lines = (
        LineWrite("remove", "20", {}),
        LineWrite("add", "", {"Material": "TG13", "price.ConditionRateValue": Decimal("2.50")}, "line-3"),
        LineWrite("change", "10", {"RequestedQuantity": Decimal(7), "price.ConditionRateValue": Decimal(4)}),
        LineWrite("change", "20", {"price.ConditionRateValue": Decimal(5)}),
    )
    found = ops.line_operations(order, HELD_ORDER, lines)
    item, price = (
        "A_SalesOrderItem(SalesOrder='1',SalesOrderItem='{}')",
        ",".join(f"{k}='{v}'" for k, v in PRICE.items()),
    )
    assert [(each.method, each.address, each.body, each.line) for each in found] == [
        ("PATCH", item.format(10), {"RequestedQuantity": "7"}, "10"),
        ("PATCH", f"A_SalesOrderItemPrElement({price})", {"ConditionRateValue": "4"}, "10"),
        (
            "POST",
            f"{item.format(20)}/to_PricingElement",
            {"ConditionType": "PPR0", "ConditionRateValue": "5"},
            "20",
        ),
        (
            "POST",
            "A_SalesOrder('1')/to_Item",
            {"Material": "TG13", "to_PricingElement": [{"ConditionType": "PPR0", "ConditionRateValue": "2.50"}]},
            "line-3",
        ),
        ("DELETE", item.format(20), {}, "20"),
    ]


def test_an_order_is_guarded_by_its_etag_or_by_any() -> None:
    order = plan(STRUCTURES["SalesOrder"], ORDERED)
    for etag, expected in (('W/"7"', 'W/"7"'), ("", "*")):
        found = ops.header_operation(order, Record("1", {}, etag), {"PurchaseOrderByCustomer": "P"})
        assert found is not None
        assert found.etag == expected


def test_a_line_that_was_not_there_is_stale() -> None:
    with pytest.raises(Stale):
        ops.line_operations(plan(STRUCTURES["SalesOrder"], ORDERED), HELD_ORDER, [LineWrite("change", "30", {})])


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("1", "t", "PostalCode"), ("address.PostalCode", "")),
        (Fault("1", "t", "to_BusinessPartnerAddress/results(1)/Country"), ("address.Country", "")),
        (Fault("1", "t", "/A_BankDetail/Country"), ("", "")),
        (Fault("1", "t", "Country"), ("", "")),
        (Fault("1", "t", "", "2"), ("bank.Country", "")),
        (Fault("1", "t"), ("", "")),
    ],
)
def test_a_fault_is_placed_by_its_target_or_its_content_id(fault: Fault, expected: tuple[str, str]) -> None:
    operations = [
        ops.Operation("PATCH", "a", ("address.PostalCode", "address.Country"), {}, "to_BusinessPartnerAddress"),
        ops.Operation("PATCH", "b", ("bank.Country",), {}, "to_BusinessPartnerBank"),
    ]
    assert ops.placing(operations)(fault) == expected


def test_a_fault_of_a_line_names_the_line() -> None:
    operations = [ops.Operation("POST", "a", ("Material", "RequestedQuantity"), {}, "to_Item", "line-3")]
    assert ops.placing(operations)(Fault("V1/382", "t", "to_Item(SalesOrderItem='10')/Material")) == (
        "Material",
        "line-3",
    )
    assert ops.placing(operations)(Fault("V1/382", "t")) == ("", "line-3")
