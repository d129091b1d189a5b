"""Countries as the address checks know them: postal code rule, regions, dialling code, time zone."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """`postal` is a full-match pattern, `shown` its description in the error; no regions means none are checked."""

    postal: str
    shown: str
    dial: str
    zone: str = "CET"
    postal_required: bool = True
    regions: frozenset[str] = frozenset()

    def postal_matches(self, code: str) -> bool:
        """Tell whether the postal code has the country's form."""
        return re.fullmatch(self.postal, code) is not None


def _regions(text: str) -> frozenset[str]:
    return frozenset(text.split())


_US = _regions(
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR"
    " PA RI SC SD TN TX UT VT VA WA WV WI WY PR VI GU"
)
# The SAP keys of Germany's and Austria's states: DE by letters since S/4HANA, AT by letters too.
_DE = _regions("BB BE BW BY HB HE HH MV NI NW RP SH SL SN ST TH 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16")
_AT = _regions("B K NOE OOE S ST T V W")
_CH = _regions("AG AI AR BE BL BS FR GE GL GR JU LU NE NW OW SG SH SO SZ TG TI UR VD VS ZG ZH")
_CA = _regions("AB BC MB NB NL NS NT NU ON PE QC SK YT")
_NO = _regions("01 02 03 04 05 06 07 08 09 10 11 12 14 15 16 17 18 19 20 30 34 38 42 46 50 54")
_NL = _regions("01 02 03 04 05 06 07 08 09 10 11 12")

COUNTRIES: dict[str, Country] = {
    "DE": Country(r"\d{5}", "5 digits", "49", regions=_DE),
    "FR": Country(r"\d{5}", "5 digits", "33"),
    "IT": Country(r"\d{5}", "5 digits", "39"),
    "ES": Country(r"\d{5}", "5 digits", "34"),
    "AT": Country(r"\d{4}", "4 digits", "43", regions=_AT),
    "CH": Country(r"\d{4}", "4 digits", "41", regions=_CH),
    "BE": Country(r"\d{4}", "4 digits", "32"),
    "DK": Country(r"\d{4}", "4 digits", "45"),
    "NO": Country(r"\d{4}", "4 digits", "47", regions=_NO),
    "NL": Country(r"\d{4} ?[A-Z]{2}", "9999 AA", "31", regions=_NL),
    "SE": Country(r"\d{3} ?\d{2}", "999 99", "46"),
    "FI": Country(r"\d{5}", "5 digits", "358", "EET"),
    "PL": Country(r"\d{2}-\d{3}", "99-999", "48"),
    "PT": Country(r"\d{4}(-\d{3})?", "9999-999", "351", "WET"),
    "CZ": Country(r"\d{3} ?\d{2}", "999 99", "420"),
    "GB": Country(r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}", "AA9 9AA", "44", "GMTUK"),
    "IE": Country(r".{0,10}", "at most 10 characters", "353", "GMTUK", postal_required=False),
    "US": Country(r"\d{5}(-\d{4})?", "99999 or 99999-9999", "1", "EST", regions=_US),
    "CA": Country(r"[A-Z]\d[A-Z] ?\d[A-Z]\d", "A9A 9A9", "1", "EST", regions=_CA),
    "CN": Country(r"\d{6}", "6 digits", "86", "UTC+8"),
    "IN": Country(r"\d{6}", "6 digits", "91", "INDIA"),
    "JP": Country(r"\d{3}-?\d{4}", "999-9999", "81", "JAPAN"),
    "AE": Country(r".{0,10}", "at most 10 characters", "971", "UTC+4", postal_required=False),
}
