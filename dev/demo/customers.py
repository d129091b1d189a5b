"""Scenes with customers: created, edited on both sides, doubled events, an outage, a lost answer."""

from dev.demo.stage import Stage


def created_in_dynamics(stage: Stage) -> str:
    """One account travels to SAP, and its number comes back in the same sync."""
    stage.scene("Sales enters a customer in Dynamics")
    key = stage.new_account("Contoso Maschinenbau GmbH", cr_vatid="DE813579246", emailaddress1="info@contoso.example")
    number = stage.claim("SAP has a business partner, its number stands in Dynamics", lambda: stage.number(key))
    partner = stage.sap("A_BusinessPartner", BusinessPartner=number)[0]
    stage.claim(
        "name, street, tax number and customer role are right in SAP",
        lambda: (
            partner["OrganizationBPName1"] == "Contoso Maschinenbau GmbH"
            and stage.address(number)["StreetName"] == "Hauptstraße"
            and stage.sap("A_BusinessPartnerTaxNumber", BusinessPartner=number, BPTaxType="DE0")
            and stage.sap("A_Customer", Customer=partner["Customer"])
        ),
    )
    stage.trace("s4/account", key)
    return key


def edited_in_sap(stage: Stage, key: str) -> None:
    """What SAP changes, Dynamics follows."""
    stage.scene("Accounting corrects the city in SAP")
    stage.edit_city(stage.number(key), "Heidelberg")
    stage.claim("Dynamics shows the new city", lambda: stage.account(key)["address1_city"] == "Heidelberg")
    stage.trace("s4/account", key)


def edited_on_both_sides(stage: Stage, key: str) -> None:
    """Different fields merge; the same field is for a person."""
    number = stage.number(key)
    stage.scene("Both sides edit different fields before either event arrives")
    stage.hold()
    stage.crm("edit", {"table": "account", "id": key, "values": {"address1_postalcode": "69115"}})
    stage.edit_city(number, "Mannheim")
    stage.release()
    stage.claim(
        "both edits are on both sides",
        lambda: stage.account(key)["address1_city"] == "Mannheim" and stage.address(number)["PostalCode"] == "69115",
    )
    stage.trace("s4/account", key)

    stage.scene("Both sides edit the same field")
    stage.hold()
    stage.crm("edit", {"table": "account", "id": key, "values": {"address1_city": "Speyer"}})
    stage.edit_city(number, "Worms")
    stage.release()

    def parked() -> str:
        found = [p for p in stage.ops(f"links/s4/account/{key}").get("parked", []) if p["field"] == "city"]
        return found[0]["message"] if found else ""

    reason = stage.claim("the field is parked, neither side was overwritten", parked)
    stage.console.print(f"    [yellow]{reason}[/yellow]")
    stage.claim(
        "Dynamics keeps Speyer, SAP keeps Worms",
        lambda: stage.account(key)["address1_city"] == "Speyer" and stage.address(number)["CityName"] == "Worms",
    )
    stage.says("somebody settles it: Dynamics takes SAP's city")
    stage.crm("edit", {"table": "account", "id": key, "values": {"address1_city": "Worms"}})
    stage.claim("the field has left the list", lambda: not parked())


def delivered_five_times(stage: Stage) -> None:
    """Doubled and reordered events make one partner."""
    stage.scene("The webhook is delivered five times, out of order")
    stage.crm("faults", {"events": {"duplicate": 5, "reorder": True, "hold": True}})
    key = stage.new_account("Fünffach AG")
    stage.crm("edit", {"table": "account", "id": key, "values": {"telephone1": "+49 6227 2000"}})
    stage.crm("events/release")
    stage.crm("faults", method="DELETE")
    stage.claim("the number is back", lambda: stage.number(key))
    stage.claim("every delivery was taken", lambda: not stage.crm("events", method="GET")["pending"])
    stage.claim("there is one partner", lambda: len(stage.partners("Fünffach AG")) == 1)
    stage.trace("s4/account", key)


def sap_is_down(stage: Stage) -> None:
    """SAP answers 503 for a while: nothing is lost."""
    stage.scene("SAP answers 503 for a while")
    stage.erp("faults", {"match": {"path": "API_BUSINESS_PARTNER"}, "times": 2, "status": 503, "html": True})
    key = stage.new_account("Geduld & Söhne KG")
    stage.claim("the customer arrives all the same", lambda: stage.number(key))
    stage.claim("there is one partner", lambda: len(stage.partners("Geduld & Söhne KG")) == 1)
    stage.erp("faults", method="DELETE")
    stage.trace("s4/account", key)


def answer_is_lost(stage: Stage) -> None:
    """SAP creates the partner, and its answer never comes."""
    stage.scene("SAP creates a partner, but its answer is lost")
    stage.erp("faults", {"match": {"method": "POST", "path": "A_BusinessPartner"}, "lose_answer": True})
    key = stage.new_account("Verlorene Antwort SE")
    number = stage.claim("the partner is found again by its mark, its number is back", lambda: stage.number(key))
    found = stage.claim("there is one partner", lambda: len(stage.partners("Verlorene Antwort SE")) == 1)
    stage.erp("faults", method="DELETE")
    if found and number:
        stage.trace("s4/account", key)
