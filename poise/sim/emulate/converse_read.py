"""Requests of Bedrock's Converse and ConverseStream, checked as Bedrock checks them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from poise.sim.emulate.asked import Asked, Obj, Tool
from poise.sim.emulate.field import Place, Wrong, known, look, of_kind, one_of, schema_of
from poise.sim.emulate.reply import is_seal

FIELDS: Final = frozenset(
    {
        "messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig", "additionalModelRequestFields",
        "promptVariables", "additionalModelResponseFieldPaths", "requestMetadata", "performanceConfig", "serviceTier",
        "outputConfig",
    }
)  # fmt: skip
_BLOCKS: Final = (
    "text", "image", "document", "video", "audio", "toolUse", "toolResult", "guardContent", "cachePoint",
    "reasoningContent", "citationsContent", "searchResult",
)  # fmt: skip
_TYPES: Final = {"image": "image", "document": "application", "video": "video", "audio": "audio"}
_INFERENCE: Final = frozenset({"maxTokens", "temperature", "topP", "stopSequences"})


def read(body: Obj, *, model: str) -> Asked:
    """The question. Raises Wrong."""
    known(body, FIELDS)
    asked = Asked(model=model)
    config = look(body, "inferenceConfig", "object") or {}
    known(config, _INFERENCE, ("inferenceConfig",))
    asked.limit = look(config, "maxTokens", "integer", ("inferenceConfig",)) or 0
    for name in ("temperature", "topP"):
        value = look(config, name, "number", ("inferenceConfig",))
        if value is not None and not 0 <= value <= 1:
            raise Wrong(("inferenceConfig", name), "value", "0..1", value)
    stops = look(config, "stopSequences", "array", ("inferenceConfig",)) or ()
    asked.stops = [of_kind(one, "string", ("inferenceConfig", "stopSequences", at)) for at, one in enumerate(stops)]
    for at, one in enumerate(look(body, "system", "array") or ()):
        asked.said(_block(asked, one, ("system", at)))
    _tools(asked, body)
    _thinking(asked, body)
    _messages(asked, look(body, "messages", "array", need=True))
    _form(asked, body)
    return asked


def _messages(asked: Asked, messages: list[object]) -> None:
    """Turns by turns, the user first; what a call wants answered is answered by the next turn."""
    waiting: list[str] = []
    for at, one in enumerate(messages):
        here: Place = ("messages", at)
        message = of_kind(one, "object", here)
        known(message, frozenset({"role", "content"}), here)
        role = one_of(look(message, "role", "string", here, need=True), ("user", "assistant"), (*here, "role"))
        if role != ("user", "assistant")[at % 2]:
            text = "A conversation must alternate between user and assistant roles. Make sure it begins with a user message."
            raise Wrong(here, "other", text=text)
        blocks = look(message, "content", "array", here, need=True)
        if not blocks:
            raise Wrong((*here, "content"), "other", text="The content field in the Message object is empty.")
        if role == "assistant":
            asked.said(_joined(_block(asked, block, (*here, "content", n)) for n, block in enumerate(blocks)))
            waiting = [str(block["toolUse"].get("toolUseId")) for block in blocks if "toolUse" in block]
        else:
            _user(asked, blocks, (*here, "content"), waiting)
            waiting = []
    if waiting:
        raise Wrong(("messages",), "other", text="Expected toolResult blocks for the toolUse blocks of the last turn.")


def _user(asked: Asked, blocks: list[object], at: Place, waiting: list[str]) -> None:
    results: list[str] = []
    words: list[str] = []
    for number, block in enumerate(blocks):
        here = (*at, number)
        node = of_kind(block, "object", here)
        if "toolResult" not in node:
            words.append(_block(asked, node, here))
            continue
        result = look(node, "toolResult", "object", here)
        results.append(look(result, "toolUseId", "string", (*here, "toolResult"), need=True))
        inner = look(result, "content", "array", (*here, "toolResult"), need=True)
        asked.answered(_joined(_result(asked, one, (*here, "toolResult", "content", n)) for n, one in enumerate(inner)))
    if set(results) != set(waiting):
        text = "The number of toolResult blocks exceeds the number of toolUse blocks of previous turn, or ids do not match."
        raise Wrong(at, "other", text=text)
    if words:
        result_said, called = (asked.result, asked.called) if results else (None, [])
        asked.turns += not results
        asked.said(_joined(words), by_user=True)
        asked.result, asked.called = result_said, called


def _joined(words: Iterable[str]) -> str:
    """Media have none."""
    return " ".join(word for word in words if word)


def _result(asked: Asked, value: object, at: Place) -> str:
    node = of_kind(value, "object", at)
    return msgspec.json.encode(node["json"]).decode() if "json" in node else _block(asked, node, at)


def _block(asked: Asked, value: object, at: Place) -> str:
    """A block's words; one and only one field says what it is."""
    node = of_kind(value, "object", at)
    if len(node) != 1:
        raise Wrong(at, "other", text=f"ContentBlock must set exactly one of the following keys: {', '.join(_BLOCKS)}.")
    kind = one_of(next(iter(node)), _BLOCKS, at)
    if kind == "text":
        text: str = look(node, "text", "string", at)
        if not text.strip():
            raise Wrong(at, "other", text="The text field in the ContentBlock object is blank. Add text and try again.")
        return text
    inner = look(node, kind, "object", at)
    if kind in _TYPES:
        form = look(inner, "format", "string", (*at, kind), need=True)
        source = look(inner, "source", "object", (*at, kind), need=True)
        look(source, "bytes", "string", (*at, kind, "source"), need="s3Location" not in source)
        asked.shown(f"{_TYPES[kind]}/{form}")
    elif kind == "toolUse":
        look(inner, "toolUseId", "string", (*at, kind), need=True)
        look(inner, "input", "object", (*at, kind), need=True)
        asked.called.append(look(inner, "name", "string", (*at, kind), need=True))
    elif kind == "reasoningContent" and "reasoningText" in inner:
        thought = look(inner, "reasoningText", "object", (*at, kind))
        if not is_seal(str(thought.get("signature")), str(thought.get("text"))):
            raise Wrong(
                at, "other", text="The model returned the following errors: Invalid `signature` in `thinking` block"
            )
    return ""


def _tools(asked: Asked, body: Obj) -> None:
    config = look(body, "toolConfig", "object")
    if config is None:
        return
    at: Place = ("toolConfig",)
    tools = look(config, "tools", "array", at, need=True)
    if not tools:
        raise Wrong((*at, "tools"), "other", text="toolConfig.tools must have length greater than or equal to 1")
    for number, one in enumerate(tools):
        here = (*at, "tools", number)
        spec = look(of_kind(one, "object", here), "toolSpec", "object", here, need=True)
        name = look(spec, "name", "string", here, need=True)
        schema = look(look(spec, "inputSchema", "object", here, need=True), "json", "object", here, need=True)
        asked.tools.append(Tool(name, schema_of(schema, (*here, "inputSchema", "json"))))
    choice = look(config, "toolChoice", "object", at)
    if choice is None:
        return
    kind = one_of(next(iter(choice), None), ("auto", "any", "tool"), (*at, "toolChoice"))
    asked.choice = "auto" if kind == "auto" else "any"
    if kind == "tool":
        asked.wanted = [look(choice["tool"], "name", "string", (*at, "toolChoice", "tool"), need=True)]


def _thinking(asked: Asked, body: Obj) -> None:
    more = look(body, "additionalModelRequestFields", "object") or {}
    thinking = more.get("thinking")
    asked.thinks = isinstance(thinking, dict) and thinking.get("type") in {"enabled", "adaptive"}


def _form(asked: Asked, body: Obj) -> None:
    config = look(body, "outputConfig", "object") or {}
    form = look(config, "textFormat", "object", ("outputConfig",))
    if form is None:
        return
    at: Place = ("outputConfig", "textFormat")
    one_of(form.get("type"), ("json_schema",), (*at, "type"))
    inner = look(look(form, "structure", "object", at, need=True), "jsonSchema", "object", at, need=True)
    text = look(inner, "schema", "string", at, need=True)  # as text, unlike everywhere else
    asked.schema = schema_of(msgspec.json.decode(text), (*at, "schema"))


def words_of(wrong: Wrong) -> str:
    """What Bedrock says of a wrong field."""
    place = "".join(f"/{step}" for step in wrong.at)
    if wrong.fault == "missing":
        return f"1 validation error detected: Value at '{place}' failed to satisfy constraint: Member must not be null"
    if wrong.fault == "unknown":
        return f"Malformed input request: #{place}: extraneous key is not permitted, please reformat your input and try again."
    if wrong.fault in {"type", "value"}:
        return f"Malformed input request: #{place}: {str(wrong.got)[:80]} is not {wrong.want}"
    return wrong.text
