"""Pins in the store: bounded in number and age, so that a restart of everything keeps them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

MAX_ROWS: Final = 65_536
KEPT_S: Final = 30 * 86_400  # as long as the longest of what they name is kept by a provider (OpenAI's responses)

# The digest of an id, the provider and the target that made what it names, and since when that is known (wall seconds).
PinRow = tuple[bytes, str, str, int]

_PUT: Final = (
    "INSERT INTO pins VALUES (?, ?, ?, ?) ON CONFLICT (digest)"
    " DO UPDATE SET provider = excluded.provider, target = excluded.target, at_s = excluded.at_s"
)
_OLDEST: Final = "DELETE FROM pins WHERE digest IN (SELECT digest FROM pins ORDER BY at_s LIMIT ?)"


def put(db: sqlite3.Connection, rows: Iterable[PinRow], now_s: int, most: int = MAX_ROWS) -> None:
    """Keep rows, and let go of what is too old or too many. Within the caller's transaction."""
    db.executemany(_PUT, rows)
    db.execute("DELETE FROM pins WHERE at_s < ?", (now_s - KEPT_S,))
    (count,) = db.execute("SELECT count(*) FROM pins").fetchone()
    if count > most:
        db.execute(_OLDEST, (count - most,))


def load(db: sqlite3.Connection, now_s: int) -> list[PinRow]:
    """All that is kept, oldest first."""
    query = "SELECT digest, provider, target, at_s FROM pins WHERE at_s >= ? ORDER BY at_s, digest"
    return [(bytes(row[0]), str(row[1]), str(row[2]), int(row[3])) for row in db.execute(query, (now_s - KEPT_S,))]
