"""Which message ids a queue has seen lately. Compares ids alone, across sessions, as Service Bus does."""


class DuplicateHistory:
    """Message ids with the time until which each is remembered; `window_ms` 0 remembers nothing."""

    def __init__(self, window_ms: int) -> None:
        self.window_ms = window_ms
        self._until_ms: dict[str, int] = {}  # oldest first, so that forgetting stops at the first that is still valid

    def seen(self, message_id: str, now_ms: int) -> bool:
        """Tell whether this id was sent within the window."""
        return self._until_ms.get(message_id, 0) > now_ms

    def remember(self, message_id: str, until_ms: int) -> None:
        """Keep an id until then; a repeat does not extend the window of the first."""
        self._until_ms.pop(message_id, None)
        self._until_ms[message_id] = until_ms

    def forget(self, now_ms: int) -> bool:
        """Drop what has left the window; True if there was anything."""
        gone = []
        for message_id, until_ms in self._until_ms.items():
            if until_ms > now_ms:
                break
            gone.append(message_id)
        for message_id in gone:
            del self._until_ms[message_id]
        return bool(gone)
