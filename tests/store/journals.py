"""Journals to test with: a small ring, a reader that gives space back, and short ways to write records."""

from __future__ import annotations

from pathlib import Path

from poise.store.journal import Writer
from poise.store.reader import Reader
from poise.store.record import FINISHED, ID, ID_AT, OPENED, REFUSED

POLICY = b"12345678"
SMALL = 64 * 1024
KINDS = {OPENED: "opened", FINISHED: "finished", REFUSED: "refused"}


def small(folder: Path, *, worker: int = 0, started_us: int = 1, capacity: int = SMALL) -> Writer:
    """A journal that is soon full."""
    return Writer.create(folder, worker=worker, started_us=started_us, capacity=capacity)


def opened(writer: Writer, id_: int, *, size: int = 500, required: bool = False, conversation: str = "") -> bool:
    """Open a request with a decision of size bytes."""
    return writer.opened(id_, POLICY, "support-chat", conversation, "web-app", b"d" * size, required)


def finished(writer: Writer, id_: int, *, size: int = 100, outcome: int = 1) -> None:
    """Finish a request with an outcome of size bytes."""
    writer.finished(id_, outcome, 200, "gpt-5.2@openai-us", 1_000_000, 3_000, 900, 200, b"o" * size, 300_000, 1)


def seen(reader: Reader, position: int = 0) -> list[tuple[str, int]]:
    """What a reader finds from a position on: kinds and ids."""
    return [(KINDS[body[0]], ID.unpack_from(body, ID_AT)[0]) for body in reader.scan(position, 1 << 40).bodies]
