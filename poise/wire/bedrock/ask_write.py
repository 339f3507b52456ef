"""A Converse request, written. Another dialect's ask is first made one that can be said here (``ask_adapt``)."""

from __future__ import annotations

from poise.errors import Error
from poise.wire.anthropic.rest import encode, lay, marked
from poise.wire.bedrock import thinking
from poise.wire.bedrock.ask_adapt import adapted
from poise.wire.bedrock.ask_read import ADDITIONAL, INLINE
from poise.wire.bedrock.part_write import Node, blocks_of
from poise.wire.bedrock.rest import NAME, SCHEMA
from poise.wire.conversation.ask import Ask, OutputForm, Tool, ToolChoice
from poise.wire.conversation.block_ask import MORE
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import FORMAL, Json, Message

_NESTED = ("inferenceConfig", "toolConfig", ADDITIONAL, "outputConfig")
_WORDS = {"auto": "auto", "any": "any", "one": "tool"}


def write_ask(ask: Ask, lost: Lost, manner: Manner) -> bytes:
    """The body of a request. Raises Error where JSON that was text cannot be nested in it."""
    try:
        out = _node(ask) if ask.spoken == NAME else _node(adapted(ask, lost, manner))
        _leave_out(out, manner, lost)
        return encode(out)
    except RecursionError as error:
        raise Error(
            "invalid_field", "a tool call's arguments are nested too deeply", hint="nest less deeply"
        ) from error


def _node(ask: Ask) -> Node:
    out: Node = {}
    system = [message for message in ask.messages if _leads(message)]
    if system:
        out["system"] = [block for message in system for block in blocks_of(message.parts, own=True)]
    out["messages"] = _messages([message for message in ask.messages if not _leads(message)])
    if not out["messages"] and (marked(ask.rest, "\0messages=none") or "messages" in ask.rest):
        del out["messages"]
    config: Node = {}
    limits: tuple[tuple[str, Json], ...] = (
        ("maxTokens", ask.max_output),
        ("temperature", ask.temperature),
        ("topP", ask.top_p),
        ("stopSequences", [*ask.stop] or None),
    )
    config.update({name: value for name, value in limits if value is not None})
    tools: Node = {}
    if ask.tools:
        tools["tools"] = [_tool(tool) if isinstance(tool, Tool) else tool.value for tool in ask.tools]
    if ask.tool_choice is not None and ask.tool_choice.mode in _WORDS:
        tools["toolChoice"] = _choice(ask.tool_choice)
    more: Node = {}
    output: Node = {}
    if ask.top_k is not None:
        more["top_k"] = ask.top_k
    if ask.thinking is not None:
        thinking.write(ask.thinking, more, output)
    if ask.output is not None and ask.output.kind == "schema":
        output["textFormat"] = _form(ask.output)
    made = dict(zip(_NESTED, (config, tools, more, output), strict=True))
    out.update({name: node for name, node in made.items() if node})
    lay(out, ask.rest)
    for name, node in made.items():
        left = ask.rest.get(name)
        if node and isinstance(left, dict):
            out[name] = _into(node, left)
    return out


def _into(node: Node, left: Node) -> Node:
    """What is left of a nested object, beside its fields; ``output_config`` of Claude's may be in both."""
    out = {**node, **left}
    inner, more = node.get("output_config"), left.get("output_config")
    if isinstance(inner, dict) and isinstance(more, dict):
        out["output_config"] = {**inner, **more}
    return out


def _leads(message: Message) -> bool:
    return message.role in {"system", "developer"} and message.form != INLINE


def _messages(messages: list[Message]) -> list[Json]:
    out: list[Json] = []
    last: list[Json] = []
    for message in messages:
        blocks = blocks_of(message.parts, own=True)
        if message.form == MORE and out:
            last += blocks
            continue
        last = blocks
        out.append(lay({"role": "user" if message.role == "tool" else message.role, "content": last}, message.rest))
    return out


def _tool(tool: Tool) -> Node:
    spec: Node = {"name": tool.name}
    if tool.description:
        spec["description"] = tool.description
    if tool.parameters is not None:
        spec["inputSchema"] = {"json": tool.parameters}
    if tool.strict is not None:
        spec["strict"] = tool.strict
    return {"toolSpec": lay(spec, tool.rest)}


def _choice(choice: ToolChoice) -> Node:
    inner: Node = {"name": choice.names[0]} if choice.mode == "one" and choice.names else {}
    return {_WORDS[choice.mode]: lay(inner, choice.rest)}


def _form(form: OutputForm) -> Node:
    formal = form.rest.get(FORMAL)
    text = formal.get(SCHEMA) if isinstance(formal, dict) else None
    inner: Node = {"schema": text if isinstance(text, str) else encode(form.schema).decode()}
    if form.name:
        inner["name"] = form.name
    if form.description:
        inner["description"] = form.description
    return {"type": "json_schema", "structure": {"jsonSchema": lay(inner, form.rest)}}


def _leave_out(out: Node, manner: Manner, lost: Lost) -> None:
    """Fields that this server, or this model, refuses: on top, or one level down (``inferenceConfig.topP``)."""
    for path in manner.lacks:
        name, _, inner = path.partition(".")
        node = out.get(name)
        if not inner and name in out and name != "messages":
            del out[name]
            lost.add(name, "is not taken there")
        elif inner and isinstance(node, dict) and inner in node:
            out[name] = {key: value for key, value in node.items() if key != inner}
            lost.add(path, "is not taken there")
    for name, value in manner.adds.items():
        out.setdefault(name, value)
