"""Switches that make the bus misbehave on purpose. Holds the switches; the places that obey them are in the broker."""

from dataclasses import dataclass


@dataclass(slots=True)
class Faults:
    """How many of the next sends go wrong, and how; a send is one message or one batch.

    `drop_next_sends` are acknowledged and lost, `refuse_sends` are refused as "server busy", `lose_next_answers` are
    kept while the connection breaks before the sender hears of it.
    """

    drop_next_sends: int = 0
    refuse_sends: int = 0
    lose_next_answers: int = 0

    def strikes(self, switch: str) -> bool:
        """Use up one of a switch's faults, if it has any left."""
        left: int = getattr(self, switch)
        setattr(self, switch, max(0, left - 1))
        return left > 0
