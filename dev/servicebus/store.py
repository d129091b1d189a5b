"""The journal in SQLite: what a queue must not forget when its process dies. Knows no rule of any queue.

Writes gather in one transaction until `commit`; the server commits before any answer leaves, so that whatever a client
was told is on file. In WAL mode with synchronous=NORMAL this survives the death of the process (kill -9); a power cut
may take the last moments with it, never the file.
"""

import sqlite3
from pathlib import Path
from typing import Any

from dev.servicebus.amqp.codec import decode_map, encode_map
from dev.servicebus.queues.message import Message
from dev.servicebus.queues.namespace import Namespace

LOCK_WAIT_SECONDS = 0.2
DEAD_LETTERS = "/$DeadLetterQueue"
PLAIN = (  # the fields of Message that are stored as they are
    "content",
    "message_id",
    "session_id",
    "ttl_ms",
    "scheduled_ms",
    "state",
    "sequence",
    "enqueued_sequence",
    "enqueued_ms",
    "delivery_count",
    "dead_letter_source",
)
COLUMNS = ", ".join((*PLAIN, "amended"))
MARKS = ", ".join("?" for _ in (*PLAIN, "amended", "queue"))
INSERT = f"INSERT OR REPLACE INTO messages ({COLUMNS}, queue) VALUES ({MARKS})"  # noqa: S608 - names of our own
SELECT = f"SELECT {COLUMNS} FROM messages WHERE queue = ? ORDER BY sequence"  # noqa: S608 - names of our own
SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    queue TEXT NOT NULL, sequence INTEGER NOT NULL, content BLOB NOT NULL, message_id TEXT, session_id TEXT,
    ttl_ms INTEGER, scheduled_ms INTEGER, state TEXT NOT NULL, enqueued_sequence INTEGER NOT NULL,
    enqueued_ms INTEGER NOT NULL, delivery_count INTEGER NOT NULL, dead_letter_source TEXT, amended BLOB,
    PRIMARY KEY (queue, sequence)
);
CREATE TABLE IF NOT EXISTS sequences (queue TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    queue TEXT NOT NULL, session_id TEXT NOT NULL, state BLOB NOT NULL, state_ms INTEGER NOT NULL,
    PRIMARY KEY (queue, session_id)
);
CREATE TABLE IF NOT EXISTS history (
    queue TEXT NOT NULL, message_id TEXT NOT NULL, until_ms INTEGER NOT NULL, PRIMARY KEY (queue, message_id)
);
CREATE INDEX IF NOT EXISTS history_by_time ON history (queue, until_ms);
"""


class Store:
    """A file that one process at a time may open; raises sqlite3.OperationalError if another has it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=LOCK_WAIT_SECONDS)
        try:
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(SCHEMA)
        except sqlite3.Error:
            self._db.close()
            raise
        self._last_sequences: dict[str, int] = {}
        self._open = False

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        if not self._open:
            self._db.execute("BEGIN")
            self._open = True
        self._db.execute(statement, values)

    def commit(self) -> None:
        """Make everything since the last commit durable."""
        for queue, last in self._last_sequences.items():
            self._write("INSERT OR REPLACE INTO sequences VALUES (?, ?)", (queue, last))
        self._last_sequences.clear()
        if self._open:
            self._db.execute("COMMIT")
            self._open = False

    def close(self) -> None:
        """Commit and let go of the file."""
        self.commit()
        self._db.close()

    def save(self, queue: str, message: Message) -> None:
        """Insert or replace a message under its sequence number."""
        self._write(INSERT, (*_row(message), queue))

    def delete(self, queue: str, sequence: int) -> None:
        """Forget a message."""
        self._write("DELETE FROM messages WHERE queue = ? AND sequence = ?", (queue, sequence))

    def save_sequence(self, queue: str, sequence: int) -> None:
        """Note the last sequence number that was given out."""
        self._last_sequences[queue] = sequence

    def save_session(self, queue: str, session_id: str, state: bytes | None, state_ms: int) -> None:
        """Insert, replace or (state None) remove a session's state."""
        if state is None:
            self._write("DELETE FROM sessions WHERE queue = ? AND session_id = ?", (queue, session_id))
        else:
            self._write("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?)", (queue, session_id, state, state_ms))

    def remember(self, queue: str, message_id: str, until_ms: int) -> None:
        """Keep a message id for duplicate detection."""
        self._write("INSERT OR REPLACE INTO history VALUES (?, ?, ?)", (queue, message_id, until_ms))

    def forget(self, queue: str, until_ms: int) -> None:
        """Drop the message ids whose window ended at or before this time."""
        self._write("DELETE FROM history WHERE queue = ? AND until_ms <= ?", (queue, until_ms))

    def load(self, namespace: Namespace) -> None:
        """Fill the queues of a new namespace with what the file holds. Queues that it lacks stay on file.

        Dead letters first: a message that expired meanwhile goes there as it is read, and must not take a number again.
        """
        for queue in sorted(namespace, key=lambda queue: not queue.name.endswith(DEAD_LETTERS)):
            name = (queue.name,)
            for (last,) in self._db.execute("SELECT last FROM sequences WHERE queue = ?", name):
                queue.last_sequence = last
            for session_id, state, state_ms in self._db.execute(
                "SELECT session_id, state, state_ms FROM sessions WHERE queue = ?", name
            ):
                session = queue.sessions.get(session_id)
                session.state, session.state_ms = state, state_ms
            for message_id, until_ms in self._db.execute(
                "SELECT message_id, until_ms FROM history WHERE queue = ? ORDER BY until_ms", name
            ):
                queue.duplicates.remember(message_id, until_ms)
            for row in self._db.execute(SELECT, name):
                queue.restore(_message(row))


def _row(message: Message) -> tuple[object, ...]:
    """The values of COLUMNS."""
    amended = encode_map(message.amended) if message.amended else None
    return (*(getattr(message, name) for name in PLAIN), amended)


def _message(row: tuple[Any, ...]) -> Message:
    message = Message(**dict(zip(PLAIN, row, strict=False)))
    message.amended = decode_map(row[-1]) if row[-1] else {}
    return message
