"""What people do to sales orders."""

from dev.chaos.audit.books import Row
from dev.chaos.people.hands import NotNow, People

BACK_OFFICE = "5f1c4f1e-9b1a-ee11-8f6e-000d3a2c0001"  # may change submitted orders, see dev/dynamics/dataverse
PRODUCTS = ("TG11", "TG12", "TG18", "TG20", "TG21")  # those that SAP sells by the piece
LINES_MAX = 4
LINE: Row = {"table": "salesorderdetail", "user": BACK_OFFICE}


def new_order(people: People) -> None:
    """A customer orders, maybe before SAP knows the customer."""
    _, account = people.account()
    lines = [_line(people, place) for place in range(1, people.dice.randint(1, LINES_MAX) + 1)]
    currency, prices = people.ids["currencies EUR"], people.ids["pricelevels Standard"]
    values = {
        "name": "Bestellung", "customerid_account@odata.bind": f"/accounts({account['accountid']})",
        "pricelevelid@odata.bind": f"/pricelevels({prices})", "order_details": lines,
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency})",
        "requestdeliveryby": f"2027-{people.dice.randint(1, 12):02d}-{people.dice.randint(1, 28):02d}T00:00:00Z",
    }  # fmt: skip
    order = people.crm("new order", "create", {"table": "salesorder", "values": values})["salesorderid"]
    people.crm("order submitted", f"submit-order/{order}", {})


def change_date(people: People) -> None:
    """The back office asks for another day."""
    day = f"2028-{people.dice.randint(1, 12):02d}-{people.dice.randint(1, 28):02d}T00:00:00Z"
    body = {"table": "salesorder", "id": people.order()["salesorderid"], "values": {"requestdeliveryby": day}}
    people.crm("order date", "edit", body | {"user": BACK_OFFICE})


def change_quantity(people: People) -> None:
    """The back office changes a quantity."""
    _, line = _order_and_line(people)
    body = {"id": line["salesorderdetailid"], "values": {"quantity": people.dice.randint(1, 900)}}
    people.crm("line quantity", "edit", LINE | body)


def add_line(people: People) -> None:
    """The back office adds a line."""
    order, _ = _order_and_line(people)
    more = _line(people, 1 + max(int(each["lineitemnumber"]) for each in order["lines"]))
    more |= {"salesorderid@odata.bind": f"/salesorders({order['salesorderid']})"}
    order["lines"].append(people.crm("line added", "create", LINE | {"values": more}))


def remove_line(people: People) -> None:
    """The back office removes a line, but never the last."""
    order, line = _order_and_line(people)
    if len(order["lines"]) == 1:
        raise NotNow
    people.crm("line removed", "delete", LINE | {"id": line["salesorderdetailid"]})
    order["lines"].remove(line)


def change_quantity_in_sap(people: People) -> None:
    """Somebody in SAP changes a quantity, which Dynamics decides."""
    order, line = _order_and_line(people)
    if not order["cr_sapnumber"] or not line.get("cr_sapitem"):
        raise NotNow
    key = {"SalesOrder": order["cr_sapnumber"], "SalesOrderItem": line["cr_sapitem"]}
    quantity = str(people.dice.randint(1, 900))
    people.edit_sap("owned by the other: quantity", "A_SalesOrderItem", key, RequestedQuantity=quantity)


def deliver(people: People) -> None:
    """The warehouse delivers an order."""
    number = people.order()["cr_sapnumber"]
    if not number:
        raise NotNow
    people.erp("delivery", f"deliver/{number}", {})


def _order_and_line(people: People) -> tuple[Row, Row]:
    order = people.order()
    if not order["lines"]:
        raise NotNow
    return order, people.dice.choice(order["lines"])


def _line(people: People, place: int) -> Row:
    product = people.ids[f"products {people.dice.choice(PRODUCTS)}"]
    return {
        "lineitemnumber": place, "quantity": people.dice.randint(1, 900),
        "productid@odata.bind": f"/products({product})", "uomid@odata.bind": f"/uoms({people.ids['units Piece']})",
    }  # fmt: skip
