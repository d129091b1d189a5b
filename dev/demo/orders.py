"""Scenes with orders: one that comes before its customer, and a line that goes."""

from dev.demo.stage import Row, Stage

BACK_OFFICE = "5f1c4f1e-9b1a-ee11-8f6e-000d3a2c0001"  # may change submitted orders, see dev/dynamics/dataverse


def order_before_its_customer(stage: Stage) -> None:
    """An order waits for its customer; a removed line is rejected in SAP."""
    stage.scene("An order is submitted before its customer was ever synced")
    stage.crm("faults", {"events": {"drop": 1.0}})
    key = stage.new_account("Eilige Besteller OHG")
    stage.crm("faults", method="DELETE")
    stage.says("the customer's own event is lost")
    order = _submitted_order(stage, key)
    number = stage.claim("the customer arrives in SAP, asked for by the order", lambda: stage.number(key))

    def in_dynamics() -> Row:
        return stage.rows("salesorder", salesorderid=order)[0]

    sap_order = stage.claim("the order follows, its number is back", lambda: in_dynamics()["cr_sapnumber"])
    stage.claim(
        "three items, sold to the new customer",
        lambda: (
            len(stage.sap("A_SalesOrderItem", SalesOrder=sap_order)) == 3  # noqa: PLR2004 -- as submitted
            and stage.sap("A_SalesOrder", SalesOrder=sap_order)[0]["SoldToParty"] == number
        ),
    )
    stage.claim(
        "net total and status of SAP stand in Dynamics",
        lambda: (row := in_dynamics())["cr_sapstatus"] == "A" and float(row["cr_saptotalnet"] or 0) > 0,
    )
    stage.trace("s4/order", order)

    stage.scene("A line is removed in Dynamics")
    lines = stage.rows("salesorderdetail", _salesorderid_value=order)
    gone = next(r for r in lines if r["lineitemnumber"] == 2)  # noqa: PLR2004 -- the second line
    stage.crm("delete", {"table": "salesorderdetail", "id": gone["salesorderdetailid"], "user": BACK_OFFICE})

    def rejected() -> bool:
        items = stage.sap("A_SalesOrderItem", SalesOrder=sap_order)
        return [i["SalesDocumentRjcnReason"] for i in items].count("61") == 1 and len(items) == 3  # noqa: PLR2004

    stage.claim("the item is rejected in SAP, not silently kept", rejected)
    stage.trace("s4/order", order)


def _submitted_order(stage: Stage, account: str) -> str:
    prices = stage.rows("pricelevel")[0]["pricelevelid"]
    currency = stage.rows("transactioncurrency", isocurrencycode="EUR")[0]["transactioncurrencyid"]
    unit = stage.rows("uom", name="Piece")[0]["uomid"]
    products = {p["productnumber"]: p["productid"] for p in stage.rows("product")}
    lines = [
        {
            "lineitemnumber": n, "quantity": n, "productid@odata.bind": f"/products({products[product]})",
            "uomid@odata.bind": f"/uoms({unit})",
        }
        for n, product in enumerate(("TG11", "TG12", "TG18"), start=1)
    ]  # fmt: skip
    values = {
        "name": "Erstbestellung", "customerid_account@odata.bind": f"/accounts({account})",
        "pricelevelid@odata.bind": f"/pricelevels({prices})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency})", "order_details": lines,
    }  # fmt: skip
    order = str(stage.crm("create", {"table": "salesorder", "values": values})["salesorderid"])
    stage.crm(f"submit-order/{order}", {})
    return order
