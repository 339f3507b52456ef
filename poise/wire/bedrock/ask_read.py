"""A Converse request, read. Model and stream are said by the path, not by the body."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from poise.wire.anthropic.rest import decode, encode, note
from poise.wire.bedrock import thinking
from poise.wire.bedrock.part_read import parts_of
from poise.wire.bedrock.rest import NAME, SCHEMA, leave
from poise.wire.conversation.ask import Ask, HostedTool, OutputForm, Pin, Tool, ToolChoice
from poise.wire.conversation.block_ask import user_turns
from poise.wire.conversation.node import (
    Bad,
    Node,
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
from poise.wire.conversation.part import (
    Json,
    Kept,
    Media,
    Message,
    Part,
    Reasoning,
    Rest,
    Role,
    Text,
    ToolCall,
    ToolResult,
)

INLINE: Final = "inline"  # form of system text that stood among the messages
ADDITIONAL: Final = "additionalModelRequestFields"
_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}
_MODES: Final[dict[str, Literal["auto", "any", "one"]]] = {"auto": "auto", "any": "any", "tool": "one"}


def read_ask(body: bytes, *, model: str = "", stream: bool = False) -> Ask:
    """Decode a request. Raises Error (invalid_json, invalid_field)."""
    return ask_of(body, lambda node: _ask(node, model, stream=stream))


def _ask(node: Node, model: str, *, stream: bool) -> Ask:
    rest: Rest = dict(node)
    messages = _system(rest)
    if rest.get("messages") is not None:
        messages += _messages(rest.pop("messages"))
    elif "messages" not in node:
        note(rest, "\0messages=none")  # a prompt of the vendor's prompt management has its own
    ask = Ask(spoken=NAME, messages=messages, model=model, stream=stream, rest=rest)
    _limits(ask, rest)
    _tools(ask, rest)
    more, config = _taken(rest, ADDITIONAL), _taken(rest, "outputConfig")
    said_more, said_config = dict(more or {}), dict(config or {})
    if more is not None:
        top_k = more.get("top_k")
        if type(top_k) is int:
            ask.top_k = top_k
            del more["top_k"]
    ask.thinking = thinking.read({} if more is None else more, {} if config is None else config)
    if config is not None:
        ask.output = _form(config)
        leave(rest, "outputConfig", config, said_config)
    if more is not None:
        if more.get("output_config") == {} and said_more.get("output_config") != {}:
            del more["output_config"]  # all that stood there is in the fields
        leave(rest, ADDITIONAL, more, said_more)
    ask.pins = _pins(messages)
    return ask


def _taken(rest: Rest, name: str) -> Node | None:
    """A copy of an object, taken out of rest; None where it is not there (null stays in rest). Raises Bad."""
    said = rest.get(name)
    if said is None:
        return None
    if not isinstance(said, dict):
        raise Bad(name, said, "an object")
    del rest[name]
    return dict(said)


def _system(rest: Rest) -> list[Message]:
    said = rest.get("system")
    if said is None:
        return []
    del rest["system"]
    try:
        parts = parts_of(said)
    except Bad as bad:
        raise bad.within("system") from None
    if not parts:
        note(rest, "system", [])
        return []
    return [Message(role="system", parts=_only(parts, said, Text))]


def _messages(said: Json) -> list[Message]:
    found: list[Message] = []
    if not isinstance(said, list):
        raise Bad("messages", said, "an array")
    for at, node in enumerate(said):
        try:
            found += _message(object_of(node))
        except Bad as bad:
            raise bad.within(f"messages[{at}]") from None
    return found


def _message(node: Node) -> list[Message]:
    word = need_text(node, "role")
    role = _ROLES.get(word)
    if role is None:
        raise Bad("role", word, "user, assistant or system")
    rest = {key: value for key, value in node.items() if key not in {"role", "content"}} if len(node) > 2 else {}
    content = node.get("content")
    try:
        parts = parts_of(content)
    except Bad as bad:
        raise bad.within("content") from None
    if role == "user":
        return user_turns(_only(parts, content, Text, Media, ToolResult), rest)
    if role == "system":
        return [Message(role=role, parts=_only(parts, content, Text), form=INLINE, rest=rest)]
    parts = _only(parts, content, Text, Media, ToolCall, Reasoning)
    return [Message(role=role, parts=parts, rest=rest)]


def _only(parts: list[Part], content: Json, *kinds: type) -> list[Part]:
    """Blocks out of their place are kept as they are: the vendor says what it makes of them."""
    for at, (part, node) in enumerate(zip(parts, list_of(content), strict=True)):
        if not isinstance(part, (*kinds, Kept)):
            parts[at] = Kept(what=next(iter(object_of(node))), value=node)
    return parts


def _limits(ask: Ask, rest: Rest) -> None:
    left = _taken(rest, "inferenceConfig")
    if left is None:
        return
    said = dict(left)
    try:
        ask.max_output = take_whole(left, "maxTokens")
        ask.temperature, ask.top_p = take_number(left, "temperature"), take_number(left, "topP")
        ask.stop = take_words(left, "stopSequences")
    except Bad as bad:
        raise bad.within("inferenceConfig") from None
    leave(rest, "inferenceConfig", left, said)


def _tools(ask: Ask, rest: Rest) -> None:
    left = _taken(rest, "toolConfig")
    if left is None:
        return
    said = dict(left)
    tools = left.get("tools")
    try:
        if tools is not None and tools != []:
            ask.tools = each(tools, lambda node: _tool(object_of(node)))
            del left["tools"]
    except Bad as bad:
        raise bad.within("toolConfig.tools") from None
    choice = left.get("toolChoice")
    if isinstance(choice, dict) and len(choice) == 1:
        word, inner = next(iter(choice.items()))
        mode = _MODES.get(word)
        if mode is not None and isinstance(inner, dict) and (mode != "one" or isinstance(inner.get("name"), str)):
            ask.tool_choice = ToolChoice(mode=mode, rest={key: value for key, value in inner.items() if key != "name"})
            if mode == "one":
                ask.tool_choice.names = [str(inner["name"])]
            elif "name" in inner:
                ask.tool_choice.rest = dict(inner)
            del left["toolChoice"]
    leave(rest, "toolConfig", left, said)


def _tool(node: Node) -> Tool | HostedTool:
    inner = node.get("toolSpec")
    if len(node) != 1 or inner is None:
        return HostedTool(what=next(iter(node), "tool"), value=node)
    spec = object_of(inner)
    rest = {key: value for key, value in spec.items() if key != "name"}
    tool = Tool(name=need_text(spec, "name"), description=take_text(rest, "description"), rest=rest)
    schema = rest.get("inputSchema")
    if isinstance(schema, dict) and len(schema) == 1 and schema.get("json") is not None:
        tool.parameters = schema["json"]
        del rest["inputSchema"]
    if isinstance(rest.get("strict"), bool):
        tool.strict = bool(rest.pop("strict"))
    return tool


def _form(config: Node) -> OutputForm | None:
    """outputConfig.textFormat, taken out where it is all known. The schema is JSON in a string there."""
    said = config.get("textFormat")
    structure = said.get("structure") if isinstance(said, dict) else None
    inner = structure.get("jsonSchema") if isinstance(structure, dict) else None
    if not isinstance(said, dict) or not isinstance(structure, dict) or not isinstance(inner, dict):
        return None
    text = inner.get("schema")
    if said.get("type") != "json_schema" or len(said) != 2 or len(structure) != 1 or not isinstance(text, str):
        return None
    try:
        schema = decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    rest = {key: value for key, value in inner.items() if key != "schema"}
    form = OutputForm(kind="schema", name=take_text(rest, "name"), schema=schema, rest=rest)
    form.description = take_text(rest, "description")
    if encode(schema).decode() != text:
        note(rest, SCHEMA, text)
    del config["textFormat"]
    return form


def _pins(messages: list[Message]) -> list[Pin]:
    """What of the conversation only its provider can read."""
    found: list[Pin] = []
    for message in messages:
        for part in message.parts:
            pieces = part.parts if isinstance(part, ToolResult) else [part]
            found += [Pin(what="s3", value=one.file_id) for one in pieces if isinstance(one, Media) and one.file_id]
            if isinstance(part, Reasoning) and (part.signature or part.sealed):
                found.append(Pin(what="thinking", value=part.signature or part.sealed))
    return found
