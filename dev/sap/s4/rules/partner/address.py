"""Addresses of a partner and their usages: numbers, country rules, the one standard address."""

from datetime import UTC, datetime
from uuid import uuid4

from dev.sap.s4.model.edm import SETS
from dev.sap.s4.model.errors import Message, message, refused
from dev.sap.s4.model.values import Row
from dev.sap.s4.rules.partner.general import partner_of
from dev.sap.s4.rules.work import Payload, Rule, Work, require, unique
from dev.sap.s4.store.countries import COUNTRIES

STANDARD = "XXDEFAULT"
END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_CHECKED = ("Country", "Region", "PostalCode")


def _prepare_address(work: Work, row: Row, _payload: Payload) -> None:
    partner = partner_of(work, row)
    row["AddressID"] = work.store.number("address").zfill(10)
    row["AddressUUID"] = uuid4()
    row["Person"] = partner["PersonNumber"]
    row["ValidityStartDate"] = row["ValidityStartDate"] or work.today()
    row["ValidityEndDate"] = row["ValidityEndDate"] or END
    row["Language"] = row["Language"] or partner["CorrespondenceLanguage"] or "EN"
    row["FullName"] = str(partner["BusinessPartnerName"])[:80]


def _derive_address(_work: Work, row: Row) -> None:
    country = COUNTRIES.get(str(row["Country"]))
    if country and not row["AddressTimeZone"]:
        row["AddressTimeZone"] = country.zone


def _check_address(_work: Work, row: Row, before: Row | None) -> list[Message]:
    if before is not None and all(row[name] == before[name] for name in _CHECKED):
        return []
    code, region, postal = (str(row[name]) for name in _CHECKED)
    country = COUNTRIES.get(code)
    if country is None:
        return [message("AM/100", code, target="Country")] if code else []
    known = not region or not country.regions or region in country.regions
    found = require(known, "AM/101", region, code, target="Region")
    if postal:
        found += require(country.postal_matches(postal), "AM/102", postal, code, country.shown, target="PostalCode")
    elif country.postal_required and not row["POBoxPostalCode"]:
        found.append(message("AM/103", code, target="PostalCode"))
    return found


def _address_created(work: Work, row: Row, payload: Payload) -> None:
    others = [each for each in _addresses(work, row) if each["AddressID"] != row["AddressID"]]
    if not others and STANDARD not in payload.child_values("to_AddressUsage", "AddressUsage"):
        usage = SETS["A_BuPaAddressUsage"].blank() | {
            "BusinessPartner": row["BusinessPartner"],
            "AddressID": row["AddressID"],
            "AddressUsage": STANDARD,
            "ValidityStartDate": work.today(),
            "ValidityEndDate": END,
            "StandardUsage": True,
        }
        work.store.put("A_BuPaAddressUsage", usage)
    _warn_of_twin(work, row)


def _warn_of_twin(work: Work, row: Row) -> None:
    postal, street = row["PostalCode"], row["StreetName"]
    if not postal or not street:
        return
    for twin in work.store.select("A_BusinessPartnerAddress", {"PostalCode": postal, "StreetName": street}):
        if twin["BusinessPartner"] != row["BusinessPartner"] and twin["HouseNumber"] == row["HouseNumber"]:
            work.warn("R1/301", postal, street, twin["BusinessPartner"], target="to_BusinessPartnerAddress")
            return


def _addresses(work: Work, row: Row) -> list[Row]:
    return work.store.select("A_BusinessPartnerAddress", {"BusinessPartner": row["BusinessPartner"]})


def _usages(work: Work, row: Row, **equal: str) -> list[Row]:
    return work.store.select("A_BuPaAddressUsage", {"BusinessPartner": row["BusinessPartner"], **equal})


def _removing_address(work: Work, row: Row) -> None:
    if _usages(work, row, AddressID=str(row["AddressID"]), AddressUsage=STANDARD):
        raise refused("R1/122", row["BusinessPartner"])


def _prepare_usage(work: Work, row: Row, _payload: Payload) -> None:
    partner_of(work, row)
    if work.store.get("A_BusinessPartnerAddress", row["BusinessPartner"], row["AddressID"]) is None:
        raise refused("AM/112", row["AddressID"], target="AddressID")
    row["ValidityStartDate"] = row["ValidityStartDate"] or work.today()
    row["ValidityEndDate"] = row["ValidityEndDate"] or END
    row["StandardUsage"] = row["StandardUsage"] or row["AddressUsage"] == STANDARD


def _usage_created(work: Work, row: Row, _payload: Payload) -> None:
    if row["AddressUsage"] != STANDARD:
        return
    for other in _usages(work, row, AddressUsage=STANDARD):
        if other["AddressID"] != row["AddressID"]:
            work.store.remove("A_BuPaAddressUsage", other)


def _removing_usage(_work: Work, row: Row) -> None:
    if row["AddressUsage"] == STANDARD:
        raise refused("R1/122", row["BusinessPartner"])


RULES = {
    "A_BusinessPartnerAddress": Rule(
        prepare=_prepare_address,
        derive=_derive_address,
        check=_check_address,
        created=_address_created,
        removing=_removing_address,
    ),
    "A_BuPaAddressUsage": Rule(
        prepare=_prepare_usage,
        check=lambda work, row, before: unique(work, "A_BuPaAddressUsage", row) if before is None else [],
        created=_usage_created,
        removing=_removing_usage,
    ),
}
