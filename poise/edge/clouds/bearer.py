"""Signers that show what they were granted as it is: a token (Google, Entra), or a key."""

from __future__ import annotations

from poise.edge.clouds.keeper import Keeper
from poise.errors import Error


class Bearer:
    """``authorization: Bearer TOKEN``, and further headers that were granted with it: values are token, name, value, ..."""

    __slots__ = ("_keeper", "_lines", "_values")

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._values: tuple[str, ...] = ()
        self._lines = b""

    def lines(self, method: bytes, path: bytes, host: bytes, body: bytes, now_us: int) -> bytes:
        """See Signer."""
        values = self._keeper.values(now_us)
        if values is not self._values:
            names = ("authorization", *values[1::2])
            shown = (f"Bearer {values[0]}", *values[2::2])
            self._lines = b"".join(_line(name, value) for name, value in zip(names, shown, strict=True))
            self._values = values
        return self._lines


class Fixed:
    """One header that never changes: Azure's ``api-key``. Raises Error for a value that is no header's."""

    __slots__ = ("_line",)

    def __init__(self, name: str, value: str) -> None:
        if not value.isascii() or not value.isprintable():
            raise Error("internal", f"the value of {name} cannot stand in a header", hint="look for a stray line end")
        self._line = _line(name, value)

    def lines(self, method: bytes, path: bytes, host: bytes, body: bytes, now_us: int) -> bytes:
        """See Signer."""
        return self._line


def _line(name: str, value: str) -> bytes:
    return f"{name}: {value}\r\n".encode()
