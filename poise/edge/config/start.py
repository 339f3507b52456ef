"""A first poise.yaml: for the keys that are in the environment, or for simulated upstreams on this machine."""

from __future__ import annotations

from collections.abc import Mapping as Environ
from urllib.parse import urlsplit

from poise.edge.catalog import catalog
from poise.edge.config import not_yet
from poise.edge.vendors import VENDORS

DEMO_URLS = {"us": "http://127.0.0.1:8711/v1", "eu": "http://127.0.0.1:8712/v1"}

# What to begin with at each vendor, by the names it documents; the catalogue translates where it knows of another id.
_FIRST_MODELS: dict[str, tuple[str, ...]] = {
    "openai": ("gpt-5.2", "gpt-5-mini", "text-embedding-3-small"),
    "anthropic": ("claude-haiku-4-5",),
    "gemini": ("gemini-2.5-flash",),
    "deepseek": ("deepseek-chat",),
    "xai": ("grok-4.1",),
    "groq": ("llama-3.3-70b", "gpt-oss-120b"),
    "mistral": ("mistral-large-latest", "mistral-small-latest"),
    "together": ("llama-3.3-70b",),
    "fireworks": ("gpt-oss-120b",),
    "openrouter": ("gpt-5.2", "llama-3.3-70b"),
    "cerebras": ("gpt-oss-120b",),
    "perplexity": ("sonar",),
    "qwen": ("qwen3-max",),
    "zai": ("glm-4.6",),
}

_HEAD = """\
# What Poise serves, and by which rules. `poise check` tells everything that is wrong with this file,
# `poise check --print` shows every setting with its default and where it came from.
version: 1
listen: ${POISE_LISTEN:-127.0.0.1:8700} # the data port: point an OpenAI client's base_url at http://127.0.0.1:8700/v1
admin: 127.0.0.1:8701 # /metrics, /healthz, /readyz, the admin API
data: .poise # the folder of the store, beside this file
"""

_TAIL = """
# Who may call. While this is true nobody needs a key, and only this machine can connect.
open: true
# keys: # instead of open: true
#   my-app: {secret: env:MY_APP_KEY, workflows: [chat]}
"""


def vendors_found(environ: Environ[str, str]) -> tuple[list[str], list[str]]:
    """Vendors whose key is in the environment: those that can be used, and those that cannot yet."""
    found = [name for name, vendor in VENDORS.items() if vendor.variable and environ.get(vendor.variable)]
    waiting = [name for name in found if not_yet.row_for(("providers", name, "vendor"), name)]
    return [name for name in found if name not in waiting and name in _FIRST_MODELS], waiting


def first_file(environ: Environ[str, str]) -> str:
    """A commented poise.yaml for the keys that are there. Needs at least one vendor of ``vendors_found``."""
    usable, waiting = vendors_found(environ)
    blocks = [_HEAD, "providers: # accounts you rent from and servers you run"]
    for vendor in usable:
        models = ", ".join(_FIRST_MODELS[vendor])
        blocks.append(
            f"  {vendor}:\n    vendor: {vendor}\n    key: env:{VENDORS[vendor].variable}\n    models: [{models}]"
        )
    blocks += [
        f"  # {vendor}: {VENDORS[vendor].variable} is set, but this version does not speak to it yet"
        for vendor in waiting
    ]
    blocks.append(
        "  # my-gpu: # any server that speaks OpenAI's format: vLLM, SGLang, llama.cpp, Ollama, LM Studio\n"
        "  #   vendor: openai-compatible\n"
        "  #   url: http://10.0.0.7:8000/v1\n"
        "  #   models: [{name: llama-4-maverick, id: meta-llama/Llama-4-Maverick-17B, tools: true}]"
    )
    blocks.append(_workflow([model for vendor in usable for model in _FIRST_MODELS[vendor]]))
    return "\n".join(blocks) + _TAIL


def demo_file(urls: Environ[str, str] | None = None) -> str:
    """A commented poise.yaml for simulated upstreams; urls maps a region to where its upstream listens."""
    where = urls or DEMO_URLS
    blocks = [_HEAD, "# Start each of these in a terminal of its own, from the same environment as poise:"]
    blocks += [f"#   {command}" for command in demo_commands(where)]
    blocks.append("providers: # SIMULATED upstreams on this machine: they invent their answers, and cost nothing")
    for region, url in where.items():
        model = "{name: sim-chat, context_tokens: 8192, tools: true, embeddings: false, price: {input: 1, output: 4}}"
        lines = ("vendor: openai-compatible", f"region: {region}", f"url: {url}", f"models: [{model}]")
        blocks.append(f"  sim-{region}:\n" + "\n".join(f"    {line}" for line in lines))
    blocks.append(_workflow(["sim-chat"]))
    return "\n".join(blocks) + _TAIL


def demo_commands(urls: Environ[str, str] | None = None) -> list[str]:
    """What starts the simulated upstreams of ``demo_file``, one command each; nothing else starts them."""
    return [
        f"python -m poise.sim.region --name {region} --port {urlsplit(url).port}"
        for region, url in (urls or DEMO_URLS).items()
    ]


def _workflow(models: list[str]) -> str:
    known = catalog()
    chat = [m for m in dict.fromkeys(models) if not (m in known and known[m].model.embeddings)]
    listed = "\n".join(f"      - {model}" for model in chat)
    return f"""
workflows: # a client names one as its `model`
  chat:
    candidates: # each at every provider above that has it
{listed}
    objective: {{first_token: 2s, deadline: 60s}} # the deadline is the budget of time of a request, retries included
    choose: {{weights: {{health: 3, latency: 2, load: 1, cost: 1}}}} # or `order`: as listed
    recover: {{attempts: 3}} # before the first token another candidate takes over, unseen
"""
