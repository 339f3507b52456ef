"""The answer to a question: chosen by the question alone, so that every dialect's emulator gives the same one."""

from __future__ import annotations

import base64
import re
from collections import Counter
from hashlib import blake2b
from typing import Final

import msgspec

from poise.sim.content import example
from poise.sim.dice import Dice, dice_for
from poise.sim.emulate.asked import Asked, Call, Obj, Reply, Tool
from poise.sim.emulate.scenario import Scenario

REFUSAL: Final = "I am sorry, but I cannot help with that."
MAX_ECHO: Final = 400
_PIECE: Final = re.compile(r"\s*\S+(?:\s+\Z)?")
_ASKS_CALL: Final = re.compile(r"\b(?:call|tools?|use)\b", re.IGNORECASE)
_SEALED: Final = b"emulated:"


def reply_to(asked: Asked, scenario: Scenario) -> Reply:
    """The answer; equal questions get equal ones."""
    question = [asked.last, asked.result or "", asked.turns, [tool.name for tool in asked.tools]]
    dice = dice_for(0, msgspec.json.encode(question))
    reply = Reply(mark=_mark(dice), prompt=asked.words, cached=asked.words // 2 if scenario.name == "cached" else 0)
    if asked.thinks or scenario.name == "reasoning":
        reply.thought = pieces(f"The caller wrote {len(asked.last.split())} words, and I shall answer them.")
    if scenario.name == "refusal":
        reply.pieces, reply.refused, reply.ending = pieces(REFUSAL), True, "refusal"
        return reply
    if scenario.name == "filter":
        reply.ending = "filter"
        return reply
    reply.calls = [Call(_mark(dice), tool.name, _arguments(tool, dice)) for tool in _called(asked, scenario)]
    if reply.calls:
        reply.ending = "tools"
        reply.pieces = pieces("Let me look that up.") if scenario.name == "tools" else []
        return reply
    reply.pieces = pieces(_text(asked, dice))
    _shorten(asked, scenario, reply)
    return reply


def pieces(text: str) -> list[str]:
    """Text cut before each word."""
    return _PIECE.findall(text)


def seal(text: str) -> str:
    """A signature of text, base64, as vendors give one with a thought."""
    return base64.b64encode(_SEALED + blake2b(text.encode(errors="replace"), digest_size=32).digest()).decode()


def is_seal(signature: str, text: str) -> bool:
    """Whether the signature is the one that was given with this text."""
    return signature == seal(text)


def _mark(dice: Dice) -> str:
    return f"{dice.bits64():016x}"


def _called(asked: Asked, scenario: Scenario) -> list[Tool]:
    """The tools to call. One that has answered is not called again, unless it is the only one and must be."""
    tools = [tool for tool in asked.tools if not asked.wanted or tool.name in asked.wanted]
    if not tools or asked.choice == "none":
        return []
    fresh = [tool for tool in tools if tool.name not in asked.called]
    if scenario.name == "tools":
        return fresh[: 2 if asked.parallel else 1]
    if scenario.name == "tool":
        return fresh[:1]
    named = [tool for tool in fresh if re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", asked.last)]
    if asked.choice == "any":
        return (named or fresh or tools)[:1]
    if asked.result is not None:
        return []
    if not named and _ASKS_CALL.search(asked.last):
        named = fresh[:1]
    return named if asked.parallel else named[:1]


def _arguments(tool: Tool, dice: Dice) -> Obj:
    made = example(tool.schema, dice)
    return made if isinstance(made, dict) else {}


def _text(asked: Asked, dice: Dice) -> str:
    if asked.schema is not None:
        return msgspec.json.encode(example(asked.schema, dice)).decode()
    if asked.json:
        return msgspec.json.encode({"answer": asked.last[:MAX_ECHO]}).decode()
    said = f"You said: {asked.last[:MAX_ECHO]}"
    if asked.result is not None:
        said = f"The tool said: {asked.result[:MAX_ECHO]}"
    return said + _seen(asked.media)


def _seen(media: list[str]) -> str:
    """`` I see 2 images: image/png, image/jpeg.``"""
    counts = Counter("image" if one.startswith("image/") else "file" for one in media)
    found = ""
    for kind, count in counts.items():
        types = ", ".join(one for one in media if one.startswith("image/") == (kind == "image"))
        found += f" I see {count} {kind}{'s' if count > 1 else ''}: {types}."
    return found


def _shorten(asked: Asked, scenario: Scenario, reply: Reply) -> None:
    """Stop strings, the output limit, and the scenario that stands for it."""
    text = reply.text
    found = [(text.find(stop), stop) for stop in asked.stops if stop and stop in text]
    if found:
        at, reply.stopped_by = min(found)
        reply.pieces, reply.ending = pieces(text[:at]), "stop_sequence"
    most = max(1, len(reply.pieces) // 2) if scenario.name == "length" else asked.limit
    if 0 < most < len(reply.pieces):
        reply.pieces, reply.ending, reply.stopped_by = reply.pieces[:most], "length", ""
