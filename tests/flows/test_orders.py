"""Orders: they wait for their customer, travel with their lines, and SAP tells their state back."""

from tests.flows.office import BACK_OFFICE, Office


def test_an_order_waits_for_its_customer_and_both_arrive(office: Office) -> None:
    account = office.unheard_account("Eilige Besteller OHG")
    order, number = office.linked_order(account, "TG11", "TG12", "TG18")
    header = office.sap("A_SalesOrder", SalesOrder=number)[0]
    assert header["SoldToParty"] == office.number(account) != ""
    assert [(i["Material"], float(i["RequestedQuantity"])) for i in office.items(number)] == [
        ("TG11", 1.0),
        ("TG12", 2.0),
        ("TG18", 3.0),
    ]
    assert header["PurchaseOrderByCustomer"] == office.order(order)["ordernumber"]  # the birthmark
    assert office.order(order)["cr_sapstatus"] == "A"
    assert float(office.order(order)["cr_saptotalnet"]) == float(header["TotalNetAmount"]) > 0
    lines = office.rows("salesorderdetail", _salesorderid_value=order)
    assert sorted(line["cr_sapitem"] for line in lines) == sorted(i["SalesOrderItem"] for i in office.items(number))


def test_a_draft_stays_in_dynamics_until_it_is_submitted(office: Office) -> None:
    account, _ = office.linked_account("Bedenkzeit KG")
    order = office.draft_order(account, "TG11")
    office.quiet()
    assert not office.order(order)["cr_sapnumber"]
    assert office.ask_ops(f"links/order/{order}").status_code == 404
    office.crm(f"submit-order/{order}", {})
    office.until(lambda: office.order(order)["cr_sapnumber"], "the order's number is back")


def test_a_line_deleted_in_dynamics_is_rejected_in_sap(office: Office) -> None:
    account, _ = office.linked_account("Ein Posten weniger GmbH")
    order, number = office.linked_order(account, "TG11", "TG12")
    gone = office.rows("salesorderdetail", _salesorderid_value=order, lineitemnumber=2)[0]
    office.crm("delete", {"table": "salesorderdetail", "id": gone["salesorderdetailid"], "user": BACK_OFFICE})

    def reasons() -> dict[str, str]:
        return {item["Material"]: item["SalesDocumentRjcnReason"] for item in office.items(number)}

    office.until(lambda: reasons()["TG12"], "the item is rejected")
    assert reasons() == {"TG11": "", "TG12": "61"}
    office.quiet()
    assert office.rows("salesorderdetail", _salesorderid_value=order, lineitemnumber=2) == []


def test_an_order_deleted_in_dynamics_is_not_delivered(office: Office) -> None:
    account, _ = office.linked_account("Gelöscht GmbH")
    order, number = office.linked_order(account, "TG11")
    office.crm("delete", {"table": "salesorder", "id": order, "user": BACK_OFFICE})

    def blocked() -> bool:
        return bool(office.sap("A_SalesOrder", SalesOrder=number)[0]["DeliveryBlockReason"] == "01")

    office.until(blocked, "SAP holds the delivery")
    assert office.pair(number, "order")["status"] == "retired"


def test_a_line_added_and_a_quantity_changed_by_the_back_office_reach_sap_once(office: Office) -> None:
    account, _ = office.linked_account("Nachbestellung AG")
    order, number = office.linked_order(account, "TG11")
    line = office.rows("salesorderdetail", _salesorderid_value=order)[0]
    change = {"table": "salesorderdetail", "id": line["salesorderdetailid"], "values": {"quantity": 7}}
    office.crm("edit", {**change, "user": BACK_OFFICE})
    office.until(lambda: float(office.items(number)[0]["RequestedQuantity"]) == 7.0, "SAP has the quantity")
    product = office.rows("product", productnumber="TG12")[0]["productid"]
    values = {
        "lineitemnumber": 2, "quantity": 5, "salesorderid@odata.bind": f"/salesorders({order})",
        "productid@odata.bind": f"/products({product})", "uomid@odata.bind": f"/uoms({line['_uomid_value']})",
    }  # fmt: skip
    office.crm("create", {"table": "salesorderdetail", "values": values, "user": BACK_OFFICE})
    office.until(lambda: len(office.items(number)) > 1, "SAP has the new item")
    office.quiet()
    assert [(i["Material"], float(i["RequestedQuantity"])) for i in office.items(number)] == [
        ("TG11", 7.0),
        ("TG12", 5.0),
    ]


def test_a_delivery_in_sap_shows_in_dynamics(office: Office) -> None:
    account, _ = office.linked_account("Versandbereit GmbH")
    order, number = office.linked_order(account, "TG11")
    office.erp(f"deliver/{number}", {})
    office.until(lambda: office.order(order)["cr_sapdeliverystatus"] == "C", "Dynamics shows it as delivered")


def test_an_order_for_somebody_who_is_no_customer_parks_with_the_reason(office: Office) -> None:
    account = office.new_account("Kein Kunde GmbH", customertypecode=12)
    order = office.submitted_order(account, "TG11")
    found = office.until(lambda: office.pair(order, "order").get("parked"), "the order is parked")
    assert "will not be linked" in str(found)
    assert account in str(found)
    office.edit_account(account, customertypecode=3)  # now it is one: nobody has to touch the order
    office.until(lambda: office.order(order)["cr_sapnumber"], "the order's number is back")
    office.until(lambda: not office.pair(order, "order")["parked"], "it has left the list")
