"""Configurations for tests: a good one that says much, and ways to load a text and look at what is told of it."""

from __future__ import annotations

from pathlib import Path

from poise.edge.config.load import load_into
from poise.edge.config.problem import Findings, Problem
from poise.edge.config.resolve import Resolved, resolve_into

CONTRACT = Path(__file__).with_name("contract.yaml")

GOOD = """\
version: 1
include: [conf.d/*.yaml]
listen: ${POISE_LISTEN:-127.0.0.1:8700}
admin:  127.0.0.1:8701
data:   .poise
providers:
  openai-us: {vendor: openai, region: us, key: env:OPENAI_API_KEY, models: [gpt-5.2, text-embedding-3-small]}
  openai-eu: {vendor: openai, region: eu, key: env:OPENAI_EU_KEY, models: [gpt-5.2], url: https://eu.api.openai.com/v1}
  deepseek: {vendor: deepseek, region: cn, key: file:secrets/deepseek, models: [deepseek-chat]}
  gpu-box:
    vendor: openai-compatible
    url: http://10.0.0.7:8000/v1
    region: eu
    models:
      - {name: llama-4-maverick, id: meta-llama/Llama-4-Maverick-17B, context_tokens: 131072, tools: true, vision: true,
         prefill: true, price: {input: 0.10, output: 0.30}}
profiles:
  chat: {timers: {first_token: 10s, stall: 10s}, recover: {attempts: 3, stream: error, keepalive: 15s}}
workflows:
  support-chat:
    use: chat
    owner: team-support
    aliases: [gpt-4o]
    regions: [us, eu]
    candidates:
      - gpt-5.2
      - deepseek-chat
      - {model: llama-4-maverick, when: 'facts.tokens < 8000'}
    objective: {first_token: 800ms, deadline: 30s, success: 99.9%}
    choose: {weights: {health: 3, latency: 2, cost: 1}}
    priority: interactive
keys:
  web-app: {secret: env:WEB_APP_KEY, workflows: [support-*], models: [gpt-5.2]}
"""

MINIMAL = """\
version: 1
open: true

providers:
  a: {vendor: vllm, models: [m]}
"""


def written(folder: Path, text: str, name: str = "poise.yaml") -> Path:
    """The text as a file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def examined(path: Path, environ: dict[str, str] | None = None) -> tuple[Findings, Resolved | None]:
    """Everything that is told of a file, and what it means as far as that can be said."""
    findings = Findings()
    loaded = load_into(path, environ or {}, findings)
    return findings, resolve_into(loaded, findings) if loaded is not None else None


def problems_of(folder: Path, text: str, environ: dict[str, str] | None = None) -> tuple[Problem, ...]:
    """The problems of a text."""
    return examined(written(folder, text), environ)[0].problems
