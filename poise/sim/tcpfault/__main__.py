"""``python -m poise.sim.tcpfault HOST:PORT``: the proxy in a process of its own, until it is told to stop.

Prints one JSON line, ``{"address": ...}``, when it accepts. Each line of standard input is a weather as JSON, which is in
force from then on; it is answered with a line of the counts so far.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

import msgspec

from poise.clock import SystemClock
from poise.sim.tcpfault.link import Link, Weather
from poise.sim.tcpfault.proxy import TcpFault, before
from poise.sim.wall.amounts import BadPlan, seconds, size_bytes


async def run(given: argparse.Namespace) -> None:
    """Serve until told to stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    host, _, port = given.upstream.rpartition(":")
    link = Link(seconds(given.latency), seconds(given.jitter), size_bytes(given.rate), size_bytes(given.slice))
    weather = Weather("open", link, link)
    async with before(
        host, int(port), SystemClock(), seed=given.seed, weather=weather, listen_port=given.port
    ) as proxy:
        _say({"address": f"127.0.0.1:{proxy.port}"})
        follow = loop.create_task(_follow(proxy, stop if given.follow_stdin else None))
        await stop.wait()
        follow.cancel()


async def _follow(proxy: TcpFault, stop: asyncio.Event | None) -> None:
    """Weathers from standard input, one a line."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            await proxy.change(msgspec.json.decode(line, type=Weather))
        except msgspec.DecodeError as bad:
            _say({"error": str(bad)})
            continue
        _say({**proxy.counts, "open": len(proxy.pairs)})
    if stop is not None:
        stop.set()


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m poise.sim.tcpfault",
        description="a TCP proxy on the loopback whose link is as bad as it is told",
    )
    parser.add_argument("upstream", metavar="HOST:PORT")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--seed", type=int, default=0, help="of the jitter")
    parser.add_argument("--latency", default="0s", help="each way, as in 20ms")
    parser.add_argument("--jitter", default="0s", help="up to so much more")
    parser.add_argument("--rate", default="0", metavar="BYTES/S", help="each way, as in 8KB; 0: no bound")
    parser.add_argument("--slice", default="0", metavar="BYTES", help="the most that is written at once; 0: no bound")
    parser.add_argument("--follow-stdin", action="store_true", help="end when standard input ends")
    given = parser.parse_args(argv)
    try:
        asyncio.run(run(given))
    except (BadPlan, OSError, ValueError) as bad:
        sys.stderr.write(f"{bad}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
