"""What a hint means: a line's event, and also its deletion, is a change of its document."""

from dataclasses import replace

import pytest

from shared.ops.intake import Hint, changes_of
from shared.ports import Entrance
from tests.laws.world import World


def meant(source: str, *, deleted: bool) -> list[tuple[str, str, bool]]:
    ways = {"dataverse order": (Entrance("s4/order"),), "dataverse detail": (Entrance("s4/order", "orderid"),)}
    app = replace(World().app, entrances=ways)
    hint = Hint(source, "the row", "origin", "correlation", deleted, {"orderid": "the order"})
    found, lost = changes_of(hint, app)
    assert lost == ()
    return [(one.side, one.key, one.deleted) for one in found]


@pytest.mark.parametrize("deleted", [False, True])
def test_a_line_touches_its_document_and_never_deletes_it(*, deleted: bool) -> None:
    assert meant("dataverse detail", deleted=deleted) == [("dynamics", "the order", False)]


@pytest.mark.parametrize("deleted", [False, True])
def test_a_document_that_was_deleted_is_told_as_deleted(*, deleted: bool) -> None:
    assert meant("dataverse order", deleted=deleted) == [("dynamics", "the row", deleted)]
