"""Business partner, its roles, tax numbers, identifications, industries and banks."""

import re
from uuid import uuid4

from dev.sap.s4.model.edm import SETS
from dev.sap.s4.model.errors import Message, message, refused
from dev.sap.s4.model.values import FOREVER, Row, Value
from dev.sap.s4.rules.work import Payload, Rule, Work, require, unique

PERSON, ORGANISATION, GROUP = "1", "2", "3"
CUSTOMER_ROLES = ("FLCU00", "FLCU01")
SUPPLIER_ROLES = ("FLVN00", "FLVN01")
_NAME_FIELD = {PERSON: "LastName", ORGANISATION: "OrganizationBPName1", GROUP: "GroupBusinessPartnerName1"}
_NAME_PARTS = {
    PERSON: ("FirstName", "LastName"),
    ORGANISATION: ("OrganizationBPName1", "OrganizationBPName2"),
    GROUP: ("GroupBusinessPartnerName1", "GroupBusinessPartnerName2"),
}
_FIXED = ("BusinessPartnerCategory", "BusinessPartnerGrouping")
# Which customer field shows the tax number of a category, by the category's last character.
_CUSTOMER_TAX_FIELD = {"0": "VATRegistration", "1": "TaxNumber1", "2": "TaxNumber2", "3": "TaxNumber3"}


def partner_of(work: Work, row: Row) -> Row:
    """Return the partner that a child row belongs to, or refuse the row."""
    partner = work.store.get("A_BusinessPartner", row["BusinessPartner"])
    if partner is None:
        raise refused("R1/106", row["BusinessPartner"], target="BusinessPartner")
    return partner


def _prepare_partner(work: Work, row: Row, _payload: Payload) -> None:
    row["BusinessPartner"] = _assign_number(work, row)
    row["BusinessPartnerUUID"] = uuid4()
    row["CreatedByUser"] = work.user
    row["CreationDate"] = work.today()
    row["CreationTime"] = work.time_now()
    if row["BusinessPartnerCategory"] == PERSON:
        row["PersonNumber"] = work.store.number("person")
        row["IsNaturalPerson"] = "X"


def _assign_number(work: Work, row: Row) -> str:
    grouping = str(row["BusinessPartnerGrouping"] or "BP02")
    row["BusinessPartnerGrouping"] = grouping
    given = str(row["BusinessPartner"])
    kind = work.custom.groupings.get(grouping)
    if kind is None:
        raise refused("R1/102", grouping, target="BusinessPartnerGrouping")
    if kind == "internal":
        if given:
            raise refused("R1/103", grouping, target="BusinessPartner")
        return work.store.number("partner")
    if not given:
        raise refused("R1/104", grouping, target="BusinessPartner")
    if work.store.get("A_BusinessPartner", given.upper()):
        raise refused("R1/105", given.upper(), target="BusinessPartner")
    return given.upper()


def _derive_partner(_work: Work, row: Row) -> None:
    parts = _NAME_PARTS.get(str(row["BusinessPartnerCategory"]), ())
    name = " ".join(str(row[part]) for part in parts if row[part])[:81]
    row["BusinessPartnerName"] = row["BusinessPartnerFullName"] = name
    if row["BusinessPartnerCategory"] == PERSON:
        row["PersonFullName"] = name[:80]


def _check_partner(work: Work, row: Row, before: Row | None) -> list[Message]:
    category = str(row["BusinessPartnerCategory"])
    found = require(category in work.custom.categories, "R1/101", category, target="BusinessPartnerCategory")
    if not found:
        kind = {PERSON: "person (last name)", ORGANISATION: "organization", GROUP: "group"}[category]
        found = require(bool(row[_NAME_FIELD[category]]), "R1/110", kind, target=_NAME_FIELD[category])
    if before is not None:
        for name in _FIXED:
            found += require(row[name] == before[name], "R1/124", name, target=name)
    return found


def _partner_changed(work: Work, before: Row, row: Row) -> None:
    if row["BusinessPartnerName"] == before["BusinessPartnerName"]:
        return
    for address in work.store.select("A_BusinessPartnerAddress", {"BusinessPartner": row["BusinessPartner"]}):
        work.store.put("A_BusinessPartnerAddress", address | {"FullName": str(row["BusinessPartnerName"])[:80]})
    customer = work.store.get("A_Customer", row["Customer"])
    if customer is not None:
        work.store.put("A_Customer", customer | customer_names(row))


def customer_names(partner: Row) -> Row:
    """Return the name fields that a customer takes from its partner."""
    name = str(partner["BusinessPartnerName"])
    return {"CustomerName": name[:80], "BPCustomerName": name, "CustomerFullName": name, "BPCustomerFullName": name}


def _prepare_role(work: Work, row: Row, _payload: Payload) -> None:
    partner_of(work, row)
    row["ValidFrom"] = row["ValidFrom"] or work.today()
    row["ValidTo"] = row["ValidTo"] or FOREVER


def _check_role(work: Work, row: Row, before: Row | None) -> list[Message]:
    role = row["BusinessPartnerRole"]
    found = require(role in work.custom.roles, "R1/120", role, target="BusinessPartnerRole")
    return found + (unique(work, "A_BusinessPartnerRole", row) if before is None else [])


def _role_created(work: Work, row: Row, _payload: Payload) -> None:
    partner = partner_of(work, row)
    if row["BusinessPartnerRole"] in SUPPLIER_ROLES and not partner["Supplier"]:
        work.store.put("A_BusinessPartner", partner | {"Supplier": str(partner["BusinessPartner"])})
    if row["BusinessPartnerRole"] not in CUSTOMER_ROLES or partner["Customer"]:
        return
    same = work.settings.customer_equals_partner
    number = str(partner["BusinessPartner"]) if same else work.store.number("customer")
    customer = (
        SETS["A_Customer"].blank()
        | customer_names(partner)
        | {
            "Customer": number,
            "CustomerAccountGroup": "CUST",
            "CreatedByUser": work.user,
            "CreationDate": work.today(),
        }
    )
    work.store.put("A_Customer", customer)
    work.store.put("A_BusinessPartner", partner | {"Customer": number})
    for tax in work.store.select("A_BusinessPartnerTaxNumber", {"BusinessPartner": partner["BusinessPartner"]}):
        _show_tax(work, tax, tax["BPTaxNumber"])


def _prepare_child(work: Work, row: Row, _payload: Payload) -> None:
    partner_of(work, row)


def _check_tax(work: Work, row: Row, before: Row | None) -> list[Message]:
    kind = str(row["BPTaxType"])
    if kind not in work.custom.tax_types:
        return [message("AR/101", kind, target="BPTaxType")]
    pattern, shown = work.custom.tax_types[kind]
    number = str(row["BPTaxNumber"] or row["BPTaxLongNumber"])
    found = require(re.fullmatch(pattern, number) is not None, "AR/189", number, shown, target="BPTaxNumber")
    if before is None and work.store.get("A_BusinessPartnerTaxNumber", row["BusinessPartner"], kind):
        found.append(message("AR/190", kind, row["BusinessPartner"], target="BPTaxType"))
    return found


def _show_tax(work: Work, row: Row, number: Value) -> None:
    customer = work.store.get("A_Customer", partner_of(work, row)["Customer"])
    name = _CUSTOMER_TAX_FIELD.get(str(row["BPTaxType"])[-1])
    if customer is not None and name is not None:
        work.store.put("A_Customer", customer | {name: number})


def _check_identification(work: Work, row: Row, before: Row | None) -> list[Message]:
    kind = row["BPIdentificationType"]
    found = require(kind in work.custom.identification_types, "R1/123", kind, target="BPIdentificationType")
    found += require(bool(row["BPIdentificationNumber"]), "R1/113", "Identification Number")
    return found + (unique(work, "A_BuPaIdentification", row) if before is None else [])


def _check_industry(work: Work, row: Row, before: Row | None) -> list[Message]:
    return unique(work, "A_BuPaIndustry", row) if before is None else []


def _prepare_bank(work: Work, row: Row, _payload: Payload) -> None:
    partner = partner_of(work, row)
    banks = work.store.select("A_BusinessPartnerBank", {"BusinessPartner": partner["BusinessPartner"]})
    row["BankIdentification"] = row["BankIdentification"] or f"{len(banks) + 1:04}"


def _check_bank(work: Work, row: Row, before: Row | None) -> list[Message]:
    iban = str(row["IBAN"]).replace(" ", "").upper()
    found = require(not iban or iban_is_valid(iban), "AR/501", iban, target="IBAN")
    return found + (unique(work, "A_BusinessPartnerBank", row) if before is None else [])


def iban_is_valid(iban: str) -> bool:
    """Check form and check digits (ISO 13616: the rearranged number is 1 modulo 97)."""
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", iban):
        return False
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


RULES = {
    "A_BusinessPartner": Rule(
        prepare=_prepare_partner, derive=_derive_partner, check=_check_partner, changed=_partner_changed
    ),
    "A_BusinessPartnerRole": Rule(prepare=_prepare_role, check=_check_role, created=_role_created),
    "A_BusinessPartnerTaxNumber": Rule(
        prepare=_prepare_child,
        check=_check_tax,
        created=lambda work, row, _: _show_tax(work, row, row["BPTaxNumber"]),
        changed=lambda work, _, row: _show_tax(work, row, row["BPTaxNumber"]),
        removed=lambda work, row: _show_tax(work, row, ""),
    ),
    "A_BuPaIdentification": Rule(prepare=_prepare_child, check=_check_identification),
    "A_BuPaIndustry": Rule(prepare=_prepare_child, check=_check_industry),
    "A_BusinessPartnerBank": Rule(prepare=_prepare_bank, check=_check_bank),
}
