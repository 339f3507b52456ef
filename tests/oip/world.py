"""A gateway before emulated servers of the Open Inference Protocol, as processes; and what is said to it over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from poise.sim.processes import Gateway, free_port

KEY = "key-of-the-app-0123456789"
NARROW_KEY = "key-of-the-narrow-app-0123456789"
UP_KEY = "upstream-key-0123456789"
VENDORS = ("oip", "mlserver", "openai")
HEADER = "inference-header-content-length"

PROVIDERS: dict[str, Any] = {
    "oip": {
        "vendor": "open-inference",
        "key": "env:UP_KEY",
        "models": [
            {"name": "add-sub", "price": {"per_thousand_requests": 2.5}},
            "linear",
            "echo",
            {"name": "pinned", "id": "add-sub", "version": "1"},
            {"name": "gone", "id": "no-such"},
            {"name": "gone-version", "id": "add-sub", "version": "9"},
            {"name": "busy", "id": "add-sub-emulate-overloaded"},
            {"name": "limited", "id": "add-sub-emulate-rate"},
            {"name": "broken", "id": "add-sub-emulate-error-500"},
            {"name": "cut", "id": "add-sub-emulate-cut"},
        ],
    },
    "mlserver": {"vendor": "open-inference", "models": ["add-sub", "linear"]},
    "openai": {"vendor": "openai-compatible", "models": ["gpt"]},
    "nobody": {"vendor": "open-inference", "models": ["unreachable", "never-asked"]},
}
WORKFLOWS: dict[str, Any] = {
    "calc": {"candidates": ["add-sub@oip"], "aliases": ["old-calc", "team/calc"]},
    "calc-mlserver": {"candidates": ["add-sub@mlserver"]},
    "fail-over": {"candidates": ["busy@oip", "add-sub@mlserver"], "choose": "order"},
    "mixed": {"candidates": ["gpt", "linear@oip"], "choose": "order"},
}


class Said(NamedTuple):
    """An answer; headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """The body decoded."""
        return json.loads(self.body)


class Tensors:
    """What runs, and how it is asked."""

    def __init__(self, url: str, emulators: dict[str, str], folder: Path) -> None:
        self.netloc = urlsplit(url).netloc
        self.folder = folder
        self._emulators = emulators

    def ask(self, method: str, path: str, body: bytes | None = None, *, key: str = KEY, **lines: str) -> Said:
        """One request; a name in lines is a header, with ``_`` for ``-``. key '' sends none."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        headers |= {name.replace("_", "-"): value for name, value in lines.items()}
        return _ask(self.netloc, method, path, body, headers)

    def arrived(self, vendor: str) -> list[dict[str, Any]]:
        """What the emulator was sent, oldest first; it forgets it."""
        netloc = urlsplit(self._emulators[vendor]).netloc
        rows: list[dict[str, Any]] = _ask(netloc, "GET", "/_emulator/log", None, {}).json
        _ask(netloc, "DELETE", "/_emulator/log", None, {})
        return rows

    def explain(self, decision: str) -> dict[str, Any]:
        """``poise explain ID --json``, once its outcome is stored too."""
        code = "import sys; from poise.edge.cli import main; sys.exit(main())"
        data = str(self.folder / "data")
        shown: dict[str, Any] = {}
        for _ in range(10):  # each starts a process, so this is seconds, while the store commits every quarter of one
            done = subprocess.run(
                [sys.executable, "-c", code, "explain", decision, "--data", data, "--json"],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            shown = json.loads(done.stdout)
            if shown["outcome"] != "open":
                return shown
        raise AssertionError(f"{decision} has no outcome: {shown}")


@contextmanager
def tensors() -> Iterator[Tensors]:
    """Start the emulators and the gateway; end them, by process id."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="poise-tensors-")))
        command = [sys.executable, "-m", "poise.sim.emulate", *VENDORS, "--port", "0"]
        emulators = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stack.callback(emulators.terminate)
        assert emulators.stdout is not None
        told: list[dict[str, Any]] = [json.loads(emulators.stdout.readline()) for _ in VENDORS]
        urls = {row["vendor"]: row["url"] for row in told} | {"nobody": f"http://127.0.0.1:{free_port()}"}
        config = {
            "version": 1,
            "listen": f"127.0.0.1:{free_port()}",
            "admin": f"127.0.0.1:{free_port()}",
            "data": str(folder / "data"),
            "providers": {name: row | {"url": urls[name]} for name, row in PROVIDERS.items()},
            "workflows": WORKFLOWS,
            "keys": {
                "app": {"secret": "env:APP_KEY", "workflows": ["*"], "models": ["*"]},
                "narrow": {"secret": "env:NARROW_KEY", "workflows": ["calc"]},
            },
        }
        path = folder / "poise.yaml"
        path.write_text(json.dumps(config))
        env = os.environ | {"APP_KEY": KEY, "NARROW_KEY": NARROW_KEY, "UP_KEY": UP_KEY}
        gateway = stack.enter_context(Gateway(path, log=folder / "poise.log", env=env))
        yield Tensors(gateway.addresses["data"], urls, folder)


def pair(first: list[int], second: list[int], **more: object) -> bytes:
    """A call of add-sub with its tensors in JSON."""
    rows = [_input(name, data) | {"data": data} for name, data in (("INPUT0", first), ("INPUT1", second))]
    return json.dumps({"inputs": rows} | more).encode()


def binary_pair(first: list[int], second: list[int]) -> tuple[bytes, int]:
    """The same with its tensors as bytes, and how many bytes of it are JSON."""
    raw = struct.pack("<16i", *first), struct.pack("<16i", *second)
    rows = [
        _input(name, data) | {"parameters": {"binary_data_size": 64}}
        for name, data in (("INPUT0", first), ("INPUT1", second))
    ]
    head = json.dumps({"inputs": rows, "parameters": {"binary_data_output": True}}).encode()
    return head + b"".join(raw), len(head)


def _input(name: str, data: list[int]) -> dict[str, Any]:
    return {"name": name, "shape": [1, len(data)], "datatype": "INT32"}


def _ask(netloc: str, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Said:
    with closing(http.client.HTTPConnection(netloc, timeout=10)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return Said(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
