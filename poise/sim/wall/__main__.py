"""``python -m poise.sim.wall``: a misbehaving upstream in a process of its own, until it is told to stop.

Prints one JSON line, ``{"url": ..., "log": ..., "bill": ...}``, when it accepts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec

from poise.clock import SystemClock
from poise.errors import Error
from poise.sim.wall.amounts import BadPlan
from poise.sim.wall.bill import Economics
from poise.sim.wall.script import ScriptFile
from poise.sim.wall.tls import VARIANTS, Mute, authority_for
from poise.sim.wall.wall import Wall, serving


async def run(given: argparse.Namespace) -> None:
    """Serve until told to stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if given.follow_stdin:
        loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 4096) else stop.set())
    clock = SystemClock()
    with ExitStack() as stack:
        folder = given.tls_folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="poise-wall-")))
        if given.tls in ("stall", "plain"):
            server = await loop.create_server(Mute(given.tls).accept, given.host, given.port)
            _say({"url": f"https://{given.host}:{server.sockets[0].getsockname()[1]}/v1"})
            await stop.wait()
            server.close()
            return
        authority = authority_for(folder, clock) if given.tls else None
        tls = authority.context(given.tls) if authority else None
        wall = _wall(given, clock)
        if given.log:
            wall.log.open(given.log)
        async with serving(wall, given.host, given.port, tls=tls):
            root = wall.url.removesuffix("/v1")
            line = {"url": wall.url, "log": f"{root}/_wall/log", "bill": f"{root}/_wall/bill"}
            _say(line | ({"authority": str(authority.path)} if authority else {}))
            await stop.wait()


def _wall(given: argparse.Namespace, clock: SystemClock) -> Wall:
    economics = Economics(given.hangup, given.failed, given.refused)
    wall = Wall(given.name, clock, seed=given.seed, plan=given.plan, economics=economics)
    if given.script:
        wall.script.load(msgspec.json.decode(given.script.read_bytes(), type=ScriptFile))
    return wall


def _say(line: dict[str, str]) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m poise.sim.wall",
        description="an upstream that misbehaves on demand; docs/faults.md has the plans",
    )
    parser.add_argument("--name", default="wall", help="stands in the answers' ids")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plan", default="ok", help="what holds for models whose names are no plan")
    parser.add_argument("--script", type=Path, metavar="FILE", help="a script as JSON")
    parser.add_argument("--log", type=Path, metavar="FILE", help="one JSON line for each attempt")
    parser.add_argument("--hangup", choices=("stops", "whole", "free"), default="stops", help="what hanging up costs")
    parser.add_argument("--failed", choices=("made", "input", "free"), default="made", help="what breaking off costs")
    parser.add_argument("--refused", choices=("free", "input"), default="free", help="what an error status costs")
    parser.add_argument("--tls", choices=VARIANTS, help="speak TLS, well or badly")
    parser.add_argument("--tls-folder", type=Path, metavar="FOLDER", help="where authority.pem is put")
    parser.add_argument("--follow-stdin", action="store_true", help="end when standard input ends")
    given = parser.parse_args(argv)
    try:
        asyncio.run(run(given))
    except (BadPlan, Error, OSError, msgspec.DecodeError) as bad:
        sys.stderr.write(f"{bad}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
