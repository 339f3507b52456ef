"""A request's body read into an Ask."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.errors import Error
from poise.wire.conversation.ask import Ask, Pin
from poise.wire.conversation.part import FORMAL, Json, Kept, Media, Message, Reasoning, Rest, Text
from poise.wire.responses.items_read import read_messages
from poise.wire.responses.shell import MADE, NAME, Object, Unreadable, decode, list_at, object_at
from poise.wire.responses.tools import read_choice, read_form, read_thinking, read_tool

INPUT: Final = "input"  # the form of a message that is the whole input, as a bare string
INSTRUCTIONS: Final = "instructions"  # the form of a message that stands in that field
_ELSEWHERE: Final = ("previous_response_id", "conversation", "prompt")  # these may hold what is asked
_ITEMS: Final = frozenset({"item_reference", "compaction"})  # kept items that name something at the provider
# Fields that change nothing of what the model is asked: where the provider stores, caches, files and frames the call.
_FORMAL: Final = frozenset(
    {
        "store",  # whether the provider keeps it, for others who do not keep at all
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "stream_options",  # padding against listeners
    }
)
# The same where the value is what holds anyway.
_USUAL: Final[dict[str, tuple[Json, ...]]] = {
    "truncation": ("disabled",),
    "service_tier": ("auto", "default"),
}
_SEALS: Final[Json] = ["reasoning.encrypted_content"]


def read_ask(body: bytes, *, model: str = "", stream: bool = False) -> Ask:
    """Decode a request. Raises Error: invalid_json, invalid_field."""
    try:
        said = decode(body)
    except UnicodeDecodeError as bad:
        raise Error("invalid_json", f"the body is not UTF-8 at byte {bad.start}", hint="send UTF-8") from bad
    except RecursionError as bad:
        raise Error("invalid_json", "the body is nested too deep", hint="keep JSON under about 1000 levels") from bad
    except msgspec.DecodeError as bad:
        raise Error("invalid_json", f"the body is not JSON: {bad}", hint="send one JSON object") from bad
    if not isinstance(said, dict):
        raise Error("invalid_json", "the body is not a JSON object", hint="send one JSON object")
    try:
        return _read(said, model, stream=stream)
    except Unreadable as bad:
        raise Error("invalid_field", str(bad), hint=bad.hint) from bad


def _read(body: Object, model: str, *, stream: bool) -> Ask:
    rest = dict(body)
    formal: Object = {}
    fields: Object = {name: rest.pop(name) for name in _FORMAL if name in rest}
    fields |= {name: rest.pop(name) for name, usual in _USUAL.items() if rest.get(name) in usual}
    if rest.get("include") in (_SEALS, []):
        fields["include"] = rest.pop("include")
    ask = Ask(spoken=NAME, model=model, messages=_messages(rest, formal), stream=stream, rest=rest)
    if isinstance(name := rest.get("model"), str):
        ask.model = name
        del rest["model"]
    elif not model and rest.get("prompt") is None:  # a stored prompt may name the model
        raise Unreadable("model", name, 'send {"model": "<workflow or model>", ...}')
    _read_numbers(ask, rest)
    _read_flags(ask, rest, fields)
    _read_settings(ask, rest)
    if rest.get("background") is False:
        fields["background"] = rest.pop("background")
    formal["fields"] = fields
    rest[FORMAL] = formal
    ask.pins = _pins(rest, ask.messages)
    return ask


def _messages(rest: Rest, formal: Object) -> list[Message]:
    out: list[Message] = []
    said = rest.get("instructions")
    if isinstance(said, str) and said:
        out.append(Message(role="system", parts=[Text(text=said)], form=INSTRUCTIONS))
        del rest["instructions"]
    elif said is not None and not isinstance(said, str | list):
        raise Unreadable("instructions", said, "send a string")
    given = rest.pop("input", None)
    if isinstance(given, str):
        out.append(Message(role="user", parts=[Text(text=given)], form=INPUT))
    elif given is not None:
        out += read_messages(list_at(given, "input"), "input")
    elif any(rest.get(name) is not None for name in _ELSEWHERE):
        formal["bare"] = True
    else:
        raise Unreadable("input", None, "send a string or a list of items")
    return out


def _read_numbers(ask: Ask, rest: Rest) -> None:
    most = rest.get("max_output_tokens")
    if isinstance(most, int) and not isinstance(most, bool):
        ask.max_output = most
        del rest["max_output_tokens"]
    elif most is not None:
        raise Unreadable("max_output_tokens", most, "send a whole number")
    ask.temperature = _number(rest, "temperature")
    ask.top_p = _number(rest, "top_p")


def _number(rest: Rest, name: str) -> float | None:
    value = rest.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Unreadable(name, value, "send a number")
    del rest[name]
    return value


def _read_flags(ask: Ask, rest: Rest, fields: Object) -> None:
    for name in ("stream", "parallel_tool_calls"):
        value = rest.get(name)
        if value is None:
            continue
        if not isinstance(value, bool):
            raise Unreadable(name, value, "send true or false")
        del rest[name]
        if name == "parallel_tool_calls":
            ask.parallel_tools = value
        elif value:
            ask.stream = True
        else:
            fields[name] = value
    user = rest.get("user")
    if isinstance(user, str) and user:
        ask.user = user
        del rest["user"]
    elif user is not None and user != "":
        raise Unreadable("user", user, "send a string")


def _read_settings(ask: Ask, rest: Rest) -> None:
    if rest.get("tools") not in (None, []):
        given = list_at(rest.pop("tools"), "tools")
        ask.tools = [read_tool(tool, f"tools[{number}]") for number, tool in enumerate(given)]
    if (choice := rest.get("tool_choice")) is not None:
        ask.tool_choice = read_choice(choice)
        del rest["tool_choice"]
    if (thinking := rest.get("reasoning")) is not None:
        ask.thinking = read_thinking(object_at(thinking, "reasoning"))
        del rest["reasoning"]
    text = rest.get("text")
    if text is None:
        return
    left = dict(object_at(text, "text"))
    if left.get("format") is not None and (form := read_form(left["format"])) is not None:
        ask.output = form
        del left["format"]
    rest["text"] = left
    if not left and ask.output is not None:
        del rest["text"]


def _pins(rest: Rest, messages: list[Message]) -> list[Pin]:
    """All that lives at the provider that made it. Items whose id was made here pin nothing."""
    out: list[Pin] = []
    for what in _ELSEWHERE:
        value = rest.get(what)
        if isinstance(value, dict):
            value = value.get("id")
        if isinstance(value, str) and value:
            out.append(Pin(what=what, value=value))
    for message in messages:
        for part in message.parts:
            if isinstance(part, Reasoning):
                if part.sealed:
                    out.append(Pin(what="encrypted_content", value=part.sealed))
                elif part.id and not part.text and not part.signature and MADE not in part.id:
                    out.append(Pin(what="reasoning", value=part.id))
            elif isinstance(part, Media) and part.file_id:
                out.append(Pin(what="file_id", value=part.file_id))
            elif isinstance(part, Kept) and part.what in _ITEMS and isinstance(part.value, dict):
                id = part.value.get("id") or part.value.get("encrypted_content")
                if isinstance(id, str):
                    out.append(Pin(what=part.what, value=id))
    return out
