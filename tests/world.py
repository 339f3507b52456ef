"""A small world of real processes: simulated regions and ``poise serve`` in a temporary folder, on free ports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import openai

from poise.sim.console import Order
from poise.sim.processes import Gateway, Region, free_port
from poise.sim.script import Step

KEY = "key-of-the-app-0123456789"
NARROW_KEY = "key-of-the-narrow-app-0123456789"
ENV = {"APP_KEY": KEY, "NARROW_KEY": NARROW_KEY, "SIM_US_KEY": "sim-us-secret-1", "SIM_EU_KEY": "sim-eu-secret-2"}

LOOKS = 10  # each starts a process, so this is seconds, while the store commits every quarter of one

# <us>, <eu>, <listen>, <admin> and <data> are filled in. Each behaviour has a model of its own, so that what one test
# does to a target's health is nothing to the others.
CONFIG = """\
version: 1
listen: <listen>
admin: <admin>
data: <data>

providers:
  us:
    vendor: openai-compatible
    url: <us>
    region: us
    key: env:SIM_US_KEY
    models:
      - &chat {name: sim-chat, context_tokens: 100000, tools: true, vision: true, price: {input: 1.0, output: 2.0}}
      - {name: sim-embed, embeddings: true, price: {input: 0.1, output: 0}}
      - {name: sim-swapped}
      - {name: sim-slow}
      - {name: sim-flaky}
      - {name: sim-400}
      - {name: sim-401}
      - {name: sim-404}
      - {name: sim-429}
      - {name: sim-500}
      - {name: sim-503}
      - {name: sim-cut}
      - {name: sim-error-event}
      - {name: sim-malformed}
  eu:
    vendor: openai-compatible
    url: <eu>
    region: eu
    key: env:SIM_EU_KEY
    models: [*chat, {name: sim-flaky}]

workflows:
  support:
    aliases: [gpt-4o]
    candidates: [sim-chat@us, sim-chat@eu]
    choose: order
  flaky:
    candidates: [sim-flaky@us, sim-flaky@eu]
    choose: order

keys:
  app: {secret: env:APP_KEY, workflows: ["*"], models: ["*"], passthrough: [us]}
  narrow: {secret: env:NARROW_KEY, workflows: [support]}
"""

BEHAVIOUR = {
    "sim-swapped": Step(model="sim-chat-2026-11"),
    "sim-slow": Step(tokens_per_s=50, tokens=3000),
    "sim-flaky": Step("status", status=503),
    "sim-400": Step("status", status=400, message="the prompt is too long", code="context_length_exceeded"),
    "sim-401": Step("status", status=401, message="bad key sim-us-secret-1", code="invalid_api_key"),
    "sim-404": Step("status", status=404, message="no such model", code="model_not_found"),
    "sim-429": Step("status", status=429, retry_after="7", message="slow down", code="rate_limit_exceeded"),
    "sim-500": Step("status", status=500, message="boom"),
    "sim-503": Step("status", status=503, message="overloaded"),
    "sim-cut": Step("cut", events=3),
    "sim-error-event": Step("stream_error", events=3, message="the model fell over"),
    "sim-malformed": Step("malformed"),
}


class World:
    """Running processes and how to talk to them."""

    def __init__(self, folder: Path, regions: dict[str, Region], gateway: Gateway, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.regions = regions
        self.gateway = gateway
        self._env = {**os.environ, **env}

    @property
    def url(self) -> str:
        """The data port, without a path."""
        return self.gateway.addresses["data"]

    @property
    def admin_url(self) -> str:
        """The admin port, waited for."""
        return self.gateway.wait_for("admin")

    def client(self, key: str = KEY, **more: Any) -> openai.OpenAI:  # noqa: ANN401 - the SDK's own arguments
        """The official SDK; it does not retry, so that a test sees each answer."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, **({"max_retries": 0, "timeout": 30.0} | more))

    def async_client(self, key: str = KEY, **more: Any) -> openai.AsyncOpenAI:  # noqa: ANN401 - the SDK's own arguments
        """The same for asyncio."""
        return openai.AsyncOpenAI(
            base_url=f"{self.url}/v1", api_key=key, **({"max_retries": 0, "timeout": 30.0} | more)
        )

    def poise(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ``poise`` beside the running server."""
        code = "import sys; from poise.edge.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", code, *words]
        return subprocess.run(
            command, capture_output=True, text=True, env=self._env, cwd=self.folder, timeout=60, check=False
        )

    def explain(self, decision: str) -> dict[str, Any]:
        """``poise explain ID --json``, decoded, once its outcome is stored too: that comes a commit later at most."""
        shown: dict[str, Any] = {}
        for _ in range(LOOKS):
            done = self.poise("explain", decision, "--data", str(self.data), "--json")
            assert 0 == done.returncode, done.stderr
            shown = json.loads(done.stdout)
            if shown["outcome"] != "open":
                return shown
        raise AssertionError(f"{decision} has no outcome after {LOOKS} looks: {shown}")


@contextmanager
def world(
    config: str = CONFIG,
    *,
    env: Mapping[str, str] = ENV,
    workers: int = 1,
    behaviour: Mapping[str, Mapping[str, Step]] | None = None,
) -> Iterator[World]:
    """Start two regions and the server; end all of them, by process id, whatever happens.

    behaviour says what each region does by model name; without it, ``us`` follows BEHAVIOUR and ``eu`` answers.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="poise-world-")))
        regions = {
            name: stack.enter_context(Region(name, log=folder / f"{name}.log", seed=seed))
            for seed, name in enumerate(("us", "eu"), 1)
        }
        for name, steps in (behaviour or {"us": BEHAVIOUR}).items():
            regions[name].order(Order(by_model=dict(steps)))
        filled = {name: region.url for name, region in regions.items()}
        filled |= {
            "listen": f"127.0.0.1:{free_port()}",
            "admin": f"127.0.0.1:{free_port()}",
            "data": str(folder / "data"),
        }
        for word, value in filled.items():
            config = config.replace(f"<{word}>", value)
        file = folder / "poise.yaml"
        file.write_text(config)
        gateway = stack.enter_context(Gateway(file, log=folder / "poise.log", env=env, workers=workers))
        yield World(folder, regions, gateway, env)
