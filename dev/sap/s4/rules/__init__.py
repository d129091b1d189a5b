"""What SAP checks, derives and defaults when data is written: the business behind the protocol."""
