"""The codes that this system's customising knows. A settings file may replace any of these tables.

The organisation follows SAP's best-practice company (sales organisations 1710 and 1010); the code lists are short.
"""

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class SalesArea:
    """Currency and departure country of a sales area, its tax category and the tax rate inside the country."""

    currency: str
    country: str
    company: str
    tax_category: str
    tax_percent: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition type: `kind` C amount per quantity, A percent, B fixed amount; `price` replaces the base price."""

    kind: str
    step: str
    price: bool = False
    header: bool = False
    manual: bool = True


def _percent_discount(step: str, *, header: bool = False) -> Condition:
    return Condition("A", step, header=header)


@dataclass(slots=True)
class Customizing:
    """All tables; a key is a valid code, a value what the rules need to know of it."""

    groupings: dict[str, str] = field(
        default_factory=lambda: {"BP01": "internal", "BP02": "internal", "BP03": "internal", "BPEE": "external"}
    )
    categories: tuple[str, ...] = ("1", "2", "3")
    roles: tuple[str, ...] = ("000000", "BUP001", "BUP003", "FLCU00", "FLCU01", "FLVN00", "FLVN01", "UKM000")
    languages: tuple[str, ...] = ("EN", "DE", "FR", "IT", "ES", "NO", "NB", "NL", "SV", "DA", "PL", "PT", "JA", "ZH")
    forms_of_address: tuple[str, ...] = ("0001", "0002", "0003", "0004")
    identification_types: tuple[str, ...] = ("ZD365", "BUP001", "BUP002", "BUP003", "BUP004", "BUP005", "FS0001")
    industry_systems: tuple[str, ...] = ("0001",)
    industries: tuple[str, ...] = ("0001", "0002", "0003", "0004", "0005", "0010", "0020", "AUTO", "CHEM", "RETA")
    address_usages: tuple[str, ...] = ("XXDEFAULT", "BILL_TO", "SHIP_TO", "SOLD_TO", "PO_ADDRESS", "XXTAX", "HCM001")
    account_groups: tuple[str, ...] = ("CUST", "0001", "DEBI", "KUNA")
    relationship_categories: tuple[str, ...] = ("BUR001", "BUR010")
    companies: tuple[str, ...] = ("1710", "1010")
    payment_terms: tuple[str, ...] = ("0001", "0002", "0003", "NT00", "NT30", "NT45", "NT60", "NT90")
    incoterms: tuple[str, ...] = ("EXW", "FCA", "CPT", "CIP", "DAP", "DPU", "DDP", "FAS", "FOB", "CFR", "CIF", "FH")
    shipping_conditions: tuple[str, ...] = ("01", "02", "03", "10")
    block_reasons: tuple[str, ...] = ("01", "02", "03", "04", "05", "06", "08", "09", "Z1")
    rejection_reasons: tuple[str, ...] = ("00", "01", "02", "03", "10", "50", "51", "60", "61", "62", "A1")
    order_types: tuple[str, ...] = ("OR", "ZOR", "OR1", "OR2", "RUSH", "SO")
    plants: tuple[str, ...] = ("1710", "1010", "1720")
    product_types: tuple[str, ...] = ("HAWA", "FERT", "HALB", "ROH", "DIEN", "SERV")
    # A sales area's data is useless without these; a customer's system demands what its customising says.
    required: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            "A_BusinessPartnerAddress": ("Country",),
            "A_CustomerCompany": ("ReconciliationAccount",),
            "A_CustomerSalesArea": ("Currency", "ShippingCondition", "CustomerPricingProcedure"),
        }
    )
    sales_areas: dict[tuple[str, str, str], SalesArea] = field(
        default_factory=lambda: {
            ("1710", "10", "00"): SalesArea("USD", "US", "1710", "UTXJ"),
            ("1010", "10", "00"): SalesArea("EUR", "DE", "1010", "TTX1", Decimal(19)),
        }
    )
    tax_types: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {
            "DE0": (r"DE\d{9}", "DE999999999"),
            "DE1": (r"\d{10,11}", "10 or 11 digits"),
            "DE2": (r"\d{2,3}/?\d{3,4}/?\d{4,5}", "tax office's number"),
            "AT0": (r"ATU\d{8}", "ATU99999999"),
            "BE0": (r"BE[01]\d{9}", "BE0999999999"),
            "CH0": (r"CHE-?\d{3}\.?\d{3}\.?\d{3}( ?(MWST|TVA|IVA))?", "CHE-999.999.999"),
            "DK0": (r"DK\d{8}", "DK99999999"),
            "ES0": (r"ES[A-Z0-9]\d{7}[A-Z0-9]", "ESX9999999X"),
            "ES1": (r"[A-Z0-9]\d{7}[A-Z0-9]", "X9999999X"),
            "FI0": (r"FI\d{8}", "FI99999999"),
            "FR0": (r"FR[A-Z0-9]{2}\d{9}", "FRXX999999999"),
            "FR1": (r"\d{14}", "14 digits (SIRET)"),
            "FR2": (r"\d{9}", "9 digits (SIREN)"),
            "GB0": (r"GB(\d{9}|\d{12}|GD\d{3}|HA\d{3})", "GB999999999"),
            "IE0": (r"IE\d[A-Z0-9+*]\d{5}[A-Z]{1,2}", "IE9X99999X"),
            "IT0": (r"IT\d{11}", "IT99999999999"),
            "IT1": (r"[A-Z0-9]{11,16}", "11 to 16 characters"),
            "NL0": (r"NL\d{9}B\d{2}", "NL999999999B99"),
            "NO0": (r"\d{9}(MVA)?|NO\d{9}(MVA)?", "999999999MVA"),
            "NO1": (r"\d{9}", "9 digits"),
            "PL0": (r"PL\d{10}", "PL9999999999"),
            "SE0": (r"SE\d{12}", "SE999999999999"),
            "US0": (r"\d{9}", "9 digits"),
            "US1": (r"\d{3}-?\d{2}-?\d{4}", "999-99-9999"),
            "US2": (r"\d{2}-?\d{7}", "99-9999999"),
        }
    )
    conditions: dict[str, Condition] = field(
        default_factory=lambda: {
            "PPR0": Condition("C", "10", price=True),
            "PR00": Condition("C", "10", price=True),
            "ZPR0": Condition("C", "10", price=True),
            "PMP0": Condition("C", "11", price=True),
            "K004": Condition("C", "100"),
            "K005": _percent_discount("101"),
            "K007": _percent_discount("102"),
            "RA00": _percent_discount("103"),
            "YK07": _percent_discount("104"),
            "DRN1": Condition("B", "105"),
            "HA00": _percent_discount("110", header=True),
            "HB00": Condition("B", "111", header=True),
            "DRV1": Condition("B", "112", header=True),
            "HD00": Condition("B", "120", header=True),
            "TTX1": Condition("A", "900", manual=False),
            "MWST": Condition("A", "900", manual=False),
            "UTXJ": Condition("A", "900", manual=False),
        }
    )
    # Condition records of PPR0 by material and currency, per one base unit.
    prices: dict[str, dict[str, str]] = field(
        default_factory=lambda: {
            f"TG{number}": {"USD": f"{number - 10 + 12}.50", "EUR": f"{number - 10 + 11}.40"}
            for number in range(10, 23)
        }
    )
    # Free stock by material in base units; TG22 runs short on purpose.
    stock: dict[str, str] = field(
        default_factory=lambda: {f"TG{number}": "100000" for number in range(10, 22)} | {"TG22": "3"}
    )
    # English codes as users see them; the German ones are what SAP keeps inside.
    partner_functions: dict[str, str] = field(
        default_factory=lambda: {"SP": "AG", "SH": "WE", "BP": "RE", "PY": "RG", "CP": "AP", "ER": "VE", "SE": "ZM"}
    )

    def replace(self, tables: dict[str, Any]) -> None:
        """Replace whole tables by plain JSON ones, e.g. `{"identification_types": ["ZCRM"]}`."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        for name, value in tables.items():
            setattr(self, name, tuple(value) if isinstance(plain[name], tuple) else dict(value))
