"""Sales orders: prices, totals, states, and who may change a submitted order."""

from collections.abc import Iterator

import httpx
import pytest

from dev.dynamics.dataverse import Running, start

SHOP = ("11111111-2222-3333-4444-666666666666", "other-secret")  # an application that is no integration user


@pytest.fixture(scope="module")
def org() -> Iterator[Running]:
    with start(seed=True) as running:
        yield running


@pytest.fixture(scope="module")
def shop(org: Running) -> Iterator[httpx.Client]:
    with org.client(org.token(*SHOP)) as client:
        yield client


def first(api: httpx.Client, query: str) -> dict[str, str]:
    found: dict[str, str] = api.get(query).json()["value"][0]
    return found


def header(api: httpx.Client, **values: object) -> dict[str, object]:
    account = first(api, "accounts?$select=accountid&$orderby=name")["accountid"]
    prices = first(api, "pricelevels?$select=pricelevelid")["pricelevelid"]
    binds = {
        "customerid_account@odata.bind": f"/accounts({account})",
        "pricelevelid@odata.bind": f"/pricelevels({prices})",
    }
    return {"name": "Order", **binds, **values}


def line(api: httpx.Client, number: str = "TG11", quantity: object = 2, **values: object) -> dict[str, object]:
    product = first(api, f"products?$filter=productnumber eq '{number}'")
    binds = {"productid@odata.bind": f"/products({product['productid']})"}
    return {"quantity": quantity, **binds, "uomid@odata.bind": f"/uoms({product['_defaultuomid_value']})", **values}


def make(api: httpx.Client, *lines: dict[str, object], **values: object) -> str:
    answer = api.post("salesorders", json=header(api, order_details=list(lines), **values))
    assert answer.status_code == 204, answer.text
    return answer.headers["OData-EntityId"].split("(")[1].rstrip(")")


def order(api: httpx.Client, row: str) -> dict[str, object]:
    found: dict[str, object] = api.get(f"salesorders({row})?$expand=order_details").json()
    return found


def test_a_line_takes_its_price_from_the_price_list(api: httpx.Client) -> None:
    found = order(api, make(api, line(api, "TG11", 2)))
    assert isinstance(found["order_details"], list)
    item = found["order_details"][0]
    assert (item["priceperunit"], item["baseamount"], item["extendedamount"]) == (17.5, 35, 35)
    assert (item["productnumber"], item["lineitemnumber"], item["pricingerrorcode"]) == ("TG11", 1, 0)
    assert str(found["ordernumber"]).startswith("ORD-")


def test_totals_follow_the_documented_formulas(api: httpx.Client) -> None:
    own = {"ispriceoverridden": True, "priceperunit": 10, "manualdiscountamount": 1.5, "tax": 3.8}
    found = order(api, make(api, line(api), line(api, "TG12", 3, **own), discountpercentage=10, freightamount=5))
    wanted = {
        "totallineitemamount": 63.5,  # 35 + (30 - 1.5)
        "totallineitemdiscountamount": 1.5,
        "totaldiscountamount": 6.35,
        "totalamountlessfreight": 57.15,
        "totaltax": 3.8,
        "totalamount": 65.95,
        "totalamount_base": 65.95,
    }
    assert {name: found[name] for name in wanted} == wanted


def test_totals_move_with_lines_and_ignore_what_is_sent(api: httpx.Client) -> None:
    row = make(api, line(api))
    api.patch(f"salesorders({row})", json={"totalamount": 1, "freightamount": 2})
    assert order(api, row)["totalamount"] == 37
    added = api.post(f"salesorders({row})/order_details", json=line(api, "TG12", 1))
    assert order(api, row)["totalamount"] == 62
    api.delete(added.headers["OData-EntityId"])
    assert order(api, row)["totalamount"] == 37


def test_a_product_without_a_list_price_leaves_an_error_code(api: httpx.Client) -> None:
    tons = first(api, "uoms?$filter=name eq 'Box of 10'")["uomid"]
    row = make(api, line(api, "TG11", 1, **{"uomid@odata.bind": f"/uoms({tons})"}))
    found = order(api, row)
    assert isinstance(found["order_details"], list)
    assert found["order_details"][0]["pricingerrorcode"] == 11
    assert (found["pricingerrorcode"], found["totalamount"]) == (1, 0)


def test_a_unit_of_another_group_and_a_missing_product_are_refused(api: httpx.Client) -> None:
    row, tons = make(api), first(api, "uoms?$filter=name eq 'Ton'")["uomid"]
    wrong = line(api, **{"uomid@odata.bind": f"/uoms({tons})"})
    assert api.post(f"salesorders({row})/order_details", json=wrong).status_code == 400
    assert api.post(f"salesorders({row})/order_details", json={"quantity": 1}).status_code == 400
    free = {"isproductoverridden": True, "productdescription": "Hours", "priceperunit": 80, "quantity": 2}
    assert api.post(f"salesorders({row})/order_details", json=free).status_code == 204
    assert order(api, row)["totalamount"] == 160


def test_a_submitted_order_is_read_only_but_for_the_integration_user(
    api: httpx.Client, shop: httpx.Client, org: Running
) -> None:
    row = make(api, line(api))
    item = first(api, f"salesorders({row})/order_details")["salesorderdetailid"]
    httpx.post(f"{org.url}/sim/submit-order/{row}").raise_for_status()
    assert (order(api, row)["statecode"], order(api, row)["statuscode"]) == (1, 3)
    for refused in (
        shop.patch(f"salesorders({row})", json={"description": "x"}),
        shop.patch(f"salesorderdetails({item})", json={"quantity": 3}),
        shop.delete(f"salesorderdetails({item})"),
        shop.post(f"salesorders({row})/order_details", json=line(api)),
    ):
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "0x8004022e")
    edit = {"table": "salesorder", "id": row, "values": {"description": "x"}}
    assert httpx.post(f"{org.url}/sim/edit", json=edit).status_code == 400
    assert api.patch(f"salesorders({row})", json={"cr_sapnumber": "4711"}).status_code == 204
    assert api.patch(f"salesorderdetails({item})", json={"cr_sapitem": "000010"}).status_code == 204


def test_illegal_states_are_refused_and_closing_needs_an_action(api: httpx.Client) -> None:
    row = make(api, line(api))
    assert (
        api.patch(f"salesorders({row})", json={"statecode": 1, "statuscode": 4}).json()["error"]["code"] == "0x80048408"
    )
    assert "FulfillSalesOrder" in api.patch(f"salesorders({row})", json={"statecode": 3}).text
    body = {"OrderClose": {"subject": "Done", "salesorderid@odata.bind": f"/salesorders({row})"}, "Status": 100002}
    assert api.post("salesorders/Microsoft.Dynamics.CRM.FulfillSalesOrder", json=body).status_code == 204
    assert (order(api, row)["statecode"], order(api, row)["statuscode"]) == (3, 100002)


def test_an_order_takes_its_lines_with_it(api: httpx.Client) -> None:
    row = make(api, line(api))
    item = first(api, f"salesorders({row})/order_details")["salesorderdetailid"]
    assert api.delete(f"salesorders({row})").status_code == 204
    assert api.get(f"salesorderdetails({item})").status_code == 404


def test_a_product_in_use_cannot_be_deleted(api: httpx.Client) -> None:
    make(api, line(api, "TG13"))
    product = first(api, "products?$filter=productnumber eq 'TG13'")["productid"]
    answer = api.delete(f"products({product})")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "0x80040227")


def test_a_back_office_stores_its_own_totals() -> None:
    with start(seed=True, sales_order_processing=True) as org, org.client() as api:
        row = make(api, line(api, baseamount=99, extendedamount=99, priceperunit=49.5), totalamount=100.01)
        assert order(api, row)["totalamount"] == 100.01
        with org.client(org.token(*SHOP)) as shop:
            assert order(shop, make(shop, line(shop)))["totalamount"] == 35


def test_an_inactive_customer_cannot_order(api: httpx.Client) -> None:
    account = api.post("accounts", json={"name": "Closed", "statecode": 1}).headers["OData-EntityId"]
    answer = api.post("salesorders", json=header(api, **{"customerid_account@odata.bind": account}))
    assert answer.status_code == 400
