"""Requests, read: the body of ``messages`` and of ``count_tokens``."""

from __future__ import annotations

from typing import Final, Literal

from poise.wire.anthropic import thinking
from poise.wire.anthropic.part_read import parts_of
from poise.wire.anthropic.rest import NAME, OUTPUT_FORMAT, note
from poise.wire.conversation.ask import Ask, HostedTool, OutputForm, Pin, Tool, ToolChoice
from poise.wire.conversation.block_ask import user_turns
from poise.wire.conversation.node import (
    Bad,
    ask_of,
    each,
    list_of,
    need_text,
    object_of,
    take_number,
    take_text,
    take_whole,
    take_words,
)
from poise.wire.conversation.part import Json, Kept, Media, Message, Reasoning, Rest, Role, Text, ToolCall, ToolResult

INLINE: Final = "inline"  # form of system text that stood among the messages
TEXT: Final = "text"  # form of content that was a bare string
_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}
_CHOICES: Final[dict[str, Literal["auto", "none", "any", "one"]]] = {
    "auto": "auto",
    "any": "any",
    "none": "none",
    "tool": "one",
}


def read_ask(body: bytes, *, model: str = "", stream: bool = False) -> Ask:
    """A request. model and stream are the path's, where it says them (Vertex, Bedrock). Raises Error."""
    return ask_of(body, lambda node: _ask(node, model, stream=stream))


def _ask(node: dict[str, Json], model: str, *, stream: bool) -> Ask:
    rest: Rest = dict(node)
    messages = _system(rest)
    messages += _messages(rest)
    ask = Ask(spoken=NAME, messages=messages, model=take_text(rest, "model") or model, rest=rest)
    ask.tools = _tools(rest)
    ask.tool_choice, ask.parallel_tools = _choice(rest)
    ask.max_output, ask.top_k = take_whole(rest, "max_tokens"), take_whole(rest, "top_k")
    ask.temperature, ask.top_p = take_number(rest, "temperature"), take_number(rest, "top_p")
    ask.stop = take_words(rest, "stop_sequences")
    said = rest.get("stream")
    if said is not None and not isinstance(said, bool):
        raise Bad("stream", said, "true or false")
    if said is not None:
        del rest["stream"]
        if not said:
            note(rest, "stream", value=False)
    ask.stream = said is True or stream
    ask.thinking = thinking.read(rest)
    ask.output = _form(rest)
    if not rest.get("output_config", True) and node["output_config"]:
        del rest["output_config"]  # all that stood there is in the fields
    _user(rest, ask)
    ask.pins = _pins(messages)
    container = rest.get("container")
    if isinstance(container, str) and container:
        ask.pins.append(Pin(what="container", value=container))
    return ask


def _system(rest: Rest) -> list[Message]:
    said = rest.get("system")
    if said is None:
        return []
    del rest["system"]
    if isinstance(said, str):
        return [Message(role="system", parts=[Text(text=said)], form=TEXT)]
    try:
        return [Message(role="system", parts=parts_of(said))]
    except Bad as bad:
        raise bad.within("system") from None


def _messages(rest: Rest) -> list[Message]:
    found: list[Message] = []
    said = rest.pop("messages", None)
    if not isinstance(said, list):
        raise Bad("messages", said, "an array")
    at = 0
    try:
        for at, node in enumerate(said):  # noqa: B007 - where it failed
            found += _message(object_of(node))
    except Bad as bad:
        raise bad.within(f"messages[{at}]") from None
    return found


def _message(node: dict[str, Json]) -> list[Message]:
    word = need_text(node, "role")
    role = _ROLES.get(word)
    if role is None:
        raise Bad("role", word, "user, assistant or system")
    rest = {key: value for key, value in node.items() if key not in {"role", "content"}} if len(node) > 2 else {}
    content = node.get("content")
    if isinstance(content, str):
        form = TEXT if role != "system" else f"{INLINE} {TEXT}"
        return [Message(role=role, parts=[Text(text=content)], form=form, rest=rest)]
    try:
        parts = parts_of(content)
    except Bad as bad:
        raise bad.within("content") from None
    if role == "user":
        for at, part in enumerate(parts):
            if isinstance(part, ToolCall | Reasoning):
                parts[at] = _kept(content, at)
        return user_turns(parts, rest)
    for at, part in enumerate(parts):
        if isinstance(part, ToolResult | Media) or (role == "system" and not isinstance(part, Text | Kept)):
            parts[at] = _kept(content, at)  # a block out of its place: the vendor says what it makes of it
    return [Message(role=role, parts=parts, form=INLINE if role == "system" else "", rest=rest)]


def _kept(content: Json, at: int) -> Kept:
    node = object_of(list_of(content)[at])
    return Kept(what=need_text(node, "type"), value=node)


def _tools(rest: Rest) -> list[Tool | HostedTool]:
    said = rest.get("tools")
    if said is None or said == []:
        return []
    del rest["tools"]
    try:
        return each(said, lambda node: _tool(object_of(node)))
    except Bad as bad:
        raise bad.within("tools") from None


def _tool(node: dict[str, Json]) -> Tool | HostedTool:
    kind = node.get("type")
    if isinstance(kind, str) and kind != "custom":
        return HostedTool(what=kind, value=node)
    rest = {key: value for key, value in node.items() if key not in {"type", "name"}}
    if "type" in node:
        note(rest, "type", kind)
    tool = Tool(name=need_text(node, "name"), description=take_text(rest, "description"), rest=rest)
    if rest.get("input_schema") is not None:
        tool.parameters = rest.pop("input_schema")
    strict = rest.get("strict")
    if isinstance(strict, bool):
        tool.strict = strict
        del rest["strict"]
    return tool


def _choice(rest: Rest) -> tuple[ToolChoice | None, bool | None]:
    said = rest.get("tool_choice")
    if said is None:
        return None, None
    if not isinstance(said, dict):
        raise Bad("tool_choice", said, "an object")
    kind = said.get("type")
    mode = _CHOICES.get(kind) if isinstance(kind, str) else None
    if mode is None:
        raise Bad("tool_choice.type", kind, "auto, any, tool or none")
    del rest["tool_choice"]
    left = {key: value for key, value in said.items() if key != "type"}
    choice = ToolChoice(mode=mode, rest=left)
    if mode == "one":
        choice.names = [need_text(said, "name")]
        del left["name"]
    alone = left.get("disable_parallel_tool_use")
    if isinstance(alone, bool):
        del left["disable_parallel_tool_use"]
        return choice, not alone
    return choice, None


def _form(rest: Rest) -> OutputForm | None:
    """The schema of the answer, from output_config.format or from the older output_format."""
    config = rest.get("output_config")
    node = config.get("format") if isinstance(config, dict) else None
    older = rest.get("output_format")
    if isinstance(config, dict) and isinstance(node, dict) and node.get("type") == "json_schema":
        rest["output_config"] = {key: value for key, value in config.items() if key != "format"}
    elif isinstance(older, dict) and older.get("type") == "json_schema" and node is None:
        node = older
        del rest["output_format"]
        note(rest, OUTPUT_FORMAT)
    else:
        return None
    left = {key: value for key, value in node.items() if key not in {"type", "schema"}}
    if node.get("schema") is None and "schema" in node:
        left["schema"] = None
    return OutputForm(kind="schema", schema=node.get("schema"), rest=left)


def _user(rest: Rest, ask: Ask) -> None:
    said = rest.get("metadata")
    if isinstance(said, dict):
        left = dict(said)
        ask.user = take_text(left, "user_id")
        if ask.user and not left:
            del rest["metadata"]
        elif ask.user:
            rest["metadata"] = left


def _pins(messages: list[Message]) -> list[Pin]:
    """What of the conversation only its provider can read."""
    found: list[Pin] = []
    for message in messages:
        for part in message.parts:
            if isinstance(part, Media) and part.file_id:
                found.append(Pin(what="file_id", value=part.file_id))
            elif isinstance(part, Reasoning) and (part.signature or part.sealed):
                found.append(Pin(what="thinking", value=part.signature or part.sealed))
            elif isinstance(part, ToolResult):
                found += [
                    Pin(what="file_id", value=one.file_id)
                    for one in part.parts
                    if isinstance(one, Media) and one.file_id
                ]
    return found
