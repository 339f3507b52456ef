"""A chat completions request, read into an Ask."""

from __future__ import annotations

from typing import Final, cast

import msgspec

from poise.errors import Error
from poise.wire.conversation.ask import Ask, HostedTool, Pin, ToolChoice
from poise.wire.conversation.part import Json, Media, Message, Reasoning, Role, Text, ToolResult
from poise.wire.openai import ask_write, message, tools
from poise.wire.openai.fields import Obj, bad, left, spelling, text_of
from poise.wire.openai.thinking import read_thinking

NAME: Final = "openai"
_ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
# Fields that ask nothing of a model.
_FORMAL: Final = frozenset(
    {
        "stream_options",  # whether usage is streamed: the gateway's business
        "usage",  # OpenRouter: the same
        "reasoning_format",  # how a vendor writes thoughts down
        "include_reasoning",  # the same
    }
)
_MEANS_NO: Final = frozenset({"store"})  # elsewhere false is what holds anyway; here it asks for something
_LIMITS: Final = ("max_completion_tokens", "max_tokens")
_decode: Final = msgspec.json.Decoder().decode


def read(body: bytes, *, model: str = "", stream: bool = False) -> Ask:
    """Decode a body. Raises Error (invalid_json, invalid_field) naming the field."""
    raw = _object(body)
    said = raw.get("messages")
    if type(said) is not list:
        raise bad("messages", said, "a list of messages")
    messages = [_read_message(one, f"messages[{n}]") for n, one in enumerate(said)]
    ask = Ask(spoken=NAME, messages=messages, model=text_of(raw.get("model")) or model)
    ask.stream = raw.get("stream") is True or stream
    if raw.get("stream") is False:
        ask.rest |= spelling("stream")
    _read_limits(raw, ask)
    _read_tools(raw, ask)
    ask.output = tools.read_output(raw.get("response_format"))
    ask.thinking = read_thinking(raw)
    ask.user = text_of(raw.get("user"))
    ask.pins = _pins(messages)
    given = ask_write.options(ask)
    said_more = {key: value for key, value in raw.items() if key != "messages"}
    ask.rest |= left(said_more, given, *ask_write.INNER, formal=_FORMAL | _falses(raw))
    return ask


def _object(body: bytes) -> Obj:
    try:
        raw = _decode(body)
    except RecursionError as deep:
        raise Error("invalid_json", "the body is nested too deep", hint="keep JSON under about 1000 levels") from deep
    except (msgspec.DecodeError, UnicodeDecodeError) as broken:
        raise Error("invalid_json", f"the body is not JSON: {broken}", hint="send one JSON object") from broken
    if type(raw) is not dict:
        raise Error("invalid_json", "the body is JSON, but no object", hint="send one JSON object")
    return cast("Obj", raw)


def _read_message(raw: Json, where: str) -> Message:
    if type(raw) is not dict:
        raise bad(where, raw, 'a message: {"role": ..., "content": ...}')
    said = raw.get("role")
    role = _ROLES.get(said) if type(said) is str else None
    if role is None:
        raise bad(f"{where}.role", said, f"one of {', '.join(_ROLES)}")
    if len(raw) == 2 and said != "function" and role != "tool":
        content = raw.get("content")
        if type(content) is str and content:  # most messages: nothing can be left over
            return Message(role=role, parts=[Text(text=content)], form="text")
    read_as = _read_assistant if role == "assistant" else _read_result if role == "tool" else _read_turn
    value = read_as(raw, role, where)
    value.rest |= left(raw, ask_write.say_message(value), formal=_falses(raw))
    return value


def _read_turn(raw: Obj, role: Role, where: str) -> Message:
    parts, form = message.read_content(raw, where)
    return Message(role=role, parts=parts, form=form, name=text_of(raw.get("name")))


def _read_assistant(raw: Obj, role: Role, where: str) -> Message:
    parts, form, marks = message.read_said(raw, where)
    return Message(role=role, parts=parts, form=form, name=text_of(raw.get("name")), rest=marks)


def _read_result(raw: Obj, role: Role, where: str) -> Message:
    parts, form = message.read_content(raw, where)
    result = ToolResult(parts=parts, call_id=text_of(raw.get("tool_call_id")), name=text_of(raw.get("name")))
    rest = spelling("function") if raw.get("role") == "function" else {}
    return Message(role=role, parts=[result], form=form, rest=rest)


def _read_limits(raw: Obj, ask: Ask) -> None:
    for name in _LIMITS:
        if (limit := _whole(raw.get(name))) is not None:
            ask.max_output = limit
            ask.rest |= spelling(name)
            break
    ask.temperature, ask.top_p = _number(raw.get("temperature")), _number(raw.get("top_p"))
    ask.presence_penalty = _number(raw.get("presence_penalty"))
    ask.frequency_penalty = _number(raw.get("frequency_penalty"))
    ask.top_k, ask.count = _whole(raw.get("top_k")), _whole(raw.get("n"))
    ask.seed = _whole(raw.get("seed"))
    if ask.seed is None and (seed := _whole(raw.get("random_seed"))) is not None:  # Mistral's name
        ask.seed = seed
        ask.rest |= spelling("random_seed")
    stop = raw.get("stop")
    if type(stop) is str:
        ask.stop = [stop]
        ask.rest |= spelling("stop")
    elif type(stop) is list and all(type(one) is str for one in stop):
        ask.stop = cast("list[str]", stop)


def _read_tools(raw: Obj, ask: Ask) -> None:
    said = raw.get("tools")
    if said is not None:
        ask.tools = tools.read_tools(said, "tools")
        ask.tool_choice = tools.read_choice(raw.get("tool_choice"))
    elif (older := tools.read_functions(raw.get("functions"))) is not None:
        ask.tools = older
        ask.rest |= spelling("functions")
        call = raw.get("function_call")
        if call in ("auto", "none"):
            ask.tool_choice = tools.read_choice(call)
        elif type(call) is dict and type(call.get("name")) is str:
            ask.tool_choice = ToolChoice(mode="one", names=[text_of(call.get("name"))])
    else:
        ask.tool_choice = tools.read_choice(raw.get("tool_choice"))
    if type(search := raw.get("web_search_options")) is dict:  # asks for a tool, even where it is empty
        ask.tools = [*ask.tools, HostedTool(what=tools.SEARCH, value=search)]
    parallel = raw.get("parallel_tool_calls")
    ask.parallel_tools = parallel if type(parallel) is bool else None


def _falses(raw: Obj) -> frozenset[str]:
    """Fields that say no to what nobody would do unasked."""
    return frozenset([name for name, value in raw.items() if value is False and name not in _MEANS_NO])


def _whole(value: Json) -> int | None:
    return value if type(value) is int else None


def _number(value: Json) -> float | None:
    return value if type(value) is int or type(value) is float else None


def _pins(messages: list[Message]) -> list[Pin]:
    """What of the messages lives at the provider that made it: ids of files and sounds, sealed thought."""
    pins: list[Pin] = []
    for one in messages:
        for part in one.parts:
            if isinstance(part, Media) and part.file_id:
                pins.append(Pin(what="audio" if part.kind == "audio" else "file_id", value=part.file_id))
            elif isinstance(part, Reasoning) and (part.sealed or part.signature):
                pins.append(Pin(what="reasoning_details", value=part.id or part.sealed or part.signature))
    return pins
