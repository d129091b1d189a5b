"""What the services consist of: entity sets, fields, navigations, and the forms their values take on the wire."""
