"""The chaos run's auditor: it has nothing to say of a sound world, and sees each way in which one can be broken."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest

from dev.chaos.audit.books import Books, Side, serial_in
from dev.chaos.audit.checks import Audit, Flow, Kind, Trace, audit, summary
from dev.chaos.audit.world import World, load

type Row = dict[str, Any]
type Break = Callable[[World, Books], object]

ACCOUNT: Row = {
    "accountid": "a1", "name": "Chaos C000001 GmbH", "customertypecode": 3, "statecode": 0, "cr_sapnumber": "100",
    "cr_language": "DE", "industrycode": 7, "address1_line1": "Langer Weg 7", "address1_city": "Stadt 2",
    "address1_postalcode": "69190", "address1_stateorprovince": "Hessen", "address1_country": "Germany",
    "emailaddress1": "Post@Firma.example", "telephone1": "+49 6227 1000", "telephone2": None, "cr_vatid": "DE1",
    "paymenttermscode": 1, "creditonhold": False,
}  # fmt: skip
PARTNER: Row = {
    "BusinessPartner": "100", "BusinessPartnerCategory": "2", "BusinessPartnerIsBlocked": False, "Marks": ["a1"],
    "OrganizationBPName1": "Chaos C000001", "OrganizationBPName2": "GmbH", "SearchTerm1": "CHAOS C000001 GMBH",
    "CorrespondenceLanguage": "DE", "Industry": "0007", "StreetName": "Langer Weg", "HouseNumber": "7",
    "CityName": "Stadt 2", "PostalCode": "69190", "Region": "HE", "Country": "DE", "PhoneNumber": "+4962271000",
    "EmailAddress": "post@firma.example", "MobileNumber": "", "BPTaxNumber": "DE1", "PaymentTerms": "NT30",
    "CustomerBlock": "", "SalesBlock": "",
}  # fmt: skip
LINE: Row = {
    "salesorderdetailid": "l1", "lineitemnumber": 1, "cr_sapitem": "10", "product_number": "TG11", "quantity": 5,
    "unit_name": "Piece", "priceperunit": 17.5, "cr_sapitemstatus": "A",
}  # fmt: skip
ITEM: Row = {
    "SalesOrderItem": "10", "PurchaseOrderByShipToParty": "1", "SalesDocumentRjcnReason": "", "Material": "TG11",
    "RequestedQuantity": "5.000", "RequestedQuantityUnit": "PC", "ConditionRateValue": "17.50", "SDProcessStatus": "A",
}  # fmt: skip
ORDER: Row = {
    "salesorderid": "o1", "statecode": 1, "ordernumber": "ORD-1", "cr_sapnumber": "900", "customer_number": "100",
    "requestdeliveryby": "2027-01-31", "cr_saptotalnet": 87.5, "cr_sapstatus": "A", "cr_sapdeliverystatus": "A",
    "lines": [LINE],
}  # fmt: skip
SAP_ORDER: Row = {
    "SalesOrder": "900", "PurchaseOrderByCustomer": "ORD-1", "SoldToParty": "100", "TotalNetAmount": "87.50",
    "RequestedDeliveryDate": "/Date(1801353600000)/", "OverallSDProcessStatus": "A", "OverallTotalDeliveryStatus": "A",
    "lines": [ITEM],
}  # fmt: skip


def sound() -> tuple[World, Books]:
    world = World(*([deepcopy(row)] for row in (ACCOUNT, ORDER, PARTNER, SAP_ORDER)))
    books = Books()
    books.wrote("C000001", "dynamics", city="Stadt 1")
    books.wrote("C000001", "sap", city="Stadt 2")
    return world, books


def look(world: World, books: Books, parked: Mapping[tuple[Flow, str], list[Trace]] | None = None) -> Audit:
    return audit(world, books, lambda flow, key: (parked or {}).get((flow, key), []))


def copied(rows: list[Row], **changed: object) -> None:
    rows.append(deepcopy(rows[0]) | changed)


def deleted(rows: list[Row], books: Books, side: Side) -> None:
    rows.clear()
    books.deleted("C000001", side)


BROKEN: dict[str, tuple[Kind, Break]] = {
    "an account without a partner": ("lost", lambda w, _: w.partners.clear()),
    "a partner without an account": ("lost", lambda w, _: w.accounts.clear()),
    "an order without its SAP order": ("lost", lambda w, _: w.sap_orders.clear()),
    "a line without its item": ("lost", lambda w, _: w.sap_orders[0]["lines"].clear()),
    "an edit that never crossed": ("lost", lambda w, _: w.accounts[0].update(address1_city="Stadt 1")),
    "an owner's value that never arrived": ("lost", lambda w, _: w.partners[0].update(Industry="")),
    "two partners for one account, by name": (
        "doubled",
        lambda w, _: copied(w.partners, BusinessPartner="101", Marks=[]),
    ),
    "two partners for one account, by mark": (
        "doubled",
        lambda w, _: copied(w.partners, BusinessPartner="101", OrganizationBPName1="", OrganizationBPName2=""),
    ),
    "two accounts for one partner, by name": (
        "doubled",
        lambda w, _: copied(w.accounts, accountid="a2", cr_sapnumber=None),
    ),
    "two accounts for one partner, by number": ("doubled", lambda w, _: copied(w.accounts, accountid="a2", name="X")),
    "two SAP orders for one order": ("doubled", lambda w, _: copied(w.sap_orders, SalesOrder="901")),
    "two items for one line": ("doubled", lambda w, _: copied(w.sap_orders[0]["lines"], SalesOrderItem="20")),
    "an owned field that disagrees": ("wrong", lambda w, _: w.partners[0].update(SearchTerm1="SOMETHING ELSE")),
    "SAP's own terms that disagree": ("wrong", lambda w, _: w.partners[0].update(PaymentTerms="NT60")),
    "a block that sales does not see": ("wrong", lambda w, _: w.partners[0].update(BusinessPartnerIsBlocked=True)),
    "a partner without its mark": ("wrong", lambda w, _: w.partners[0].update(Marks=[])),
    "a last edit that vanished": ("wrong", lambda _, b: b.wrote("C000001", "dynamics", city="Stadt 3")),
    "a delete that was not told": ("wrong", lambda w, b: deleted(w.accounts, b, "dynamics")),
    "a deleted partner whose account lives": ("wrong", lambda w, b: deleted(w.partners, b, "sap")),
    "an order for another customer": ("wrong", lambda w, _: w.sap_orders[0].update(SoldToParty="101")),
    "a wrong date": ("wrong", lambda w, _: w.orders[0].update(requestdeliveryby="2027-02-01")),
    "a wrong total": ("wrong", lambda w, _: w.orders[0].update(cr_saptotalnet=87.4)),
    "a wrong quantity": ("wrong", lambda w, _: w.sap_orders[0]["lines"][0].update(RequestedQuantity="6.000")),
    "a wrong price": ("wrong", lambda w, _: w.sap_orders[0]["lines"][0].update(ConditionRateValue="17.49")),
    "an item whose line was removed": ("wrong", lambda w, _: w.orders[0]["lines"].clear()),
}


def test_a_sound_world_has_no_findings() -> None:
    found = look(*sound())
    assert not list(summary(found.findings))
    assert found.agreed > 25


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_world_is_seen(name: str) -> None:
    kind, breaks = BROKEN[name]
    world, books = sound()
    breaks(world, books)
    found = look(world, books)
    assert [one.kind for one in found.findings if one.kind == kind]
    assert found.count(kind) == len([line for line in summary(found.findings) if line.startswith(kind)])


def test_an_edit_of_a_copy_is_not_missed_on_its_original() -> None:
    world, books = sound()
    copied(world.accounts, accountid="a2", cr_sapnumber="101", address1_city="Stadt 3")
    copied(world.partners, BusinessPartner="101", Marks=["a2"], CityName="Stadt 3")
    books.copies.add("101")
    books.wrote("C000001", "dynamics", city="Stadt 3")
    assert not [line for line in summary(look(world, books).findings) if "last edit" in line]


def test_findings_tell_keys_and_fields_and_no_value() -> None:
    world, books = sound()
    world.accounts[0]["address1_city"] = "Secretown"
    (line,) = summary(look(world, books).findings)
    assert "a1 / 100" in line
    assert "city" in line
    assert "Secretown" not in line


def test_a_parked_field_explains_itself_and_no_other() -> None:
    world, books = sound()
    world.accounts[0] |= {"address1_city": "Stadt 1", "emailaddress1": "other@firma.example"}
    found = look(world, books, {("account", "a1"): [Trace("city", "clash")]})
    assert [one.what for one in found.findings] == ["email (owner both) differs"]
    assert found.parked == {"clash: city": 1}


def test_a_parked_line_explains_itself_and_no_other_field() -> None:
    world, books = sound()
    world.sap_orders[0]["lines"][0] |= {"RequestedQuantity": "6", "ConditionRateValue": "1"}
    found = look(world, books, {("order", "900"): [Trace("line l1.quantity", "refused")]})
    assert [one.what for one in found.findings] == ["line l1.price (owner dynamics) differs"]


def test_a_parked_line_does_not_explain_another_line() -> None:
    world, books = sound()
    copied(world.orders[0]["lines"], salesorderdetailid="l2", lineitemnumber=2, cr_sapitem="20", quantity=8)
    copied(world.sap_orders[0]["lines"], SalesOrderItem="20", PurchaseOrderByShipToParty="2")
    found = look(world, books, {("order", "o1"): [Trace("line l1.quantity", "refused")]})
    assert [one.what for one in found.findings] == ["line l2.quantity (owner dynamics) differs"]


def test_a_parked_record_explains_all_of_it() -> None:
    world, books = sound()
    world.partners.clear()
    found = look(world, books, {("account", "a1"): [Trace("", "refused s4 R1/384")]})
    assert not found.findings
    assert found.parked == {"refused s4 R1/384": 1}


def test_a_parked_field_explains_why_a_record_was_never_made() -> None:
    world, books = sound()
    world.sap_orders.clear()
    assert not look(world, books, {("order", "o1"): [Trace("line l1", "refused s4 V1/384")]}).findings


def test_a_parked_field_does_not_explain_a_missing_mark_or_a_delete_that_was_not_told() -> None:
    world, books = sound()
    world.partners[0]["Marks"] = []
    parked: dict[tuple[Flow, str], list[Trace]] = {("account", key): [Trace("city", "clash")] for key in ("a1", "100")}
    assert look(world, books, parked).count("wrong") == 1
    world.accounts.clear()
    books.deleted("C000001", "dynamics")
    assert look(world, books, parked).count("wrong") == 1


def test_a_double_is_never_explained() -> None:
    world, books = sound()
    copied(world.sap_orders, SalesOrder="901")
    parked: dict[tuple[Flow, str], list[Trace]] = {("order", key): [Trace("", "any")] for key in ("o1", "900", "901")}
    assert look(world, books, parked).count("doubled") == 1


def test_what_people_copied_is_no_double_of_ours_but_must_be_parked() -> None:
    world, books = sound()
    copied(world.partners, BusinessPartner="101")
    books.copies.add("101")
    assert [one.kind for one in look(world, books).findings] == ["lost"]
    assert not look(world, books, {("account", "101"): [Trace("", "copy")]}).findings


def test_a_copy_without_a_mark_may_have_an_account_of_its_own() -> None:
    world, books = sound()
    copied(world.partners, BusinessPartner="101", Marks=["a2"])
    copied(world.accounts, accountid="a2", cr_sapnumber="101")
    assert look(world, books).count("doubled") == 2  # by name, on both sides
    books.copies.add("101")
    assert not look(world, books).findings


def test_a_copy_whose_own_account_was_deleted_is_retired_and_in_order() -> None:
    world, books = sound()
    copied(world.partners, BusinessPartner="101", Marks=["a2"], BusinessPartnerIsBlocked=True)
    books.copies.add("101")
    books.deleted("C000001", "dynamics")
    assert not look(world, books).findings
    world.partners[1]["BusinessPartnerIsBlocked"] = False
    assert [one.kind for one in look(world, books).findings] == ["lost"]


def test_an_owner_who_never_said_anything_is_not_contradicted() -> None:
    world, books = sound()
    world.accounts[0]["industrycode"] = None
    assert not look(world, books).findings


def test_what_was_deleted_and_retired_is_in_order() -> None:
    world, books = sound()
    world.accounts.clear()
    world.partners[0]["BusinessPartnerIsBlocked"] = True
    books.deleted("C000001", "dynamics")
    assert not look(world, books).findings


def test_drafts_and_other_relations_take_no_part() -> None:
    world, books = sound()
    copied(world.orders, salesorderid="o2", ordernumber="ORD-2", statecode=0)
    copied(world.accounts, accountid="a2", name="Lakeside", customertypecode=8, cr_sapnumber=None)
    copied(world.partners, BusinessPartner="102", BusinessPartnerCategory="1", OrganizationBPName1="Eve", Marks=[])
    assert not look(world, books).findings


def test_a_rejected_item_stands_for_a_removed_line() -> None:
    world, books = sound()
    world.orders[0]["lines"].clear()
    world.sap_orders[0]["lines"][0]["SalesDocumentRjcnReason"] = "61"
    assert not look(world, books).findings


@pytest.mark.parametrize(("parked", "lost"), [({("account", "a1"): [Trace("", "duplicate")]}, 0), ({}, 1)])
def test_an_order_waits_for_a_customer_that_is_parked(parked: dict[tuple[Flow, str], list[Trace]], lost: int) -> None:
    world, books = sound()
    world.sap_orders.clear()
    world.orders[0].update(customer_number=None, _customerid_value="a1")
    assert look(world, books, parked).count("lost") == lost


def test_a_serial_is_found_in_a_name_of_any_spelling() -> None:
    assert serial_in("chaos c000012 gmbh") == "C000012"
    assert serial_in("Contoso 000012") == ""
    assert serial_in(None) == ""


def test_the_world_is_laid_together_from_plain_rows() -> None:
    crm = {
        "account": [{"accountid": "a1", "cr_sapnumber": "100"}],
        "product": [{"productid": "p1", "productnumber": "TG11"}],
        "uom": [{"uomid": "u1", "name": "Piece"}],
        "salesorder": [{"salesorderid": "o1", "_customerid_value": "a1"}],
        "salesorderdetail": [
            {
                "salesorderdetailid": "l1",
                "_salesorderid_value": "o1",
                "_productid_value": "p1",
                "_uomid_value": "u1",
            }
        ],
    }
    call = {"AddressID": "7", "Person": "", "OrdinalNumber": "1"}
    erp = {
        "A_BusinessPartner": [{"BusinessPartner": "100", "Customer": "100"}],
        "A_BusinessPartnerAddress": [{"BusinessPartner": "100", "AddressID": "7", "CityName": "Worms"}],
        "A_AddressEmailAddress": [call | {"EmailAddress": "a@b.example"}],
        "A_AddressPhoneNumber": [
            call | {"PhoneNumberType": "3", "PhoneNumber": "170"},
            call | {"PhoneNumberType": "1", "PhoneNumber": "30"},
        ],
        "A_BusinessPartnerTaxNumber": [{"BusinessPartner": "100", "BPTaxType": "DE0", "BPTaxNumber": "DE1"}],
        "A_BuPaIdentification": [
            {"BusinessPartner": "100", "BPIdentificationType": "ZD365", "BPIdentificationNumber": "a1"},
            {"BusinessPartner": "100", "BPIdentificationType": "OTHER", "BPIdentificationNumber": "x"},
        ],
        "A_CustomerCompany": [
            {"Customer": "100", "CompanyCode": "1710", "PaymentTerms": "NT60"},
            {"Customer": "100", "CompanyCode": "1010", "PaymentTerms": "NT30"},
        ],
        "A_CustomerSalesArea": [
            {"Customer": "100", "SalesOrganization": "1010", "OrderIsBlockedForCustomer": "01"},
        ],
        "A_Customer": [{"Customer": "100", "OrderIsBlockedForCustomer": ""}],
        "A_SalesOrder": [{"SalesOrder": "900"}],
        "A_SalesOrderItem": [{"SalesOrder": "900", "SalesOrderItem": "10"}],
        "A_SalesOrderItemPrElement": [
            {"SalesOrder": "900", "SalesOrderItem": "10", "ConditionType": "PPR0", "ConditionRateValue": "17.50"},
            {"SalesOrder": "900", "SalesOrderItem": "10", "ConditionType": "TTX1", "ConditionRateValue": "19"},
        ],
    }
    world = load(crm.__getitem__, erp.__getitem__)
    (partner,), (order,), (sap_order,) = world.partners, world.orders, world.sap_orders
    assert (partner["CityName"], partner["PhoneNumber"], partner["MobileNumber"]) == ("Worms", "30", "170")
    assert (partner["Marks"], partner["PaymentTerms"], partner["SalesBlock"]) == (["a1"], "NT30", "01")
    assert (order["customer_number"], order["lines"][0]["product_number"]) == ("100", "TG11")
    assert order["lines"][0]["unit_name"] == "Piece"
    assert sap_order["lines"][0]["ConditionRateValue"] == "17.50"
