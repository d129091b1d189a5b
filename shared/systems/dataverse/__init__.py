"""The Dataverse connector: Web API v9.2, row versions as guards, change tracking as the sweep."""
