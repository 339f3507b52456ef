"""The signer that shows what it was granted as it is: a token (Google, Entra)."""

from __future__ import annotations

from poise.edge.clouds.keeper import Keeper


class Bearer:
    """``authorization: Bearer TOKEN``, and further headers that were granted with it: values are token, name, value, ..."""

    __slots__ = ("_keeper", "_lines", "_values")

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._values: tuple[str, ...] = ()
        self._lines = b""

    def lines(self, method: bytes, path: bytes, host: bytes, body: bytes, now_us: int) -> bytes:
        """See ``poise.path.signing.Signer``."""
        values = self._keeper.values(now_us)
        if values is not self._values:
            names = ("authorization", *values[1::2])
            shown = (f"Bearer {values[0]}", *values[2::2])
            self._lines = b"".join(_line(name, value) for name, value in zip(names, shown, strict=True))
            self._values = values
        return self._lines

    def refused(self) -> None:
        """See Signer."""
        self._keeper.refused()

    def redacted(self, said: bytes) -> bytes:
        """See Signer."""
        return self._keeper.redacted(said)


def _line(name: str, value: str) -> bytes:
    return f"{name}: {value}\r\n".encode()
