"""What the command line asks for: connections and lists that no worker needs."""

from collections.abc import Mapping, Sequence

from shared.mapping.flow import Flow
from shared.ops.registration.admin import DataverseAdmin
from shared.ops.registration.checklist import EntitySet
from shared.wiring.adapters import dataverse_token
from shared.wiring.app import settings


def dataverse_admin() -> DataverseAdmin:
    """Return the connection that registers events and columns; the caller closes it."""
    from shared.systems.dataverse.admin import CALL_SECONDS, Admin
    from shared.systems.http import Http

    chosen = settings()
    http = Http("dataverse", concurrency=1, timeout_seconds=CALL_SECONDS)
    return Admin(chosen.dataverse_url, dataverse_token(chosen, http), http=http)


def sap_sets(found: Mapping[str, Flow]) -> Mapping[str, Sequence[EntitySet]]:
    """Return the entity sets that each flow uses in S/4HANA, by flow."""
    from shared.systems.s4.usage import used

    paths = settings().s4_paths
    return {name: used(flow.selections["sap"], paths) for name, flow in found.items() if flow.systems["sap"] == "s4"}
