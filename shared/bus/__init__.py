"""Where changes are put on their queues: Azure Service Bus."""
