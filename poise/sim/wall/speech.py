"""What is said, before any dialect: the request as far as it matters, the answer made of it, and how its counts are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from poise.sim.dice import dice_for

Obj = dict[str, Any]
MAX_TOKENS: Final = 100_000
_TEXT_KEYS: Final = ("content", "text", "input", "instructions", "system", "parts", "messages", "contents",
                     "systemInstruction")  # fmt: skip
# Some words have characters of two, three and four bytes: a cut inside one must not go unseen.
_SENTENCE: Final = (
    "calm steady gateway model answer region measured über naïve 日本語 clear each choice record 🙂 explained before "
    "another begins with time to spare for careful people"
)
_WORDS: Final = _SENTENCE.split()


class Asked(msgspec.Struct):
    """A request: the dialect and whether it wants a stream; texts are the words of its prompt; array: Gemini's stream as one
    JSON array. restart counts how often the same prompt was asked before; now_s is wall time.
    """

    dialect: str
    stream: bool
    model: str
    texts: list[str]
    body: Obj
    id: str = ""
    seed: int = 0
    restart: int = 0
    now_s: int = 0
    array: bool = False


class Answer(msgspec.Struct):
    """pieces are tokens, one each; they are words, or the JSON of a tool call's arguments where tool names one."""

    pieces: list[str]
    prompt_tokens: int
    model: str
    id: str
    now_s: int
    finish: str = "stop"
    tool: str = ""

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


class Event(NamedTuple):
    """One event of a stream. part: ``open``, ``token``, ``finish``, ``usage`` or ``done``; name is SSE's event field."""

    data: bytes
    part: str
    name: str = ""


Usage = tuple[int, int, int] | None  # input, output, total; None where it is not told


class Speech(NamedTuple):
    """One dialect, spoken. error takes status, reason and text."""

    events: Callable[[Answer, Usage], list[Event]]
    whole: Callable[[Answer, Usage], Obj]
    error: Callable[[int, str, str], Obj]
    error_event: Callable[[int, str, str], Event]


def texts_of(node: Any, key: str = "messages", depth: int = 0) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Every text of a prompt, in order, in any of the dialects."""
    if depth > 12:
        return
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for one in node:
            yield from texts_of(one, key, depth + 1)
    elif isinstance(node, dict):
        for name in _TEXT_KEYS:
            if name in node:
                yield from texts_of(node[name], name, depth + 1)


def prompt_tokens(texts: list[str]) -> int:
    """Words of the prompt: what this vendor counts as tokens."""
    return sum(len(text.split()) for text in texts)


def answer_to(asked: Asked, *, tokens: int, model: str, finish: str, tool: str, vary: bool) -> Answer:
    """The answer: words derived from seed and prompt alone, so that a restart says the same, unless vary is set."""
    again = b"%d" % asked.restart if vary else b""
    dice = dice_for(asked.seed, *[text.encode("utf-8", "surrogatepass") for text in asked.texts], again)
    usual = 12 + dice.below(12)  # thrown in any case, so that a longer answer begins as a shorter one does
    count = min(tokens or usual, MAX_TOKENS)
    most = _most(asked.body)
    ended = finish or "stop"
    if 0 < most < count:
        count, ended = most, finish or "length"
    pieces = [("" if at == 0 else " ") + dice.one_of(_WORDS) for at in range(count)]
    if tool:
        raw = msgspec.json.encode({"answer": "".join(pieces)}).decode()
        raw = raw[: -len(raw) // 3] if tool == "broken" else raw
        pieces = [raw[at : at + 8] for at in range(0, len(raw), 8)]
        ended = finish or "tool"
    name = model or asked.model
    called = _tool_name(asked.body) if tool else ""
    return Answer(pieces, prompt_tokens(asked.texts), name, asked.id, asked.now_s, ended, called)


def usage_of(answer: Answer, how: str) -> Usage:
    """The counts as they are told: the truth, or one of the lies."""
    put, made = answer.prompt_tokens, len(answer.pieces)
    lies: dict[str, Usage] = {
        "none": None,
        "zero": (0, 0, 0),
        "negative": (-put, -made, -put - made),
        "contradict": (put, 4 * made, put),
    }
    return lies.get(how, (put, made, put + made))


def encode(value: object) -> bytes:
    """JSON as vendors send it: UTF-8, no blanks."""
    return msgspec.json.encode(value)


def _most(body: Obj) -> int:
    """The caller's own bound on the answer, 0 where there is none."""
    config = body.get("generationConfig")
    inner = config.get("maxOutputTokens") if isinstance(config, dict) else None
    for value in (body.get("max_completion_tokens"), body.get("max_tokens"), body.get("max_output_tokens"), inner):
        if isinstance(value, int) and value > 0:
            return value
    return 0


def _tool_name(body: Obj) -> str:
    """The first tool that the caller offers, in whichever shape."""
    tools = body.get("tools")
    first = tools[0] if isinstance(tools, list) and tools and isinstance(tools[0], dict) else {}
    declared = first.get("functionDeclarations")
    inner = declared[0] if isinstance(declared, list) and declared else first.get("function", first)
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else "answer"
