"""``python -m poise.sim.emulate VENDOR...``: emulators in a process of their own, until they are told to stop.

Prints one JSON line for each, ``{"vendor": ..., "url": ..., "log": ...}``, when it accepts.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack

import msgspec

from poise.clock import SystemClock
from poise.sim.emulate.doors import VENDORS
from poise.sim.emulate.emulator import LOG, Emulator
from poise.sim.emulate.scenario import SCENARIOS
from poise.sim.upstream import serving


async def run(vendors: list[str], *, host: str, port: int, gap_s: float, follow_stdin: bool) -> None:
    """Serve until told to stop; port counts up from the first vendor's where it is not 0."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if follow_stdin:
        loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 4096) else stop.set())
    async with AsyncExitStack() as stack:
        for at, name in enumerate(vendors):
            emulator = Emulator(name, SystemClock(), gap_s=gap_s)
            await stack.enter_async_context(serving(emulator, host, port + at if port else 0))
            line = {"vendor": name, "url": emulator.url, "log": f"http://{host}:{emulator.port}{LOG}"}
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
            sys.stdout.flush()
        await stop.wait()


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    told = "\n".join(f"  {name:20}{what}" for name, what in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        prog="python -m poise.sim.emulate",
        description="servers that behave like vendors; no model, no key",
        epilog=f"scenarios, as model emulate-NAME or as say:NAME in the last message:\n{told}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "vendors", nargs="+", choices=sorted(VENDORS), metavar="VENDOR", help=", ".join(sorted(VENDORS))
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="the first vendor's, the others count up; 0: free ones")
    parser.add_argument("--gap", type=float, default=0.0, metavar="S", help="seconds before each frame of a stream")
    parser.add_argument("--follow-stdin", action="store_true", help="end when standard input ends")
    given = parser.parse_args(argv)
    asyncio.run(run(given.vendors, host=given.host, port=given.port, gap_s=given.gap, follow_stdin=given.follow_stdin))
    return 0


if __name__ == "__main__":
    sys.exit(main())
