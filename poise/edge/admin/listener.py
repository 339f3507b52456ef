"""The admin listener: uvicorn inside control's loop, without its signal handlers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio.to_thread
import uvicorn

from poise.clock import Clock
from poise.edge.admin.app import make_app
from poise.edge.admin.condition import Condition
from poise.edge.admin.guard import HOSTS_VARIABLE, Guard, make_token

log = logging.getLogger("poise.control")

MOST_CONNECTIONS = 64
READERS = 4  # threads that read the store: its answers are for people and scrapers, not for traffic
FIRST_WAIT_S, LAST_WAIT_S = 0.5, 10.0


class Quiet(uvicorn.Server):
    """uvicorn that leaves the process's signals alone: when control ends is for its supervisor to say."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Listener:
    """Serves the admin API at ``host:port`` or ``unix:/path``. ready is called with the address once it listens."""

    def __init__(
        self, address: str, condition: Condition, data: Path, clock: Clock, ready: Callable[[str], None]
    ) -> None:
        self._address = address
        self._condition = condition
        self._data = data
        self._clock = clock
        self._ready = ready
        self._server: Quiet | None = None

    async def run(self) -> None:
        """Listen and serve until ``stop``. A port that is taken is said and tried again: it must not stop control."""
        wait_s = FIRST_WAIT_S
        while (sock := self._open()) is None:
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, LAST_WAIT_S)
        logging.getLogger("uvicorn").setLevel(logging.WARNING)  # when it starts and ends is control's to say
        anyio.to_thread.current_default_thread_limiter().total_tokens = READERS
        host, names = self._address.rpartition(":")[0], os.environ.get(HOSTS_VARIABLE, "")
        app = make_app(self._condition, self._data, self._clock)
        guard = Guard(app, make_token(self._data), [host, *filter(None, names.replace(",", " ").split())])
        config = uvicorn.Config(
            guard,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=1,
        )
        self._server = Quiet(config)
        shown = sock.getsockname()
        if isinstance(shown, str):
            address = f"unix:{shown}"
        else:
            address = f"[{shown[0]}]:{shown[1]}" if ":" in shown[0] else f"{shown[0]}:{shown[1]}"
        self._ready(address)
        await self._server.serve(sockets=[sock])

    def stop(self) -> None:
        """Accept nothing more and end."""
        if self._server is not None:
            self._server.should_exit = True

    def _open(self) -> socket.socket | None:
        try:
            if self._address.startswith("unix:"):
                return _open_unix(Path(self._address.removeprefix("unix:")))
            host, _, port = self._address.rpartition(":")
            where = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            return _bound(socket.socket(where[0], socket.SOCK_STREAM), where[4])
        except OSError as problem:
            log.error("admin: %s cannot be opened and is tried again: %s", self._address, problem)  # noqa: TRY400 - told in full
            return None


def _open_unix(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    sock = _bound(socket.socket(socket.AF_UNIX), str(path))
    path.chmod(0o600)
    return sock


def _bound(sock: socket.socket, where: object) -> socket.socket:
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(where)  # type: ignore[arg-type] # an address is a tuple or a path, as its family has it
        sock.listen(MOST_CONNECTIONS)
    except OSError:
        sock.close()
        raise
    return sock
