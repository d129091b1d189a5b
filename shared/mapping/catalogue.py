"""What a system knows of its objects: the columns a mapping may name. Filled by each connector, read by the loader."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.core.model import Column


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object of a system ('account', 'BusinessPartner').

    `columns` by full name ('name', 'address.Country', 'productid.productnumber'); `lines` the same for each collection
    of line items ('order_details', 'to_Item'). `parts` are the prefixes that need or take a selector ('tax').
    `honest_stamps`: the record's change stamp has a zone and sub-day precision, so `clash: newest` can be judged.
    """

    columns: Mapping[str, Column]
    lines: Mapping[str, Mapping[str, Column]] = field(default_factory=dict)
    parts: frozenset[str] = frozenset()
    honest_stamps: bool = True


type Catalogue = Mapping[str, ObjectInfo]  # by object name
