"""A gateway whose workflows make pictures, compiled from a file as users write it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import msgspec

from poise.edge.config.compile import compile_snapshot
from poise.edge.config.load import load
from poise.edge.config.resolve import resolve
from poise.edge.snapshot import Snapshot
from tests.attack.rig import SALT, UPSTREAM_KEY
from tests.attack.wire import KEY

ENV = {"APP_KEY": KEY, "UP_KEY": UPSTREAM_KEY}
PRICE = {"input": 5, "image_input": 10, "image_output": 40}


def compiled(config: dict[str, object], env: dict[str, str] | None = None) -> Snapshot:
    """The snapshot of a configuration. Its store is nowhere: recorders of tests keep lists."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "poise.yaml"
        path.write_text(json.dumps({"version": 1, **config}))
        resolved = resolve(load(path, ENV if env is None else env))
        made = compile_snapshot(resolved, ENV if env is None else env, epoch=1, salt=SALT)
    return msgspec.structs.replace(made, data="")


def pictures(url: str, vendor: str = "openai") -> Snapshot:
    """``support`` chats, ``draw`` makes pictures; ``mixed`` lists a model that chats before one that draws."""
    models: list[dict[str, object]] = [{"name": "m", "id": "m-1"}, {"name": "gpt-image-1"}, {"name": "gpt-5.2"}]
    models.append({"name": "painter", "id": 'painter/by"quote', "image_output": True, "price": PRICE})
    return compiled(
        {
            "providers": {
                "up": {"vendor": vendor, "url": url, "key": "env:UP_KEY", "models": models},
                "chats": {"vendor": "groq", "url": url, "key": "env:UP_KEY", "models": ["llama-3.3-70b"]},
            },
            "workflows": {
                "support": {"candidates": ["m"]},
                "draw": {"candidates": ["painter"]},
                "mixed": {"candidates": ["gpt-5.2", "llama-3.3-70b", "painter"], "choose": "order"},
                "talk": {"candidates": ["gpt-5.2", "llama-3.3-70b"]},
            },
            "keys": {"app": {"secret": "env:APP_KEY"}},
        }
    )
