"""A chat completions request, written from an Ask: the same again where it was read here, else what can be carried."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.wire.conversation.ask import Ask, HostedTool
from poise.wire.conversation.call_ids import CallIds
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import FORMAL, Json, Kept, Message, Part, Text, ToolResult
from poise.wire.openai import thinking, tools
from poise.wire.openai.call_ids import SHAPES
from poise.wire.openai.fields import Obj, lay, object_of, spelled
from poise.wire.openai.parts import write_part
from poise.wire.openai.say import Way, say

NAME: Final = "openai"
INNER: Final = thinking.INNER
_SIBLING: Final = "responses"  # OpenAI's other dialect: what lives at OpenAI is the same
_LIMITS: Final = ("max_completion_tokens", "max_tokens")
_encode: Final = msgspec.json.Encoder().encode


def write(ask: Ask, lost: Lost, manner: Manner) -> bytes:
    """The body; what has no counterpart is noted in lost."""
    if ask.spoken == NAME:
        out = lay(options(ask), ask.rest, *INNER)
        out["messages"] = [lay(say_message(one), one.rest) for one in ask.messages]
        _suit(out, manner, lost)
        _begun(ask, out, manner)
        return _encode(out)
    lost.rest("", ask.rest)
    for pin in ask.pins:
        lost.add(pin.what, "lives at the provider that made it")
    out = {"model": ask.model}
    out["messages"] = _messages(ask, lost, manner)
    _limits(ask, out, lost)
    if ask.tools:
        written = tools.write_tools(ask.tools, own=False, lost=lost)
        if written:
            out["tools"] = written
            if ask.tool_choice is not None:
                out["tool_choice"] = tools.write_choice(ask.tool_choice, own=False, lost=lost)
            if ask.parallel_tools is not None:
                out["parallel_tool_calls"] = ask.parallel_tools
    if ask.output is not None:
        out["response_format"] = tools.write_output(ask.output, own=False, lost=lost, schema=manner.schema)
    if ask.thinking is not None:
        out |= thinking.write_thinking(ask.thinking, lost)
    _suit(out, manner, lost)
    _begun(ask, out, manner)
    return _encode(out)


def options(ask: Ask) -> Obj:
    """All but the messages of an ask that was read here, as its fields give it."""
    rest = ask.rest
    out: Obj = {}
    if ask.model:
        out["model"] = ask.model
    if ask.stream or spelled(rest, "stream"):
        out["stream"] = ask.stream
    if ask.max_output is not None:
        out[spelled(rest, *_LIMITS) or _LIMITS[0]] = ask.max_output
    _numbers(ask, out)
    if ask.top_k is not None:
        out["top_k"] = ask.top_k
    if ask.seed is not None:
        out[spelled(rest, "random_seed") or "seed"] = ask.seed
    if ask.stop:
        out["stop"] = ask.stop[0] if spelled(rest, "stop") else list(ask.stop)
    _own_tools(ask, out)
    if ask.output is not None:
        out["response_format"] = tools.write_output(ask.output, own=True, lost=Lost(), schema=True)
    if ask.thinking is not None:
        out |= thinking.say_thinking(ask.thinking)
    if ask.user:
        out["user"] = ask.user
    return out


def _own_tools(ask: Ask, out: Obj) -> None:
    lost = Lost()
    older = legacy(ask)
    if ask.tools:
        if older:
            out["functions"] = tools.write_functions(ask.tools)
        elif listed := tools.write_tools(ask.tools, own=True, lost=lost):
            out["tools"] = listed
        for tool in ask.tools:
            if isinstance(tool, HostedTool) and tool.what == tools.SEARCH:
                out[tools.SEARCH] = tool.value
    if ask.tool_choice is not None and older:
        named = ask.tool_choice.names
        out["function_call"] = {"name": named[0]} if named else ask.tool_choice.mode
    elif ask.tool_choice is not None:
        out["tool_choice"] = tools.write_choice(ask.tool_choice, own=True, lost=lost)
    if ask.parallel_tools is not None:
        out["parallel_tool_calls"] = ask.parallel_tools


def say_message(one: Message) -> Obj:
    """A message that was read here, as its fields give it."""
    lost = Lost()
    if one.role == "assistant":
        out = say(one.parts, one.form, one.rest, Way(own=True, ids=CallIds(), lost=lost, where=""))
        out["role"] = "assistant"
    elif one.role == "tool" and one.parts and isinstance(result := one.parts[0], ToolResult):
        out = _own_content(result.parts, one.form)
        out["role"] = "function" if spelled(one.rest, "function") else "tool"
        if result.call_id:
            out["tool_call_id"] = result.call_id
        if result.name:
            out["name"] = result.name
    else:
        out = _own_content(one.parts, one.form)
        out["role"] = one.role
    if one.name:
        out["name"] = one.name
    return out


def _own_content(parts: list[Part], form: str) -> Obj:
    if form == "text":
        return {"content": "".join([part.text for part in parts if isinstance(part, Text)])}
    if form == "none":
        return {}
    if form == "null":
        return {"content": None}
    lost = Lost()
    return {"content": [write_part(part, own=True, lost=lost, where="") for part in parts]}


def _numbers(ask: Ask, out: Obj) -> None:
    for name, value in (
        ("temperature", ask.temperature),
        ("top_p", ask.top_p),
        ("presence_penalty", ask.presence_penalty),
        ("frequency_penalty", ask.frequency_penalty),
        ("n", ask.count),
    ):
        if value is not None:
            out[name] = value


def _limits(ask: Ask, out: Obj, lost: Lost) -> None:
    if ask.stream:
        out["stream"] = True
        out["stream_options"] = {"include_usage": True}
    if ask.max_output is not None:
        out[_LIMITS[0]] = ask.max_output
    _numbers(ask, out)
    if ask.top_k is not None:
        lost.add("top_k", "has no counterpart there")
    if ask.seed is not None:
        out["seed"] = ask.seed
    if ask.stop:
        out["stop"] = list(ask.stop)
    if ask.user:
        out["user"] = ask.user


def _messages(ask: Ask, lost: Lost, manner: Manner) -> list[Json]:
    ids = CallIds(SHAPES.get(manner.tool_ids))
    out: list[Json] = []
    for n, one in enumerate(ask.messages):
        where = f"messages[{n}]"
        lost.rest(where, one.rest)
        if one.role == "assistant":
            said = say(one.parts, one.form, {}, Way(own=False, ids=ids, lost=lost, where=where))
            out.append({"role": "assistant", **said})
            continue
        role = one.role
        if role in ("system", "developer"):
            role = "developer" if manner.developer else "system"
        turn: list[Part] = []
        for part in one.parts:
            if isinstance(part, ToolResult):
                out.append(_result(part, ids, lost, where))
            else:
                turn.append(part)
        content = _content(turn, lost, where, files=ask.spoken == _SIBLING)
        if content or any(isinstance(part, Text) for part in turn):  # else all of it was lost
            said = {"role": "user" if role == "tool" else role, "content": content}
            if one.name:
                said["name"] = one.name
            out.append(said)
    return out


def _content(parts: list[Part], lost: Lost, where: str, *, files: bool = False) -> Json:
    written: list[Json] = []
    for n, part in enumerate(parts):
        said = write_part(part, own=False, lost=lost, where=f"{where}.content[{n}]", files=files)
        if said is not None:
            written.append(said)
    if len(written) == 1 and isinstance(parts[0], Text) and len(parts) == 1:
        return parts[0].text
    return written or ""


def _result(result: ToolResult, ids: CallIds, lost: Lost, where: str) -> Obj:
    texts: list[Part] = []
    for n, part in enumerate(result.parts):
        if isinstance(part, Text):
            texts.append(part)
        else:
            what = part.what if isinstance(part, Kept) else type(part).__name__.lower()
            lost.add(f"{where}.content[{n}]", f"a tool's result holds text only there, no {what}")
    lost.rest(where, result.rest)
    if result.failed:
        lost.add(f"{where}.failed", "that a tool failed is said by its text only there")
    return {"role": "tool", "tool_call_id": ids.of_result(result), "content": _content(texts, lost, where)}


def _suit(out: Obj, manner: Manner, lost: Lost) -> None:
    """Change what one vendor's server says differently; what it refuses is left out and noted."""
    if manner.limit_field:
        for name in _LIMITS:
            if name != manner.limit_field and name in out:
                out[manner.limit_field] = out.pop(name)
    for name in manner.lacks:
        if out.pop(name, None) is not None:
            lost.add(name, "is refused there")
    for name, value in manner.adds.items():
        out[name] = value
    if manner.developer:
        for one in _objects(out.get("messages")):
            if one.get("role") == "system":
                one["role"] = "developer"


def _begun(ask: Ask, out: Obj, manner: Manner) -> None:
    """Mark the last message as the beginning of the answer, where the server wants to be told."""
    if not ask.prefill:
        return
    if manner.prefill == "prefix":
        _objects(out.get("messages"))[-1]["prefix"] = True
    elif manner.prefill == "continue_final_message":
        out["continue_final_message"], out["add_generation_prompt"] = True, False


def _objects(value: Json) -> list[Obj]:
    return [one for one in value if type(one) is dict] if type(value) is list else []


def legacy(ask: Ask | None) -> bool:
    """Whether the client speaks of ``functions``, as before there were tools, and must be answered in these words."""
    return ask is not None and ask.spoken == NAME and bool(spelled(ask.rest, "functions"))


def asks_usage(ask: Ask) -> bool:
    """Whether the client wants usage in its stream (``stream_options.include_usage``)."""
    if ask.spoken != NAME:
        return False
    said = ask.rest.get("stream_options", object_of(ask.rest.get(FORMAL)).get("stream_options"))
    return object_of(said).get("include_usage") is True
