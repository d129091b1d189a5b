"""Service Bus triggers and output: connections (`link`), what a message becomes (`message`), the pumps (`pump`)."""
