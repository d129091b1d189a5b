"""The closed vocabulary of `via:`. Every verb leads from Dynamics' form to SAP's; some know the way back.

A verb is a function of its arguments that returns a `Verb`. What cannot be said with these is a `calc:` function.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from shared.mapping.verbs import texts, values
from shared.mapping.verbs.verb import CodeTable, Kind, Quiet, Unfit, Verb

__all__ = ["VERBS", "CodeTable", "Kind", "Quiet", "Unfit", "Verb"]

VERBS: Mapping[str, Callable[..., Verb]] = MappingProxyType(
    {
        "alpha": texts.alpha,
        "code": values.code,
        "compact": texts.compact,
        "cut": texts.cut,
        "dats": values.dats,
        "day": values.day,
        "default": values.default,
        "digits": texts.digits,
        "flag": values.flag,
        "iso_date": values.iso_date,
        "join": texts.join,
        "link": values.link,
        "lower": texts.lower,
        "mark": values.mark,
        "money": values.money,
        "number": values.number,
        "option": values.option,
        "phone": texts.phone,
        "prefix": texts.prefix,
        "replace": texts.replace,
        "round": values.round_half_up,
        "split": texts.split,
        "street": texts.street,
        "strip_prefix": texts.strip_prefix,
        "trim": texts.trim,
        "upper": texts.upper,
        "whole": values.whole,
    }
)
