"""Units of measure and the decimals of currencies and units: what decides how an amount or a quantity is written."""

from dataclasses import dataclass

CURRENCY_DECIMALS = {
    "EUR": 2, "USD": 2, "GBP": 2, "NOK": 2, "CHF": 2, "SEK": 2, "DKK": 2, "PLN": 2, "CZK": 2, "CAD": 2, "CNY": 2,
    "JPY": 0, "KRW": 0, "HUF": 0, "KWD": 3, "BHD": 3, "TND": 3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: `code` as users see it in English (PC), `sap` internal (ST), `iso` (PCE), and its decimals."""

    code: str
    sap: str
    iso: str
    decimals: int


UNITS = {
    unit.code: unit
    for unit in (
        Unit("PC", "ST", "PCE", 0),
        Unit("EA", "EA", "EA", 0),
        Unit("CAR", "KAR", "CT", 0),
        Unit("PAL", "PAL", "PF", 0),
        Unit("H", "STD", "HUR", 3),
        Unit("KG", "KG", "KGM", 3),
        Unit("G", "G", "GRM", 3),
        Unit("M", "M", "MTR", 3),
        Unit("L", "L", "LTR", 3),
    )
}
UNITS_BY_SAP_CODE = {unit.sap: unit for unit in UNITS.values()}
UNITS_BY_ISO_CODE = {unit.iso: unit for unit in UNITS.values()}


def decimals_of(code: str) -> int | None:
    """Decimals of a currency or a unit of measure (external or internal code), None for neither."""
    if code in CURRENCY_DECIMALS:
        return CURRENCY_DECIMALS[code]
    unit = UNITS.get(code) or UNITS_BY_SAP_CODE.get(code)
    return unit.decimals if unit else None
