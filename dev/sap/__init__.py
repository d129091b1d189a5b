"""Stand-ins for SAP systems, to develop and test against."""
