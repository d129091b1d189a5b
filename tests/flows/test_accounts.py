"""Customers: created on either side, edited on both, doubled, deleted, refused."""

import pytest

from tests.flows.office import Office


def test_an_account_of_dynamics_becomes_a_partner_and_its_number_comes_back(office: Office) -> None:
    key, number = office.linked_account(
        "Erstkontakt GmbH", cr_vatid="DE811111111", emailaddress1="info@erst.example", telephone1="+49 6227 1000"
    )
    partner, address = office.partner(number), office.address(number)
    assert partner["OrganizationBPName1"] == "Erstkontakt GmbH"
    assert (address["StreetName"], address["HouseNumber"]) == ("Hauptstraße", "7")
    assert (address["CityName"], address["PostalCode"], address["Country"]) == ("Walldorf", "69190", "DE")
    assert office.sap("A_BusinessPartnerTaxNumber", BusinessPartner=number, BPTaxType="DE0", BPTaxNumber="DE811111111")
    assert office.sap("A_Customer", Customer=partner["Customer"])
    roles = {row["BusinessPartnerRole"] for row in office.sap("A_BusinessPartnerRole", BusinessPartner=number)}
    assert {"FLCU00", "FLCU01"} <= roles
    assert office.sap("A_BuPaIdentification", BusinessPartner=number, BPIdentificationNumber=key)  # the birthmark
    assert office.pair(key)["journal"][0]["writes"] == ["sap create", "dynamics update"]


def test_a_partner_of_sap_becomes_an_account(office: Office) -> None:
    values = {
        "BusinessPartnerCategory": "2", "BusinessPartnerGrouping": "BP02", "OrganizationBPName1": "Aus SAP geboren KG",
        "to_BusinessPartnerAddress": [
            {"Country": "DE", "CityName": "Bonn", "PostalCode": "53111", "StreetName": "Am Hof", "HouseNumber": "1"}
        ],
    }  # fmt: skip
    number = office.erp("create", {"set": "A_BusinessPartner", "values": values})["BusinessPartner"]
    found = office.until(lambda: office.rows("account", cr_sapnumber=number), "the account is there")
    assert [(row["name"], row["address1_city"]) for row in found] == [("Aus SAP geboren KG", "Bonn")]
    office.until(lambda: office.pair(number).get("status") == "linked", "it is linked")
    assert office.pair(number)["dynamics"] == found[0]["accountid"]


def test_what_sap_changes_dynamics_follows(office: Office) -> None:
    key, number = office.linked_account("Umzug aus SAP GmbH")
    office.edit_city(number, "Heidelberg")
    office.until(lambda: office.account(key)["address1_city"] == "Heidelberg", "Dynamics shows the city")


def test_edits_of_different_fields_on_both_sides_merge(office: Office) -> None:
    key, number = office.linked_account("Beide Seiten AG")
    office.quiet()
    with office.events_held():
        office.edit_account(key, address1_postalcode="69115")
        office.edit_city(number, "Mannheim")
    office.until(lambda: office.account(key)["address1_city"] == "Mannheim", "Dynamics has SAP's edit")
    office.until(lambda: office.address(number)["PostalCode"] == "69115", "SAP has Dynamics' edit")


def test_edits_of_the_same_field_on_both_sides_park_it_until_somebody_settles_it(office: Office) -> None:
    key, number = office.linked_account("Zwei Meinungen OHG")
    office.quiet()
    with office.events_held():
        office.edit_account(key, address1_city="Speyer", address1_postalcode="67346")
        office.edit_city(number, "Worms")
    problem = office.until(lambda: office.parked(key, "city"), "the city is parked")
    assert problem["cause"] == "clash"
    office.until(lambda: office.address(number)["PostalCode"] == "67346", "the rest goes through")
    office.quiet()
    assert (office.account(key)["address1_city"], office.address(number)["CityName"]) == ("Speyer", "Worms")
    assert office.ops("status")["flows"]["s4/account"]["causes"]["clash"] >= 1
    office.edit_account(key, address1_city="Worms")
    office.until(lambda: not office.parked(key, "city"), "the city has left the list")
    assert office.address(number)["CityName"] == "Worms"


def test_an_event_delivered_five_times_out_of_order_makes_one_partner(office: Office) -> None:
    office.crm("faults", {"events": {"duplicate": 5, "reorder": True, "hold": True}})
    key = office.new_account("Fünffach AG")
    office.edit_account(key, telephone1="+49 6227 2000")
    office.calm()
    office.until(lambda: office.pair(key).get("status") == "linked", "it is linked")
    office.quiet()
    assert [row["BusinessPartner"] for row in office.partners("Fünffach AG")] == [office.number(key)]


def test_two_accounts_with_one_vat_number_do_not_share_a_partner(office: Office) -> None:
    first, number = office.linked_account("Original SE", cr_vatid="DE822222222")
    second = office.new_account("Doppelgänger SE", cr_vatid="DE822222222")
    found = office.until(lambda: office.parked(second, ""), "the second one is parked")
    assert found["cause"] == "duplicate"
    assert number in found["message"]
    assert not office.partners("Doppelgänger SE")
    assert office.pair(number)["dynamics"] == first


def test_what_sap_refuses_is_parked_in_saps_own_words_and_leaves_the_list_when_mended(office: Office) -> None:
    key, number = office.linked_account("Falsche Postleitzahl GmbH")
    office.edit_account(key, address1_postalcode="6919", telephone1="+49 6227 3000")
    problem = office.until(lambda: office.parked(key, "postal_code"), "the postal code is parked")
    assert problem["cause"].startswith("refused s4 ")
    assert "ostal code" in problem["message"]
    phones = "A_AddressPhoneNumber"
    assert office.sap(phones, AddressID=office.address(number)["AddressID"]), "the other edit went through"
    assert office.address(number)["PostalCode"] == "69190"
    office.edit_account(key, address1_postalcode="69124")
    office.until(lambda: office.address(number)["PostalCode"] == "69124", "SAP has the right one")
    office.until(lambda: not office.parked(key, "postal_code"), "it has left the list")
    assert office.pair(key)["parked"] == []


def test_a_create_that_sap_refuses_is_parked_and_goes_through_when_mended(office: Office) -> None:
    key = office.new_account("Noch ohne Nummer GmbH", address1_postalcode="691")
    found = office.until(lambda: office.parked(key, "postal_code") or office.parked(key, ""), "it is parked")
    assert "ostal code" in found["message"]
    assert not office.partners("Noch ohne Nummer GmbH")
    office.edit_account(key, address1_postalcode="69190")
    office.until(lambda: office.pair(key).get("status") == "linked", "it is linked")
    assert office.number(key)
    assert office.pair(key)["parked"] == []


def test_an_account_deleted_in_dynamics_blocks_the_partner_and_leaves_a_tombstone(office: Office) -> None:
    key, number = office.linked_account("Vorbei GmbH")
    office.crm("delete", {"table": "account", "id": key})
    office.until(lambda: office.partner(number)["BusinessPartnerIsBlocked"], "SAP has blocked it")
    office.until(lambda: office.pair(key).get("status") == "retired", "the link is a tombstone")
    office.quiet()
    office.edit_city(number, "Nirgendwo")  # life goes on in SAP, and nobody is woken by it
    office.quiet()
    assert office.rows("account", name="Vorbei GmbH") == []
    assert office.rows("account", cr_sapnumber=number) == []
    assert office.pair(number)["status"] == "retired"


@pytest.mark.parametrize("category", [1, 12])
def test_an_account_that_is_no_customer_stays_in_dynamics(office: Office, category: int) -> None:
    name = f"Nur Interessent {category}"
    office.new_account(name, customertypecode=category)
    office.quiet()
    assert office.partners(name) == []
