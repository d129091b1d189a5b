"""Contact relationships: a person who is the contact of a company, and the one row of details that each has."""

from dev.sap.s4.model.edm import SETS
from dev.sap.s4.model.errors import Message, message, refused
from dev.sap.s4.model.values import FOREVER, Row
from dev.sap.s4.rules.partner.general import PERSON
from dev.sap.s4.rules.work import Payload, Rule, Work, require

_KEY = ("RelationshipNumber", "BusinessPartnerCompany", "BusinessPartnerPerson", "ValidityEndDate")


def _prepare_contact(work: Work, row: Row, _payload: Payload) -> None:
    for name in ("BusinessPartnerCompany", "BusinessPartnerPerson"):
        if work.store.get("A_BusinessPartner", row[name]) is None:
            raise refused("R1/106", row[name], target=name)
    row["RelationshipNumber"] = work.store.number("relation")
    row["RelationshipCategory"] = row["RelationshipCategory"] or "BUR001"
    row["ValidityStartDate"] = row["ValidityStartDate"] or work.today()
    row["ValidityEndDate"] = row["ValidityEndDate"] or FOREVER


def _check_contact(work: Work, row: Row, before: Row | None) -> list[Message]:
    category = row["RelationshipCategory"]
    known = category in work.custom.relationship_categories
    found = require(known, "R11/401", category, target="RelationshipCategory")
    person = work.row("A_BusinessPartner", row["BusinessPartnerPerson"])
    is_person = person["BusinessPartnerCategory"] == PERSON
    found += require(is_person, "R1/101", person["BusinessPartnerCategory"], target="BusinessPartnerPerson")
    same: Row = {name: row[name] for name in ("BusinessPartnerCompany", "BusinessPartnerPerson")}
    if before is None and work.store.select("A_BusinessPartnerContact", same):
        found.append(message("R1/112", "/".join(map(str, same.values())), "Business Partner Contact"))
    return found


def _contact_created(work: Work, row: Row, payload: Payload) -> None:
    if not payload.children.get("to_ContactRelationship"):
        key: Row = {name: row[name] for name in _KEY}
        details = SETS["A_BPContactToFuncAndDept"].blank() | key
        work.store.put("A_BPContactToFuncAndDept", details | {"RelationshipCategory": row["RelationshipCategory"]})


def _contact_removed(work: Work, row: Row) -> None:
    details = work.store.get("A_BPContactToFuncAndDept", *(row[name] for name in _KEY))
    if details is not None:
        work.store.remove("A_BPContactToFuncAndDept", details)


RULES = {
    "A_BusinessPartnerContact": Rule(
        prepare=_prepare_contact, check=_check_contact, created=_contact_created, removed=_contact_removed
    ),
    "A_BPContactToFuncAndDept": Rule(),
}
