"""E-mail, telephone, fax and web pages of an address: ordinals, the one default per kind, derived forms."""

import re
from datetime import UTC, datetime

from dev.sap.s4.model.errors import Message, refused
from dev.sap.s4.model.values import Row
from dev.sap.s4.rules.work import Check, Derive, Payload, Rule, Work, require
from dev.sap.s4.store.countries import COUNTRIES

_DEFAULT_FLAG = {
    "A_AddressEmailAddress": "IsDefaultEmailAddress",
    "A_AddressPhoneNumber": "IsDefaultPhoneNumber",
    "A_AddressFaxNumber": "IsDefaultFaxNumber",
    "A_AddressHomePageURL": "IsDefaultURLAddress",
}
_MOBILE = ("2", "3")
_NO_DATE = datetime(1, 1, 1, tzinfo=UTC)  # how SAP shows a web page's initial start of validity


def _siblings(work: Work, set_name: str, row: Row) -> list[Row]:
    return work.store.select(set_name, {"AddressID": row["AddressID"], "Person": row["Person"]})


def _same_kind(row: Row, other: Row) -> bool:
    return (row.get("PhoneNumberType") in _MOBILE) == (other.get("PhoneNumberType") in _MOBILE)


def _prepare(set_name: str, work: Work, row: Row) -> None:
    addresses = work.store.select("A_BusinessPartnerAddress", {"AddressID": row["AddressID"]})
    if not addresses:
        raise refused("AM/112", row["AddressID"], target="AddressID")
    row["Person"] = addresses[0]["Person"]
    siblings = _siblings(work, set_name, row)
    row["OrdinalNumber"] = str(max((int(str(each["OrdinalNumber"])) for each in siblings), default=0) + 1)
    country = "FaxCountry" if set_name == "A_AddressFaxNumber" else "DestinationLocationCountry"
    if country in row:
        row[country] = row[country] or addresses[0]["Country"]
    if set_name == "A_AddressPhoneNumber":
        row["PhoneNumberType"] = row["PhoneNumberType"] or "1"
    if set_name == "A_AddressHomePageURL":
        row["ValidityStartDate"] = row["ValidityStartDate"] or _NO_DATE
    if not any(_same_kind(row, each) for each in siblings):
        row[_DEFAULT_FLAG[set_name]] = True


def _one_default(set_name: str, work: Work, row: Row) -> None:
    """Take the default from the others when this row has it; web pages carry it in their key and are left alone."""
    flag = _DEFAULT_FLAG[set_name]
    if not row[flag] or set_name == "A_AddressHomePageURL":
        return
    for other in _siblings(work, set_name, row):
        if other["OrdinalNumber"] != row["OrdinalNumber"] and other[flag] and _same_kind(row, other):
            work.store.put(set_name, other | {flag: False})


def _pass_default_on(set_name: str, work: Work, row: Row) -> None:
    flag = _DEFAULT_FLAG[set_name]
    others = [each for each in _siblings(work, set_name, row) if _same_kind(row, each)]
    if row[flag] and others and set_name != "A_AddressHomePageURL":
        work.store.put(set_name, others[0] | {flag: True})


def _international(country: str, number: str, extension: str) -> str:
    dial = COUNTRIES[country].dial if country in COUNTRIES else ""
    digits = re.sub(r"\D", "", number + extension)
    if number.startswith("+"):
        return f"+{digits}"[:30]
    return f"+{dial}{digits.removeprefix('0')}"[:30] if digits else ""


def _derive_email(_work: Work, row: Row) -> None:
    row["SearchEmailAddress"] = str(row["EmailAddress"]).upper()[:20]


def _derive_phone(_work: Work, row: Row) -> None:
    parts = (row["DestinationLocationCountry"], row["PhoneNumber"], row["PhoneNumberExtension"])
    row["InternationalPhoneNumber"] = _international(*map(str, parts))


def _derive_fax(_work: Work, row: Row) -> None:
    parts = (row["FaxCountry"], row["FaxNumber"], row["FaxNumberExtension"])
    row["InternationalFaxNumber"] = _international(*map(str, parts))


def _derive_url(_work: Work, row: Row) -> None:
    row["SearchURLAddress"] = str(row["WebsiteURL"]).upper()[:50]
    row["URLFieldLength"] = len(str(row["WebsiteURL"]))


def _check_email(_work: Work, row: Row, _before: Row | None) -> list[Message]:
    address = str(row["EmailAddress"])
    return require(re.fullmatch(r"[^@\s]+@[^@\s]+", address) is not None, "AM/110", address, target="EmailAddress")


def _check_number(name: str) -> Check:
    def check(_work: Work, row: Row, _before: Row | None) -> list[Message]:
        number = str(row[name])
        return require(re.fullmatch(r"\+?[\d /()*&.-]+", number) is not None, "AM/111", number, target=name)

    return check


def _check_nothing(_work: Work, _row: Row, _before: Row | None) -> list[Message]:
    return []


def _rule(set_name: str, derive: Derive, check: Check) -> Rule:
    def prepare(work: Work, row: Row, _payload: Payload) -> None:
        _prepare(set_name, work, row)

    return Rule(
        prepare=prepare,
        derive=derive,
        check=check,
        created=lambda work, row, _: _one_default(set_name, work, row),
        changed=lambda work, _, row: _one_default(set_name, work, row),
        removed=lambda work, row: _pass_default_on(set_name, work, row),
    )


RULES = {
    "A_AddressEmailAddress": _rule("A_AddressEmailAddress", _derive_email, _check_email),
    "A_AddressPhoneNumber": _rule("A_AddressPhoneNumber", _derive_phone, _check_number("PhoneNumber")),
    "A_AddressFaxNumber": _rule("A_AddressFaxNumber", _derive_fax, _check_number("FaxNumber")),
    "A_AddressHomePageURL": _rule("A_AddressHomePageURL", _derive_url, _check_nothing),
}
