"""A strict S/4HANA stand-in: SAP Gateway's OData V2 over business partner, sales order and product.

`python -m dev.sap.s4 --port 8001 --seed-data` runs it; tests use `with start() as s4:` and `s4.url`. It shares no code
with the connector that it tests.
"""

from dev.sap.s4.server import Running, start

__all__ = ["Running", "start"]
