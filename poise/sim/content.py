"""What a simulated model says: derived from a seed and the request alone, so that equal questions get equal answers.

A token is a word here: usage is exact by this count, which tests can repeat.
"""

from __future__ import annotations

import base64
import struct
from typing import Any

import msgspec

from poise.sim.dice import Dice, dice_for

EMBEDDING_SIZE = 8
MAX_DEPTH = 8
_MOST_REFERENCES = 64  # one after the other
_SENTENCE = (
    "the gateway asks a model and model answers while every region keeps its calm under load so each choice is "
    "measured weighed recorded and explained before another one begins with time to spare for careful people"
)
_WORDS = _SENTENCE.split()


class Reply(msgspec.Struct):
    """What is said: pieces of text (one token each), or a tool call whose arguments come in pieces."""

    pieces: list[str]
    tool: str = ""
    finish: str = "stop"

    @property
    def text(self) -> str:
        """All pieces joined."""
        return "".join(self.pieces)


def reply_to(body: dict[str, Any], seed: int, tokens: int = 0) -> Reply:
    """The answer to a chat body: a tool call where tools are offered and none has answered yet, JSON where a schema
    or JSON is asked for, words otherwise. tokens fixes the number of words, 0 leaves it to the prompt.
    """
    dice = dice_for(seed, msgspec.json.encode(body.get("messages"), order="sorted"))
    reply = _structured(body, dice) or Reply(_words(dice, tokens or 12 + dice.below(12)))
    most = body.get("max_completion_tokens") or body.get("max_tokens") or 0
    if 0 < most < len(reply.pieces):
        reply.pieces, reply.finish = reply.pieces[:most], "length"
    return reply


def prompt_tokens(body: dict[str, Any]) -> int:
    """Words in the messages' texts, or in an embedding's inputs (a list of token numbers counts its numbers)."""
    if "input" in body:
        return sum(len(one) if isinstance(one, list) else len(str(one).split()) for one in inputs_of(body))
    words = 0
    for message in body.get("messages") or ():
        content = message.get("content") or ""
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        words += sum(len(str(part.get("text", "")).split()) for part in parts)
    return words


def inputs_of(body: dict[str, Any]) -> list[Any]:
    """An embedding body's inputs, one entry each."""
    given = body.get("input")
    if isinstance(given, list) and given and not isinstance(given[0], int):
        return given
    return [given]


def embedding(one: object, seed: int, size: int) -> list[float]:
    """A vector that float32 holds exactly: size numbers in [-1, 1)."""
    dice = dice_for(seed, msgspec.json.encode(one))
    return [(dice.below(1 << 16) - (1 << 15)) / (1 << 15) for _ in range(size)]


def packed(vector: list[float]) -> str:
    """A vector as base64 of little-endian float32, as OpenAI sends it."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def example(schema: dict[str, Any], dice: Dice, root: dict[str, Any] | None = None, depth: int = 0) -> Any:  # noqa: ANN401 - any JSON value
    """A value that a JSON Schema admits: the keywords of OpenAI's structured outputs, each property filled."""
    root = schema if root is None else root
    if "$ref" in schema:
        if depth > _MOST_REFERENCES:
            return None  # a type that is nothing but itself has no value
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        return example(root.get("$defs", {}).get(name, {}), dice, root, depth + 1)
    for keyword in ("const", "enum", "anyOf", "oneOf", "allOf"):
        if keyword not in schema:
            continue
        if keyword == "const":
            return schema[keyword]
        # At the bound the last branch is taken: by custom it is null, or the leaf of a recursive type.
        one = schema[keyword][-1] if depth > MAX_DEPTH else dice.one_of(schema[keyword])
        return one if keyword == "enum" else example(one, dice, root, depth + 1)
    return _typed(schema, dice, root, depth)


def _typed(schema: dict[str, Any], dice: Dice, root: dict[str, Any], depth: int) -> Any:  # noqa: ANN401 - any JSON value
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        return {name: example(of, dice, root, depth + 1) for name, of in schema.get("properties", {}).items()}
    if kind == "array":
        count = 0 if depth > MAX_DEPTH else max(2, schema.get("minItems", 0))
        return [example(schema.get("items", {}), dice, root, depth + 1) for _ in range(count)]
    low = int(schema.get("minimum", 0))
    plain = {"integer": low + dice.below(10), "number": low + dice.below(10) / 4, "boolean": bool(dice.below(2))}
    return None if kind == "null" else plain.get(kind, dice.one_of(_WORDS))


def _structured(body: dict[str, Any], dice: Dice) -> Reply | None:
    tools = body.get("tools")
    messages = body.get("messages") or [{}]
    choice = body.get("tool_choice")
    if tools and choice != "none" and messages[-1].get("role") != "tool":
        wanted = choice["function"]["name"] if isinstance(choice, dict) else tools[0]["function"]["name"]
        tool = next((tool for tool in tools if tool["function"]["name"] == wanted), tools[0])["function"]
        arguments = example(tool.get("parameters") or {}, dice)
        return Reply(_pieces(arguments), tool=tool["name"], finish="tool_calls")
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        return Reply(_pieces(example(form["json_schema"].get("schema") or {}, dice)))
    if form.get("type") == "json_object":
        return Reply(_pieces({"answer": dice.one_of(_WORDS)}))
    return None


def _pieces(value: object) -> list[str]:
    text = msgspec.json.encode(value).decode()
    return [text[at : at + 6] for at in range(0, len(text), 6)]


def _words(dice: Dice, count: int) -> list[str]:
    return [("" if at == 0 else " ") + dice.one_of(_WORDS) for at in range(count)]
