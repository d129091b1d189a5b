"""Stand-ins for the Dynamics side: Dataverse and, later, Finance."""
