"""A simulated region as a process of its own: ``python -m poise.sim.region --name us``.

Prints ``us http://127.0.0.1:PORT/v1`` when it accepts; ends on SIGTERM, or when its standard input ends, so that it
never outlives the process that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys

from poise.clock import SystemClock
from poise.sim.script import Step
from poise.sim.upstream import Upstream, serving


async def run(upstream: Upstream, port: int, *, follow_stdin: bool) -> None:
    """Serve until told to stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if follow_stdin:
        loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 4096) else stop.set())
    async with serving(upstream, port=port):
        sys.stdout.write(f"{upstream.name} {upstream.url}\n")
        sys.stdout.flush()
        await stop.wait()


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m poise.sim.region", description="a simulated upstream; no model, no key"
    )
    parser.add_argument("--name", default="sim")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first-token", type=float, default=0.0, metavar="S", help="seconds before the first token")
    parser.add_argument("--rate", type=float, default=0.0, metavar="TOKENS/S", help="0: all at once")
    parser.add_argument("--follow-stdin", action="store_true", help="end when standard input ends")
    given = parser.parse_args(argv)
    step = Step(first_token_s=given.first_token, tokens_per_s=given.rate)
    upstream = Upstream(given.name, SystemClock(), seed=given.seed, standing=step)
    asyncio.run(run(upstream, given.port, follow_stdin=given.follow_stdin))
    return 0


if __name__ == "__main__":
    sys.exit(main())
