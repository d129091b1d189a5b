"""What every rule gets to see, and the shape in which a set states its rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from dev.sap.s4.model.edm import SETS, label
from dev.sap.s4.model.errors import Message, message, refused
from dev.sap.s4.model.units import CURRENCY_DECIMALS, UNITS
from dev.sap.s4.model.values import Row, Value
from dev.sap.s4.settings import Settings
from dev.sap.s4.store.countries import COUNTRIES
from dev.sap.s4.store.customizing import Customizing
from dev.sap.s4.store.rows import Store


@dataclass(slots=True)
class Payload:
    """A request body after reading: given fields with their values, and child bodies by navigation."""

    set_name: str
    values: Row
    children: dict[str, list["Payload"]] = field(default_factory=dict)

    def child_values(self, nav: str, name: str) -> list[Value]:
        """Return one field of all children of a navigation, e.g. the roles of a partner to be created."""
        return [child.values.get(name) for child in self.children.get(nav, [])]


@dataclass(slots=True)
class Work:
    """One operation in progress: who does it, and the warnings that its answer will carry."""

    store: Store
    settings: Settings
    user: str
    upper_case: frozenset[str] = frozenset()
    in_gui: bool = False
    orders_in_creation: set[str] = field(default_factory=set)
    warnings: list[Message] = field(default_factory=list)

    @property
    def custom(self) -> Customizing:
        """Return the system's code tables."""
        return self.settings.customizing

    def today(self) -> datetime:
        """Return midnight UTC of this day, the form of every date field."""
        return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def time_now(self) -> timedelta:
        """Return the time of day, the form of every time field."""
        now = datetime.now(UTC)
        return timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)

    def row(self, set_name: str, *key: object) -> Row:
        """Return a row that must be there by the rules of the store."""
        row = self.store.get(set_name, *key)
        if row is None:
            raise refused("/IWBEP/CM_MGW_RT/020", f"{set_name}Type", status=404)
        return row

    def warn(self, code: str, *values: object, target: str = "") -> None:
        """Add a warning to the answer's `sap-message`."""
        self.warnings.append(message(code, *values, target=target, severity="warning"))


type Prepare = Callable[[Work, Row, Payload], None]
type Derive = Callable[[Work, Row], None]
type Check = Callable[[Work, Row, Row | None], list[Message]]


@dataclass(frozen=True, slots=True)
class Rule:
    """The rules of one set; each step may be left out.

    `prepare` fills a new row's keys and defaults, `derive` computes fields of new and changed rows, `check` finds
    errors in a new or changed row (the row before, or None), `created` acts when row and children are in, `changed`
    after an update, `removing` may forbid a delete, `removed` acts after it. With `merge` the row may be there already
    when its parent's deep insert reaches it.
    """

    prepare: Prepare | None = None
    derive: Derive | None = None
    check: Check | None = None
    created: Prepare | None = None
    changed: Callable[[Work, Row, Row], None] | None = None
    removing: Callable[[Work, Row], None] | None = None
    removed: Callable[[Work, Row], None] | None = None
    merge: bool = False


# Fields whose value must be a code: the table's name in the customising, or one of the general tables below.
CODES: dict[str, dict[str, str]] = {
    "A_BusinessPartner": {
        "CorrespondenceLanguage": "languages",
        "Language": "languages",
        "FormOfAddress": "forms_of_address",
    },
    "A_BusinessPartnerAddress": {"Language": "languages", "POBoxDeviatingCountry": "countries"},
    "A_AddressPhoneNumber": {"DestinationLocationCountry": "countries"},
    "A_AddressFaxNumber": {"FaxCountry": "countries"},
    "A_BuPaAddressUsage": {"AddressUsage": "address_usages"},
    "A_BuPaIndustry": {"IndustrySector": "industries", "IndustrySystemType": "industry_systems"},
    "A_BuPaIdentification": {"Country": "countries"},
    "A_BusinessPartnerBank": {"BankCountryKey": "countries"},
    "A_Customer": {
        "CustomerAccountGroup": "account_groups",
        "OrderIsBlockedForCustomer": "block_reasons",
        "DeliveryIsBlocked": "block_reasons",
        "BillingIsBlockedForCustomer": "block_reasons",
    },
    "A_CustomerCompany": {"CompanyCode": "companies", "PaymentTerms": "payment_terms"},
    "A_CustomerSalesArea": {
        "Currency": "currencies",
        "CustomerPaymentTerms": "payment_terms",
        "IncotermsClassification": "incoterms",
        "ShippingCondition": "shipping_conditions",
        "SupplyingPlant": "plants",
        "OrderIsBlockedForCustomer": "block_reasons",
        "DeliveryIsBlockedForCustomer": "block_reasons",
        "BillingIsBlockedForCustomer": "block_reasons",
    },
    "A_CustomerSalesAreaTax": {"DepartureCountry": "countries"},
    "A_SalesOrder": {
        "TransactionCurrency": "currencies",
        "CustomerPaymentTerms": "payment_terms",
        "IncotermsClassification": "incoterms",
        "ShippingCondition": "shipping_conditions",
        "DeliveryBlockReason": "block_reasons",
        "HeaderBillingBlockReason": "block_reasons",
    },
    "A_SalesOrderItem": {
        "CustomerPaymentTerms": "payment_terms",
        "IncotermsClassification": "incoterms",
        "SalesDocumentRjcnReason": "rejection_reasons",
        "ItemBillingBlockReason": "block_reasons",
        "ProductionPlant": "plants",
    },
    "A_SalesOrderText": {"Language": "languages"},
    "A_SalesOrderItemText": {"Language": "languages"},
    "A_SalesOrderItemPrElement": {"ConditionCurrency": "currencies", "ConditionQuantityUnit": "units"},
    "A_SalesOrderHeaderPrElement": {"ConditionCurrency": "currencies"},
    "A_Product": {"ProductType": "product_types", "BaseUnit": "units"},
    "A_ProductDescription": {"Language": "languages"},
    "A_ProductUnitsOfMeasure": {"AlternativeUnit": "units", "BaseUnit": "units"},
}
_GENERAL: Mapping[str, Mapping[str, object]] = {"countries": COUNTRIES, "currencies": CURRENCY_DECIMALS, "units": UNITS}
# Where SAP has a message of its own for an unknown code.
_CODE_MESSAGES = {
    "payment_terms": "F2/161",
    "rejection_reasons": "V1/390",
    "companies": "F2/160",
    "countries": "AM/100",
}


def check_codes(work: Work, set_name: str, row: Row, before: Row | None) -> list[Message]:
    """Find unknown codes among the fields that are new or changed, and required fields that are empty."""
    found = []
    for name, table in CODES.get(set_name, {}).items():
        value = row[name]
        if not value or (before is not None and before[name] == value):
            continue
        if value in (_GENERAL[table] if table in _GENERAL else getattr(work.custom, table)):
            continue
        code = _CODE_MESSAGES.get(table, "V1/393" if set_name.startswith("A_SalesOrder") else "R1/111")
        found.append(message(code, value, label(name), target=name))
    missing = [name for name in work.custom.required.get(set_name, ()) if not row[name]]
    return found + [message("R1/113", label(name), target=name) for name in missing]


def unique(work: Work, set_name: str, row: Row) -> list[Message]:
    """Find that a row with this key is there already."""
    entity_set = SETS[set_name]
    key = entity_set.key_of(row)
    if work.store.get(set_name, *key) is None:
        return []
    return [message("R1/112", "/".join(str(part) for part in key), label(set_name[2:]))]


def require(ok: bool, code: str, *values: object, target: str = "") -> list[Message]:  # noqa: FBT001  # reads as a rule
    """Return the error unless the condition holds."""
    return [] if ok else [message(code, *values, target=target)]
