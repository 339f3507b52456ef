"""Requests, written. Another dialect's ask is first made one that can be said here (``ask_adapt``)."""

from __future__ import annotations

from poise.errors import Error
from poise.wire.anthropic import thinking
from poise.wire.anthropic.ask_adapt import adapted
from poise.wire.anthropic.ask_read import INLINE, TEXT
from poise.wire.anthropic.part_write import blocks_of
from poise.wire.anthropic.rest import NAME, OUTPUT_FORMAT, encode, lay, marked
from poise.wire.conversation.ask import Ask, Tool, ToolChoice
from poise.wire.conversation.block_ask import MORE
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Json, Message, Rest, Text

_Node = dict[str, Json]


def write_ask(ask: Ask, lost: Lost, manner: Manner) -> bytes:
    """The body of a request to ``messages``. Raises Error where JSON that was text cannot be nested in it."""
    try:
        return encode(node_of(ask, lost, manner))
    except RecursionError as error:
        raise Error(
            "invalid_field", "a tool call's arguments are nested too deeply", hint="nest less deeply"
        ) from error


def node_of(ask: Ask, lost: Lost, manner: Manner) -> _Node:
    """The same before it is bytes."""
    out = _node(ask) if ask.spoken == NAME else _node(adapted(ask, lost, manner))
    if manner.limit_field and "max_tokens" in out:
        out[manner.limit_field] = out.pop("max_tokens")
    for name in manner.lacks:
        if name in out:
            del out[name]
            if name not in {"model", "stream"}:  # the path says them there
                lost.add(name, "is not taken there")
    for name, value in manner.adds.items():
        out.setdefault(name, value)
    return out


def _node(ask: Ask) -> _Node:
    out: _Node = {}
    if ask.model:
        out["model"] = ask.model
    system = [message for message in ask.messages if _leads(message)]
    if system:
        out["system"] = _system(system)
    out["messages"] = _messages([message for message in ask.messages if not _leads(message)])
    if ask.tools:
        out["tools"] = [_tool(tool) if isinstance(tool, Tool) else tool.value for tool in ask.tools]
    if ask.tool_choice is not None:
        out["tool_choice"] = _choice(ask.tool_choice, ask.parallel_tools)
    plain: tuple[tuple[str, Json], ...] = (
        ("max_tokens", ask.max_output),
        ("temperature", ask.temperature),
        ("top_p", ask.top_p),
        ("top_k", ask.top_k),
    )
    for name, value in plain:
        if value is not None:
            out[name] = value
    if ask.stop:
        out["stop_sequences"] = [*ask.stop]
    if ask.stream:
        out["stream"] = True
    if ask.user:
        out["metadata"] = {"user_id": ask.user}
    if ask.thinking is not None:
        thinking.write(ask.thinking, out)
    _form(ask, out)
    return _laid(out, ask.rest)


def _leads(message: Message) -> bool:
    return message.role in {"system", "developer"} and not message.form.startswith(INLINE)


def _system(messages: list[Message]) -> Json:
    if len(messages) == 1 and messages[0].form == TEXT:
        return _bare(messages[0])
    return [block for message in messages for block in blocks_of(message.parts, own=True)]


def _messages(messages: list[Message]) -> list[Json]:
    out: list[Json] = []
    last: list[Json] = []
    for message in messages:
        if message.form.endswith(TEXT):
            out.append(lay({"role": message.role, "content": _bare(message)}, message.rest))
            continue
        blocks = blocks_of(message.parts, own=True)
        if message.form == MORE and last:
            last += blocks
            continue
        last = blocks
        role = "user" if message.role == "tool" else message.role
        out.append(lay({"role": role, "content": last}, message.rest))
    return out


def _bare(message: Message) -> Json:
    return "".join(part.text for part in message.parts if isinstance(part, Text))


def _tool(tool: Tool) -> _Node:
    out: _Node = {"name": tool.name}
    if tool.description:
        out["description"] = tool.description
    if tool.parameters is not None:
        out["input_schema"] = tool.parameters
    if tool.strict is not None:
        out["strict"] = tool.strict
    return lay(out, tool.rest)


def _choice(choice: ToolChoice, parallel: bool | None) -> _Node:
    out: _Node = {"type": "tool" if choice.mode == "one" else choice.mode}
    if choice.mode == "one" and choice.names:
        out["name"] = choice.names[0]
    if parallel is not None:
        out["disable_parallel_tool_use"] = not parallel
    return lay(out, choice.rest)


def _form(ask: Ask, out: _Node) -> None:
    if ask.output is None or ask.output.kind != "schema":
        return
    node = lay({"type": "json_schema", "schema": ask.output.schema}, ask.output.rest)
    if marked(ask.rest, OUTPUT_FORMAT):
        out["output_format"] = node
        return
    config = out.setdefault("output_config", {})
    if isinstance(config, dict):
        config["format"] = node


def _laid(out: _Node, rest: Rest) -> _Node:
    """Lay rest over out; two objects that are modelled only in part are laid into, not over."""
    kept = {name: out[name] for name in ("output_config", "metadata") if name in out and name in rest}
    lay(out, rest)
    for name, node in kept.items():
        more = out[name]
        out[name] = {**node, **more} if isinstance(node, dict) and isinstance(more, dict) else more
    return out
