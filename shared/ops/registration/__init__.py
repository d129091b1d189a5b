"""Telling both systems what the enabled flows need: events, columns and keys in Dataverse, a checklist for SAP."""
