"""``python -m poise.sim.replayed --decisions 100000``: a load on three regions whose speed and health keep changing, then
every decision of it chosen again from the store and compared byte for byte.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from poise.clock import SystemClock
from poise.edge import cli_store
from poise.sim.callers import Call, Caller, keep_calling
from poise.sim.console import Order
from poise.sim.dice import Dice
from poise.sim.processes import Gateway, Region
from poise.sim.script import Step

KEY = "key-of-the-callers-0123456789"
NAMES = ("us", "eu", "ap")
CHANGE_S = 0.5  # how often one region gets another temper
STOP_S = 60.0
CONFIG = """\
version: 1
listen: 127.0.0.1:0
admin: 127.0.0.1:0
data: {data}
providers:
{providers}
workflows:
  load:
    candidates: [sim-chat]
    choose: {{weights: {{health: 3, latency: 2, load: 1, cost: 1}}, spread: 0.2}}
keys: {{callers: {{secret: env:CALLERS_KEY}}}}
"""
PROVIDER = (
    '  {name}: {{vendor: openai-compatible, url: "{url}", region: {name}, '
    "models: [{{name: sim-chat, price: {{input: {price}, output: 2}}}}]}}"
)


def temper(dice: Dice) -> Step:
    """What a region is like for the next while: quick, slow, refusing or failing."""
    kind = dice.below(8)
    if kind == 0:
        return Step("status", status=503)
    if kind == 1:
        return Step("status", status=429, retry_after="1")
    return Step(wait_s=dice.between(0.0, 0.02), first_token_s=dice.between(0.0, 0.02))


async def load(many: int, *, callers: int, seed: int, folder: Path) -> tuple[list[Call], int]:
    """Call until ``many`` requests were accepted. Returns the calls and the server's exit code."""
    dice = Dice(seed)
    clock = SystemClock()
    with ExitStack() as stack:
        regions = [stack.enter_context(Region(name, log=folder / f"{name}.log")) for name in NAMES]
        providers = "\n".join(
            PROVIDER.format(name=region.name, url=region.url, price=place + 1) for place, region in enumerate(regions)
        )
        config = folder / "poise.yaml"
        config.write_text(CONFIG.format(data=folder / "data", providers=providers))
        gateway = stack.enter_context(Gateway(config, log=folder / "poise.log", env={"CALLERS_KEY": KEY}))
        host, _, port = gateway.addresses["data"].rpartition("/")[2].rpartition(":")
        calls: list[Call] = []
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for i in range(callers):
                caller = Caller((host, int(port)), key=KEY, model="load", clock=clock)
                group.create_task(keep_calling(caller, calls, Dice(seed * 1000 + i), stop))
            while sum(1 for call in calls if call.decision) < many:
                region = regions[dice.below(len(regions))]
                await asyncio.to_thread(region.order, Order(standing=temper(dice)))
                await asyncio.sleep(CHANGE_S)
            stop.set()
        return calls, await asyncio.to_thread(gateway.stop, STOP_S)


def main(argv: list[str] | None = None) -> int:
    """0 where every decision was chosen again alike, 1 where one was not."""
    parser = argparse.ArgumentParser(prog="python -m poise.sim.replayed", description="load, change, replay")
    parser.add_argument("--decisions", type=int, default=100_000)
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calls, code = asyncio.run(load(given.decisions, callers=given.callers, seed=given.seed, folder=folder))
        accepted = sum(1 for call in calls if call.decision)
        whole = sum(1 for call in calls if call.whole and call.status == 200)
        sys.stdout.write(f"{accepted} requests accepted, {whole} answered whole; server ended with {code}\n")
        return cli_store.replay([], folder / "data", every=True) or code


if __name__ == "__main__":
    sys.exit(main())
