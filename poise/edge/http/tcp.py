"""The client's end of a socket. Every method is harmless once it is gone."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Final

_NO_LINGER: Final = struct.pack("ii", 1, 0)


class Tcp:
    """What may be done to a socket that may be gone already."""

    __slots__ = ("transport",)

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None

    @property
    def gone(self) -> bool:
        """Nothing that is written will arrive."""
        return self.transport is None or self.transport.is_closing()

    def write(self, data: bytes) -> None:
        """Bytes to the client, unless it is gone."""
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet; 0 where the client is gone."""
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

    def end(self) -> None:
        """Send no more; what comes is still read."""
        if self.transport is not None and self.transport.can_write_eof():
            self.transport.write_eof()

    def harden(self) -> None:
        """Make a reset of the close that follows: what was sent last is lost, and nobody takes it for an end."""
        if self.transport is not None:
            sock = self.transport.get_extra_info("socket")
            if sock is not None and sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)

    def close(self) -> None:
        """Close after what is written has been sent."""
        if self.transport is not None:
            self.transport.close()
