"""Builds the App: the settings and mappings (`app`), the adapters (`adapters`), once per worker (`worker`)."""

from shared.wiring.adapters import catalogues
from shared.wiring.app import MAPPINGS, entrances, flows, settings
from shared.wiring.commands import dataverse_admin, sap_sets
from shared.wiring.worker import WORKER

__all__ = ["MAPPINGS", "WORKER", "catalogues", "dataverse_admin", "entrances", "flows", "sap_sets", "settings"]
