"""S/4HANA over OData V2 on SAP Gateway. `wiring` builds `S4` with one of the logons; the loader reads `CATALOGUE`."""

from shared.systems.s4.auth import Auth, Basic, Certificate, ClientCredentials
from shared.systems.s4.client import S4
from shared.systems.s4.objects import CATALOGUE

__all__ = ["CATALOGUE", "S4", "Auth", "Basic", "Certificate", "ClientCredentials"]
