"""What people do to customers, in Dynamics and in SAP: each deed is one or two writes, entered in the books."""

from dev.chaos.audit.books import Row
from dev.chaos.people.hands import COLUMNS, TYPED, NotNow, People

TERMS = ("NT30", "0002", "NT45", "NT60")


def new_account(people: People) -> None:
    """Sales enters a customer."""
    serial = people.serial("C", "dynamics")
    name = f"Chaos {serial} " + people.dice.choice(
        ("GmbH", "AG", "Gesellschaft für unerschrockene Anlagen mbH & Co KG")
    )
    typed = {each: people.typed(each) for each in ("city", "street", "postal_code", "email", "phone")}
    values: Row = {"name": name, "customertypecode": 3, "address1_country": "Germany", "cr_language": "DE"}
    values |= {COLUMNS[each]: value for each, value in typed.items()}
    values |= {"paymenttermscode": people.dice.randint(1, 4), "industrycode": people.dice.randint(1, 33)}
    row = people.crm("new account", "create", {"table": "account", "values": values})
    people.books.wrote(serial, "dynamics", **_compared(typed))
    people.known.accounts.append(row)


def new_partner(people: People) -> None:
    """Accounting enters a customer."""
    serial = people.serial("S", "sap")
    typed = {each: people.typed(each) for each in ("city", "street", "postal_code", "email", "phone")}
    street, _, house = typed["street"].rpartition(" ")
    address = {
        "Country": "DE", "CityName": typed["city"], "PostalCode": typed["postal_code"], "StreetName": street,
        "HouseNumber": house, "to_EmailAddress": [{"EmailAddress": typed["email"]}],
        "to_PhoneNumber": [{"PhoneNumber": typed["phone"], "DestinationLocationCountry": "DE"}],
    }  # fmt: skip
    area = {
        "SalesOrganization": "1010", "DistributionChannel": "10", "Division": "00", "Currency": "EUR",
        "CustomerPaymentTerms": "NT30", "ShippingCondition": "01", "CustomerPricingProcedure": "01",
    }  # fmt: skip
    company = {"CompanyCode": "1010", "ReconciliationAccount": "12100000", "PaymentTerms": people.dice.choice(TERMS)}
    values = {
        "BusinessPartnerCategory": "2", "BusinessPartnerGrouping": "BP02", "CorrespondenceLanguage": "DE",
        "OrganizationBPName1": f"Chaos {serial} OHG", "SearchTerm1": "CHAOS", "to_BusinessPartnerAddress": [address],
        "to_BusinessPartnerRole": [{"BusinessPartnerRole": "FLCU00"}, {"BusinessPartnerRole": "FLCU01"}],
        "to_Customer": {"to_CustomerCompany": [company], "to_CustomerSalesArea": [area]},
    }  # fmt: skip
    people.erp("new partner", "create", {"set": "A_BusinessPartner", "values": values})
    people.books.wrote(serial, "sap", **_compared(typed))


def edit_in_dynamics(people: People) -> None:
    """Sales corrects a field that both sides may correct."""
    serial, row = people.account()
    _type_in_dynamics(people, serial, row, people.dice.choice(list(TYPED)))


def edit_in_sap(people: People) -> None:
    """Accounting corrects a field that both sides may correct."""
    serial, row = people.partner()
    _type_in_sap(people, serial, row, people.dice.choice(list(TYPED)))


def edit_on_both_sides(people: People) -> None:
    """Two people change the same customer in the same moment: now and then the same field."""
    serial, account, partner = people.couple()
    first = people.dice.choice(list(TYPED))
    second = first if people.chance(0.5) else people.dice.choice(list(TYPED))
    _type_in_dynamics(people, serial, account, first)
    _type_in_sap(people, serial, partner, second)


def edit_what_dynamics_owns(people: People) -> None:
    """Somebody changes what Dynamics decides, rightly in Dynamics or in vain in SAP."""
    if people.chance(0.5):
        serial, row = people.account()
        if people.chance(0.5):
            people.edit_account(row, "owned: name", name=f"Chaos {serial} Nr {next(people.numbers)} GmbH")
        else:
            people.edit_account(row, "owned: industry", industrycode=people.dice.randint(1, 33))
        return
    serial, row = people.partner()
    key = {"BusinessPartner": row["BusinessPartner"]}
    name = f"Chaos {serial} in SAP {next(people.numbers)}"
    people.edit_sap("owned by the other: name", "A_BusinessPartner", key, OrganizationBPName1=name)


def edit_what_sap_owns(people: People) -> None:
    """Somebody changes what SAP decides, rightly in SAP or in vain in Dynamics."""
    if people.chance(0.3):
        _, row = people.account()
        people.edit_account(row, "owned by the other: terms", paymenttermscode=people.dice.randint(1, 4))
        return
    _, row = people.partner()
    if people.chance(0.2):
        key = {"BusinessPartner": row["BusinessPartner"]}
        people.edit_sap("owned: block", "A_BusinessPartner", key, BusinessPartnerIsBlocked=True)
        row["BusinessPartnerIsBlocked"] = True
        return
    key = {"Customer": row["Customer"], "CompanyCode": "1010"}
    people.edit_sap("owned: terms", "A_CustomerCompany", key, PaymentTerms=people.dice.choice(TERMS))


def delete_account(people: People) -> None:
    """Somebody deletes an account that has no orders."""
    serial, row = people.account()
    if any(order["_customerid_value"] == row["accountid"] for order in people.known.orders):
        raise NotNow
    orders = people.cloud.http.get(f"{people.cloud.dataverse.url}/sim/rows/salesorder").json()
    if any(order["_customerid_value"] == row["accountid"] for order in orders):
        raise NotNow
    people.crm("account deleted", "delete", {"table": "account", "id": row["accountid"]})
    people.books.deleted(serial, "dynamics")


def delete_partner(people: People) -> None:
    """Somebody archives a partner that has no orders."""
    serial, account, partner = people.couple()
    if any(order["_customerid_value"] == account["accountid"] for order in people.known.orders):
        raise NotNow
    body = {"set": "A_BusinessPartner", "key": {"BusinessPartner": partner["BusinessPartner"]}}
    people.erp("partner deleted", "delete", body)
    people.books.deleted(serial, "sap")


def copy_partner(people: People) -> None:
    """Somebody copies a partner in SAP, its mark with it."""
    _, partner = people.partner()
    made = people.erp("partner copied", f"copy/{partner['BusinessPartner']}", {})
    people.books.copies.add(made["BusinessPartner"])


def copy_account(people: People) -> None:
    """Somebody enters a customer a second time, under its VAT number."""
    _, account = people.account()
    if not account["cr_vatid"]:
        raise NotNow
    serial = people.serial("K", "dynamics")
    values = {"name": f"Chaos {serial} GmbH", "customertypecode": 3, "cr_vatid": account["cr_vatid"]}
    values |= {"address1_country": "Germany", "address1_city": "Kopie", "address1_postalcode": "69190"}
    row = people.crm("account copied", "create", {"table": "account", "values": values})
    people.books.copies.add(row["accountid"])


def _type_in_dynamics(people: People, serial: str, row: Row, name: str) -> None:
    value = people.typed(name)
    people.edit_account(row, f"edit in dynamics: {name}", **{COLUMNS[name]: value})
    people.books.wrote(serial, "dynamics", **_compared({name: value}))


def _type_in_sap(people: People, serial: str, row: Row, name: str) -> None:
    value, partner = people.typed(name), row["BusinessPartner"]
    address = {"BusinessPartner": partner, "AddressID": row.get("AddressID", "")}
    call = {"AddressID": row.get("AddressID", ""), "Person": row.get("Person", "")}
    street, _, house = value.rpartition(" ")
    place, key, values = {
        "city": ("A_BusinessPartnerAddress", address, {"CityName": value}),
        "street": ("A_BusinessPartnerAddress", address, {"StreetName": street, "HouseNumber": house}),
        "postal_code": ("A_BusinessPartnerAddress", address, {"PostalCode": value}),
        "email": ("A_AddressEmailAddress", call, {"EmailAddress": value}),
        "phone": ("A_AddressPhoneNumber", call, {"PhoneNumber": value}),
        "vat_number": ("A_BusinessPartnerTaxNumber", {"BusinessPartner": partner}, {"BPTaxNumber": value}),
    }[name]
    if name == "vat_number":
        key = key | {"BPTaxType": row.get("BPTaxType", "DE0")}
    elif name in ("email", "phone"):
        key = key | {"OrdinalNumber": row.get(f"{name.capitalize()}Ordinal", "1")}
    people.edit_sap(f"edit in sap: {name}", place, key, **values)
    people.books.wrote(serial, "sap", **_compared({name: value}))


def _compared(typed: dict[str, str]) -> dict[str, str]:
    """Return what was typed in the form in which the audit compares it."""
    return {name: value.lstrip("+") for name, value in typed.items()}
