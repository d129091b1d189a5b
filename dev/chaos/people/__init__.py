"""People at work on both sides, on a seed. How often each deed is done is the table below."""

from collections.abc import Mapping

from dev.chaos.people.customers import (
    copy_account,
    copy_partner,
    delete_account,
    delete_partner,
    edit_in_dynamics,
    edit_in_sap,
    edit_on_both_sides,
    edit_what_dynamics_owns,
    edit_what_sap_owns,
    new_account,
    new_partner,
)
from dev.chaos.people.hands import Deed, People
from dev.chaos.people.orders import (
    add_line,
    change_date,
    change_quantity,
    change_quantity_in_sap,
    deliver,
    new_order,
    remove_line,
)

__all__ = ["DEEDS", "People", "new_account"]

DEEDS: Mapping[Deed, float] = {
    new_account: 14,
    new_partner: 5,
    edit_in_dynamics: 24,
    edit_in_sap: 22,
    edit_on_both_sides: 5,
    edit_what_dynamics_owns: 5,
    edit_what_sap_owns: 5,
    new_order: 5,
    change_date: 1.5,
    change_quantity: 3,
    add_line: 1.5,
    remove_line: 1,
    change_quantity_in_sap: 1,
    deliver: 1,
    delete_account: 1.5,
    delete_partner: 1,
    copy_partner: 1,
    copy_account: 1,
}
