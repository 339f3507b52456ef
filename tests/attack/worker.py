"""A data plane in a process of its own, so that its memory can be read from outside. Arguments: the upstream's port.

Prints the port it listens on, and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from pathlib import Path

import uvloop

from poise.clock import SystemClock
from poise.edge.plane import Plane
from poise.edge.snapshot import Limits
from poise.policy import Timers
from tests.attack.rig import snapshot

SEND_BYTES = 65_536  # of the kernel's towards clients: else hundreds of megabytes go there before anyone counts as slow


async def serve(upstream_port: int) -> None:
    """Serve until standard input ends."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    sock.bind(("127.0.0.1", 0))
    sock.listen(1024)
    sock.setblocking(False)
    url = f"http://127.0.0.1:{upstream_port}/v1"
    with tempfile.TemporaryDirectory() as folder:
        served = snapshot(url, limits=Limits(), deadline_us=600_000_000, timers=Timers())
        plane = Plane(served, index=0, data=Path(folder), clock=SystemClock())
        await plane.start()
        plane.listen(sock)
        print(sock.getsockname()[1], flush=True)  # noqa: T201 - read by the test
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await plane.drain(0)
        await plane.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
