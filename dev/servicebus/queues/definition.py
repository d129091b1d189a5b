"""What can be said of a queue in a definition file. Checks the file; knows nothing of messages."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class QueueDefinition(BaseModel):
    """The properties of one queue; names and defaults follow Azure, with the unit last.

    Example: `{"requires_session": true, "lock_duration_seconds": 60, "max_delivery_count": 5}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requires_session: bool = False
    lock_duration_seconds: float = Field(default=60, gt=0, le=300)  # at most 5 minutes: Service Bus quotas
    max_delivery_count: int = Field(default=10, ge=1, le=2000)  # 1 to 2,000: Service Bus quotas
    duplicate_detection_window_seconds: float = Field(default=0, ge=0, le=7 * 86400)  # 0 = off; at most 7 days
    default_ttl_seconds: float | None = Field(default=None, gt=0)  # None = messages live for ever
    dead_letter_on_expiry: bool = False

    @property
    def lock_ms(self) -> int:
        """How long a message or session lock lasts, e.g. 60000."""
        return round(self.lock_duration_seconds * 1000)

    @property
    def duplicate_window_ms(self) -> int:
        """How long a message id is remembered, e.g. 300000; 0 = not at all."""
        return round(self.duplicate_detection_window_seconds * 1000)

    @property
    def default_ttl_ms(self) -> int | None:
        """How long a message lives at most, None = for ever."""
        return None if self.default_ttl_seconds is None else round(self.default_ttl_seconds * 1000)


type Definitions = dict[str, QueueDefinition]
DEFINITIONS: TypeAdapter[Definitions] = TypeAdapter(dict[str, QueueDefinition])


def load_definitions(path: Path) -> Definitions:
    """Read `{"queue": {...}, ...}` from a JSON file; raises pydantic.ValidationError that lists every mistake."""
    return DEFINITIONS.validate_json(path.read_bytes(), strict=True)
