"""The blueprints: HTTP, Service Bus and timer functions, and the parsers of what comes in."""
