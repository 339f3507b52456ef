"""Pins between workers and control: the key of their digests, and the frames that carry them over the workers' links."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from poise.decision import Maker

KEY_FILE: Final = "pins.key"
KEY_BYTES: Final = 32
# Boards and signals are msgpack arrays, whose first byte is 0x90 or more.
MARK: Final = b"P"
ROWS_AT_ONCE: Final = 2048  # of about 20 bytes: a frame never holds up the boards behind it

Row = tuple[bytes, Maker]


class _Rows(msgspec.Struct, array_like=True):
    """makers are provider and target; each row is a digest and the place of its maker."""

    makers: list[Maker]
    rows: list[tuple[bytes, int]]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Rows).decode


class Book(Protocol):
    """What a worker's link asks of its plane's pins (``path.pins.PinBook``)."""

    wake: Callable[[], None] | None

    def news(self, most: int) -> list[Row]:
        """The oldest news that control has not been told, taken out."""

    def hear(self, rows: Iterable[Row]) -> None:
        """What other workers learnt."""

    def retell(self) -> None:
        """Another control is there: what this worker learnt is news again."""


def pack(rows: Iterable[Row]) -> bytes:
    """Rows as the payload of one frame."""
    places: dict[Maker, int] = {}
    packed = [(digest, places.setdefault(maker, len(places))) for digest, maker in rows]
    return MARK + _encode(_Rows(list(places), packed))


def unpack(payload: bytes) -> list[Row]:
    """The rows that ``pack`` wrote. Raises msgspec.DecodeError where it is none of its."""
    read = _decode(memoryview(payload)[1:])
    makers = read.makers
    try:
        return [(digest, makers[place]) for digest, place in read.rows]
    except IndexError as bad:
        raise msgspec.DecodeError("a row names a maker that is not there") from bad


def pins_key(data: Path) -> bytes:
    """The key of this data folder's digests, made by whoever needs it first; it outlives restarts as the pins do.

    Where the folder cannot hold it, a key for this process's own time: pins are then forgotten when it ends.
    """
    path = data / KEY_FILE
    for _ in range(2):
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            _make(path)
        except OSError:
            break
        else:
            if len(key) == KEY_BYTES:
                return key
            break
    return secrets.token_bytes(KEY_BYTES)


def _make(path: Path) -> None:
    """Whole or not at all, and the first one stays: workers start at the same moment."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(fresh, path)
    except OSError:
        pass  # another was first, or there is no place for it: the caller looks again
    finally:
        fresh.unlink(missing_ok=True)
