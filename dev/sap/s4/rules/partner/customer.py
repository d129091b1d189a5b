"""Customer, its company codes, sales areas and partner functions."""

from dev.sap.s4.model.edm import SETS
from dev.sap.s4.model.errors import Message, message, refused
from dev.sap.s4.model.values import Row
from dev.sap.s4.rules.work import Payload, Rule, Work, require, unique

AREA = ("SalesOrganization", "DistributionChannel", "Division")
# The functions every sales area of a customer has, in English (SAP's sold-to, ship-to, bill-to, payer).
OBLIGATORY = ("SP", "SH", "BP", "PY")


def customer_of(work: Work, row: Row) -> Row:
    """Return the customer that a child row belongs to, or refuse the row."""
    customer = work.store.get("A_Customer", row["Customer"])
    if customer is None:
        raise refused("F2/153", row["Customer"], target="Customer")
    return customer


def area_key(row: Row) -> tuple[str, str, str]:
    """Return ('1710', '10', '00')."""
    organisation, channel, division = (str(row[name]) for name in AREA)
    return organisation, channel, division


def _prepare_customer(_work: Work, row: Row, _payload: Payload) -> None:
    # Only reached when a deep insert brings customer data to a partner without a customer role.
    raise refused("R1/121", row["Customer"] or "", "FLCU00/FLCU01", "the customer", target="to_Customer")


def _need_role(work: Work, row: Row, role: str, data: str) -> None:
    customer_of(work, row)
    partner = work.store.select("A_BusinessPartner", {"Customer": row["Customer"]})[0]["BusinessPartner"]
    if work.store.get("A_BusinessPartnerRole", partner, role) is None:
        raise refused("R1/121", partner, role, data)


def _prepare_company(work: Work, row: Row, _payload: Payload) -> None:
    _need_role(work, row, "FLCU00", "the company code")
    row["CustomerAccountGroup"] = customer_of(work, row)["CustomerAccountGroup"]


def _check_company(work: Work, row: Row, before: Row | None) -> list[Message]:
    return unique(work, "A_CustomerCompany", row) if before is None else []


def _prepare_area(work: Work, row: Row, _payload: Payload) -> None:
    _need_role(work, row, "FLCU01", "the sales area")
    row["CustomerAccountGroup"] = customer_of(work, row)["CustomerAccountGroup"]


def _check_area(work: Work, row: Row, before: Row | None) -> list[Message]:
    found = require(area_key(row) in work.custom.sales_areas, "V1/323", *area_key(row), target="SalesOrganization")
    if row["IncotermsClassification"] and not row["IncotermsLocation1"]:
        found.append(message("R1/113", "Incoterms Location 1", target="IncotermsLocation1"))
    return found + (unique(work, "A_CustomerSalesArea", row) if before is None else [])


def _area_created(work: Work, row: Row, _payload: Payload) -> None:
    key: Row = {name: row[name] for name in ("Customer", *AREA)}
    present = {each["PartnerFunction"] for each in work.store.select("A_CustSalesPartnerFunc", key)}
    for function in OBLIGATORY:
        if function not in present:
            own: Row = {"PartnerCounter": "0", "PartnerFunction": function, "BPCustomerNumber": row["Customer"]}
            work.store.put("A_CustSalesPartnerFunc", SETS["A_CustSalesPartnerFunc"].blank() | key | own)


def _need_area(work: Work, row: Row, _payload: Payload) -> None:
    if work.store.get("A_CustomerSalesArea", row["Customer"], *area_key(row)) is None:
        raise refused("V1/315", row["Customer"], *area_key(row))


def _prepare_function(work: Work, row: Row, payload: Payload) -> None:
    _need_area(work, row, payload)
    key: Row = {name: row[name] for name in ("Customer", *AREA, "PartnerFunction")}
    others = work.store.select("A_CustSalesPartnerFunc", key)
    row["PartnerCounter"] = str(max((int(str(each["PartnerCounter"])) for each in others), default=-1) + 1)


def _check_function(work: Work, row: Row, _before: Row | None) -> list[Message]:
    function, number = row["PartnerFunction"], row["BPCustomerNumber"]
    if function not in work.custom.partner_functions:
        return [message("VP/101", function, target="PartnerFunction")]
    if function not in OBLIGATORY:
        return []
    known = work.store.get("A_Customer", number) is not None
    return require(known, "VP/102", function, number, target="BPCustomerNumber")


def _removing_function(work: Work, row: Row) -> None:
    key: Row = {name: row[name] for name in ("Customer", *AREA, "PartnerFunction")}
    if row["PartnerFunction"] in OBLIGATORY and len(work.store.select("A_CustSalesPartnerFunc", key)) == 1:
        raise refused("VP/103", row["PartnerFunction"])


RULES = {
    "A_Customer": Rule(prepare=_prepare_customer, merge=True),
    "A_CustomerCompany": Rule(prepare=_prepare_company, check=_check_company),
    "A_CustomerSalesArea": Rule(prepare=_prepare_area, check=_check_area, created=_area_created),
    "A_CustomerSalesAreaTax": Rule(
        prepare=_need_area,
        check=lambda work, row, before: unique(work, "A_CustomerSalesAreaTax", row) if before is None else [],
    ),
    "A_CustSalesPartnerFunc": Rule(prepare=_prepare_function, check=_check_function, removing=_removing_function),
}
