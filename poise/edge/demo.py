"""``poise demo``: two simulated regions, the real server, the official SDK; one region fails while traffic runs.

Everything happens on this machine. The exit code is 0 only if the whole story took place.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from poise.clock import SystemClock
from poise.sim.console import Order
from poise.sim.processes import Gateway, NotReady, Region, free_port
from poise.sim.script import Step
from poise.sim.visitors import Visit, Visitors

KEY = "demo-key-of-no-worth-0123456789"
BEFORE, DURING, AFTER = "before", "us fails", "healed"
STEADY_S, OUTAGE_S, HEAL_S = 3.0, 5.0, 20.0  # the last is a bound: it ends as soon as region us has answered again
ENOUGH = 10  # answers of us after it healed

CONFIG = """\
# Made by `poise demo`. Both regions are simulated: no model, no vendor, no cost.
version: 1
listen: 127.0.0.1:{listen}
admin: 127.0.0.1:{admin}
data: {folder}/data

providers:
  us:
    vendor: openai-compatible
    region: us
    url: {us}
    models: [&model {{name: sim-chat, price: {{input: 1, output: 4}}}}]
  eu:
    vendor: openai-compatible
    region: eu
    url: {eu}
    models: [*model]

workflows:
  support-chat:
    candidates: [sim-chat@us, sim-chat@eu]
    choose: order              # us serves; eu where us cannot
    objective: {{deadline: 10s}}

keys:
  visitor: {{secret: "file:{folder}/key", workflows: [support-chat]}}
"""


class StoryBroken(Exception):
    """Something that the demo promises did not happen."""


def main() -> int:
    """Tell the story; 0 where all of it happened, 1 where not, 2 where the SDK is missing."""
    if importlib.util.find_spec("openai") is None:
        sys.stderr.write("error: the demo's client is the official openai SDK, and it is not installed\n")
        sys.stderr.write('  hint: pip install "poise[demo]"\n')
        return 2
    folder = Path(tempfile.mkdtemp(prefix="poise-demo-"))
    try:
        _tell(folder)
    except (StoryBroken, NotReady) as broken:
        sys.stderr.write(f"error: the demo did not go as it should: {broken}\n")
        sys.stderr.write(f"  hint: the logs are in {folder}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    return 0


def _tell(folder: Path) -> None:
    _say(
        "Poise demo. Everything runs on this machine: no key, no network, no cost.",
        "Both regions are SIMULATED: scripted servers that speak OpenAI's API.",
        "",
    )
    clock = SystemClock()
    started_us = clock.now_us()
    with ExitStack() as running:
        us = running.enter_context(
            Region("us", log=folder / "us.log", port=free_port(), seed=1, first_token_s=0.05, tokens_per_s=100)
        )
        eu = running.enter_context(
            Region("eu", log=folder / "eu.log", port=free_port(), seed=2, first_token_s=0.09, tokens_per_s=100)
        )
        config = _write_config(folder, us, eu)
        gateway = running.enter_context(Gateway(config, log=folder / "poise.log", env={}))
        _say(
            f"  region us (simulated)   {us.url}",
            f"  region eu (simulated)   {eu.url}",
            f"  poise serve             {gateway.addresses['data']}",
            "  clients                 4 conversations, the official openai SDK",
            "",
        )
        visitors = asyncio.run(_traffic(gateway, us, folder))
        _say("What the clients saw:", "", *_table(visitors), "")
        if wrong := missing(visitors):
            raise StoryBroken(f"it should be true that {'; that '.join(wrong)}")
        _say(_replayed(folder), "")
        if gateway.stop() != 0:
            raise StoryBroken(f"poise serve did not end in an orderly way\n{gateway.said()}")
    took_s = (clock.now_us() - started_us) / 1e6
    _say(f"That was the demo ({took_s:.0f} s); nothing is left running.", "", *_what_next(folder, us, eu))


async def _traffic(gateway: Gateway, us: Region, folder: Path) -> Visitors:
    """The story in its three phases, each with an explained decision at its end."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(
        base_url=f"{gateway.addresses['data']}/v1", api_key=KEY, max_retries=0, timeout=30
    ) as client:
        visitors = Visitors(client, SystemClock(), model="support-chat")
        visitors.phase = BEFORE
        traffic = asyncio.create_task(visitors.stay())
        try:
            await asyncio.sleep(STEADY_S)
            await _explained(
                visitors, folder, "1. Before: region us serves.", lambda visit: visit.target.endswith("@us")
            )
            visitors.phase = DURING
            us.order(Order(standing=Step("status", status=503, message="simulated outage of region us")))
            await asyncio.sleep(OUTAGE_S)
            title = "2. During: us answers 503 to everything; eu takes over, unseen."
            await _explained(visitors, folder, title, lambda visit: visit.attempts > 1)
            us.order(Order(reset=True))
            visitors.phase = AFTER
            await visitors.until(lambda: visitors.count(AFTER)["at us"] >= ENOUGH, HEAL_S)
            title = "3. After: us is well again; its time out is over and it serves."
            await _explained(visitors, folder, title, lambda visit: visit.target.endswith("@us"))
        finally:
            visitors.leaving = True
            await traffic
    return visitors


async def _explained(visitors: Visitors, folder: Path, title: str, fits: Callable[[Visit], bool]) -> None:
    """Print ``poise explain`` of a fitting call of this phase, while traffic goes on."""
    fitting = [visit for visit in visitors.seen(visitors.phase) if fits(visit) and not visit.error]
    if not fitting:
        raise StoryBroken(f"no call of the phase {visitors.phase!r} fits {title!r}")
    decision = fitting[len(fitting) // 2].decision
    shown = await asyncio.to_thread(_poise, "explain", decision, "--data", str(folder / "data"))
    if shown.returncode != 0:
        raise StoryBroken(f"poise explain {decision} ended with {shown.returncode}: {shown.stderr}")
    _say("=" * 78, title, f"$ poise explain {decision}", "", shown.stdout.rstrip(), "")


def missing(visitors: Visitors) -> list[str]:
    """What of the story did not happen, as sentences that should be true; empty where all of it did."""
    before, during, after = (visitors.count(phase) for phase in (BEFORE, DURING, AFTER))
    errors = [visit.error for visit in visitors.visits if visit.error]
    facts = {
        "region us alone served before": before["at us"] > 0 and before["at eu"] == 0,
        "no call was moved before": before["failed_over"] == 0,
        "region eu served while us failed": during["at eu"] > 0,
        "calls were moved from us to eu": during["failed_over"] > 0,
        f"region us served at least {ENOUGH} calls after it healed": after["at us"] >= ENOUGH,
        "some answers were streamed and some whole": 0 < during["streamed"] < during["requests"],
        f"clients saw no error (they saw {len(errors)}: {errors[:1]})": not errors,
    }
    return [fact for fact, holds in facts.items() if not holds]


def _table(visitors: Visitors) -> list[str]:
    rows = [f"  {'':<10}{'requests':>10}{'streamed':>10}{'by us':>8}{'by eu':>8}{'failed over':>13}{'errors seen':>13}"]
    for phase in (BEFORE, DURING, AFTER):
        counts = visitors.count(phase)
        rows.append(
            f"  {phase:<10}{counts['requests']:>10}{counts['streamed']:>10}{counts['at us']:>8}{counts['at eu']:>8}"
            f"{counts['failed_over']:>13}{counts['errors']:>13}"
        )
    return rows


def _replayed(folder: Path) -> str:
    """Every stored decision chosen again: the verdicts must be the same bytes."""
    done = _poise("replay", "--all", "--data", str(folder / "data"))
    if done.returncode != 0:
        raise StoryBroken(f"poise replay --all ended with {done.returncode}: {done.stdout}{done.stderr}")
    return f"$ poise replay --all\n\n{done.stdout.rstrip()}"


def _what_next(folder: Path, us: Region, eu: Region) -> list[str]:
    """Commands that work as they stand."""
    poise, python = _shown("poise"), _shown(Path(sys.executable).name)
    ports = {region.name: region.url.split(":")[2].split("/")[0] for region in (us, eu)}
    listen = next(
        line.split()[1] for line in (folder / "poise.yaml").read_text().splitlines() if line.startswith("listen")
    )
    return [
        "Look at what was recorded:",
        "",
        f"  {poise} explain last --data {folder}/data",
        f"  {poise} replay --last 20 --data {folder}/data",
        "",
        "Run it yourself: the regions, then the server, each in a terminal of its own:",
        "",
        f"  {python} -m poise.sim.region --name us --port {ports['us']} --rate 50",
        f"  {python} -m poise.sim.region --name eu --port {ports['eu']} --rate 50",
        f"  {poise} serve {folder}/poise.yaml",
        "",
        "and ask it something:",
        "",
        f"  curl -N http://{listen}/v1/chat/completions \\",
        f"    -H 'authorization: Bearer {KEY}' \\",
        """    -d '{"model":"support-chat","stream":true,"messages":[{"role":"user",""",
        """         "content":"hello"}]}'""",
        "",
        f"Write a configuration of your own: {poise} init",
        f"When you are done, delete {folder}",
    ]


def _write_config(folder: Path, us: Region, eu: Region) -> Path:
    (folder / "key").write_text(KEY + "\n")
    file = folder / "poise.yaml"
    file.write_text(CONFIG.format(listen=free_port(), admin=free_port(), folder=folder, us=us.url, eu=eu.url))
    return file


def _poise(*words: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from poise.edge.cli import main; sys.exit(main())"
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-P", "-c", code, *words],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "78", "NO_COLOR": "1"},
        timeout=60,
        check=False,
    )


def _shown(name: str) -> str:
    """A command of this environment as it must be typed here: bare where the PATH finds the same one."""
    own = Path(sys.executable).with_name(name)
    if shutil.which(name) == str(own):
        return name
    relative = os.path.relpath(own)
    return str(own) if relative.startswith("..") else relative


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
