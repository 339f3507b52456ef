"""One gateway before an emulator of each vendor, and each vendor's own SDK in front of it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from anthropic import Anthropic, AsyncAnthropic
from google import genai
from google.genai import types
from openai import AsyncOpenAI, OpenAI

from poise.sim.processes import Gateway, free_port

KEY = "key-of-the-app-0123456789"
VENDORS = ("openai", "anthropic", "gemini", "azure", "deepseek", "mistral", "xai")
# Talked to as the others; of what can go wrong there, a few things of each.
OTHERS = ("groq", "openrouter", "qwen", "together", "perplexity", "vllm", "llamacpp", "ollama")
EVERY = VENDORS + OTHERS
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


class Doors:
    """Clients of one gateway."""

    def __init__(self, url: str, folder: Path, emulators: dict[str, str]) -> None:
        self.url = url
        self.folder = folder
        self._emulators = emulators

    def arrived(self, vendor: str) -> list[dict[str, Any]]:
        """What the vendor's emulator was sent, oldest first; it forgets it."""
        made = urlsplit(self._emulators[vendor])
        with closing(http.client.HTTPConnection(made.netloc, timeout=10)) as connection:
            connection.request("GET", "/_emulator/log")
            rows: list[dict[str, Any]] = json.loads(connection.getresponse().read())
            connection.request("DELETE", "/_emulator/log")
            connection.getresponse().read()
        return rows

    def openai(self) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key=KEY, max_retries=0, timeout=30)

    def async_openai(self) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key=KEY, max_retries=0, timeout=30)

    def anthropic(self) -> Anthropic:
        return Anthropic(base_url=self.url, api_key=KEY, max_retries=0, timeout=30)

    def async_anthropic(self) -> AsyncAnthropic:
        return AsyncAnthropic(base_url=self.url, api_key=KEY, max_retries=0, timeout=30)

    def gemini(
        self, client: httpx2.Client | None = None, async_client: httpx2.AsyncClient | None = None
    ) -> genai.Client:
        options = types.HttpOptions(base_url=self.url, httpx_client=client, httpx_async_client=async_client)
        return genai.Client(api_key=KEY, http_options=options)


@contextmanager
def doors() -> Iterator[Doors]:
    """Emulators and a gateway as processes; each vendor has one model, ``at-<vendor>``."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="poise-doors-")))
        emulators = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "poise.sim.emulate", *EVERY, "--port", "0"], stdout=subprocess.PIPE, text=True
            )
        )
        stack.callback(emulators.terminate)
        assert emulators.stdout is not None
        told: list[dict[str, Any]] = [json.loads(emulators.stdout.readline()) for _ in EVERY]
        providers = {row["vendor"]: _provider(row["vendor"], row["url"]) for row in told}
        config = {
            "version": 1,
            "listen": f"127.0.0.1:{free_port()}",
            "admin": f"127.0.0.1:{free_port()}",
            "data": str(folder / "data"),
            "providers": providers,
            "workflows": {
                f"at-{vendor}": {"candidates": [f"m-{vendor}"], "recover": {"attempts": 1}} for vendor in EVERY
            },
            "keys": {"app": {"secret": "env:APP_KEY", "workflows": ["*"], "models": ["*"]}},
        }
        path = folder / "poise.yaml"
        path.write_text(json.dumps(config))
        env = os.environ | {"APP_KEY": KEY, "UP_KEY": "upstream-key-0123456789"}
        gateway = stack.enter_context(Gateway(path, log=folder / "poise.log", env=env))
        yield Doors(
            f"http://{gateway.addresses['data'].removeprefix('http://')}",
            folder,
            {row["vendor"]: row["url"] for row in told},
        )


def _provider(vendor: str, url: str) -> dict[str, object]:
    url = url.removesuffix("/v1beta") if vendor == "gemini" else url
    return {
        "vendor": vendor,
        "url": url,
        "key": "env:UP_KEY",
        "models": [{"name": f"m-{vendor}", "id": "emulate-plain"}],
    }
