"""Tools, the choice among them, the form of the answer and how much to think: the settings of an ask that have a shape."""

from __future__ import annotations

from typing import Final, get_args

from poise.wire.conversation.ask import Ask, Effort, HostedTool, OutputForm, Thinking, Tool, ToolChoice
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import FORMAL, Json
from poise.wire.responses.shell import Object, Unreadable, list_at, object_at, seen, shell_of, text_at

_EFFORTS: Final[dict[Json, Effort]] = {word: word for word in get_args(Effort)}
_MODES: Final = {"auto": "auto", "none": "none", "required": "any"}
# Thinking budgets in tokens as efforts: the vendors' own tables differ; these are the bounds that most gateways draw.
_BUDGETS: Final[tuple[tuple[int, Effort], ...]] = ((1024, "minimal"), (4096, "low"), (16384, "medium"))
_SHOWN: Final = ("auto", "concise", "detailed")


def read_tool(value: Json, path: str) -> Tool | HostedTool:
    """One tool. Raises Unreadable."""
    tool = object_at(value, path)
    kind = tool.get("type")
    if kind not in ("function", "custom") or FORMAL in tool:
        return HostedTool(what=str(kind), value=tool)
    out = Tool(name=text_at(tool, "name", path), free=kind == "custom")
    rest = {name: value for name, value in tool.items() if name not in ("type", "name")}
    if isinstance(said := rest.get("description"), str) and said:
        out.description = said
        del rest["description"]
    if kind == "function":
        if isinstance(strict := rest.get("strict"), bool):
            out.strict = strict
            del rest["strict"]
        if (schema := rest.get("parameters")) is not None:
            out.parameters = object_at(schema, f"{path}.parameters")
            del rest["parameters"]
    out.rest = rest
    return out


def write_tools(ask: Ask, lost: Lost, *, own: bool) -> list[Json]:
    """All tools."""
    out: list[Json] = []
    for number, tool in enumerate(ask.tools):
        if isinstance(tool, Tool):
            out.append(_write_tool(tool, f"tools[{number}]", lost, own=own))
        elif own:
            out.append(tool.value)
        else:
            lost.add(f"tools[{number}]", f"{tool.what} is run by its own provider only")
    return out


def _write_tool(tool: Tool, where: str, lost: Lost, *, own: bool) -> Object:
    out: Object = {"type": "custom" if tool.free else "function", "name": tool.name}
    if tool.description:
        out["description"] = tool.description
    if not tool.free:
        if own:
            if tool.parameters is not None:
                out["parameters"] = tool.parameters
        elif tool.parameters is None or isinstance(tool.parameters, dict):
            out["parameters"] = tool.parameters
        else:
            lost.add(f"{where}.parameters", "a schema is an object there; any object is taken in its place")
            out["parameters"] = {"type": "object"}
        if tool.strict is not None or not own:
            out["strict"] = bool(tool.strict)  # not said, it would be true here, and lax schemas refused
    if own:
        out.update(seen(tool.rest))
    else:
        lost.rest(where, tool.rest)
    return out


def read_choice(value: Json) -> ToolChoice:
    """A tool_choice that is not null. Raises Unreadable."""
    formal: Object = {FORMAL: {"choice": {"said": value}}}
    if isinstance(value, str):
        if value not in _MODES:
            raise Unreadable("tool_choice", value, "send auto, none, required or an object")
        return ToolChoice(mode="any" if value == "required" else "none" if value == "none" else "auto", rest=formal)
    choice = object_at(value, "tool_choice")
    kind = choice.get("type")
    if kind in ("function", "custom"):
        return ToolChoice(mode="one", names=[text_at(choice, "name", "tool_choice")], rest=formal)
    if kind == "allowed_tools":
        names: list[str] = []
        others: list[Json] = []
        for number, tool in enumerate(list_at(choice.get("tools"), "tool_choice.tools")):
            name = object_at(tool, f"tool_choice.tools[{number}]").get("name")
            if isinstance(name, str):
                names.append(name)
            else:
                others.append(tool)
        mode = "any" if choice.get("mode") == "required" else "auto"
        return ToolChoice(mode="any" if mode == "any" else "auto", names=names, rest={"tools": others, **formal})
    return ToolChoice(mode="auto", rest={**choice, **formal})


def write_choice(choice: ToolChoice, ask: Ask, lost: Lost, *, own: bool) -> Json:
    """The tool_choice."""
    if own and (shell := shell_of(choice.rest, "choice")) is not None and "said" in shell:
        return shell["said"]
    if not own:
        lost.rest("tool_choice", choice.rest)
    free = {tool.name for tool in ask.tools if isinstance(tool, Tool) and tool.free}
    picks: list[Json] = [{"type": "custom" if name in free else "function", "name": name} for name in choice.names]
    if choice.mode == "one" and picks:
        return picks[0]
    if choice.mode == "none":
        return "none"
    word = "required" if choice.mode in ("any", "one") else "auto"
    return {"type": "allowed_tools", "mode": word, "tools": picks} if picks else word


def read_form(value: Json) -> OutputForm | None:
    """``text.format``; None where it is of no known type. Raises Unreadable."""
    form = object_at(value, "text.format")
    kind = form.get("type")
    taken = ["type"]
    if kind == "text":
        out = OutputForm(kind="text")
    elif kind == "json_object":
        out = OutputForm(kind="json")
    elif kind == "json_schema":
        out = OutputForm(kind="schema", schema=object_at(form.get("schema"), "text.format.schema"))
        taken.append("schema")
        if isinstance(name := form.get("name"), str) and name:
            out.name = name
            taken.append("name")
        if isinstance(said := form.get("description"), str) and said:
            out.description = said
            taken.append("description")
        if isinstance(strict := form.get("strict"), bool):
            out.strict = strict
            taken.append("strict")
    else:
        return None
    out.rest = {name: value for name, value in form.items() if name not in taken}
    return out


def write_form(form: OutputForm, lost: Lost, *, own: bool, schema: bool) -> Object:
    """``text.format``. schema: the server understands schemas."""
    out: Object
    if form.kind == "text":
        out = {"type": "text"}
    elif form.kind == "json" or not schema:
        out = {"type": "json_object"}
        if form.kind == "schema":
            lost.add("text.format", "the schema is not understood there; any JSON is asked for")
    else:
        out = {"type": "json_schema", "schema": form.schema}
        if form.name or not own:
            out["name"] = form.name or "answer"
        if form.description:
            out["description"] = form.description
        if form.strict is not None:
            out["strict"] = form.strict
    if own:
        out.update(seen(form.rest))
    else:
        lost.rest("text.format", form.rest)
    return out


def read_thinking(value: Object) -> Thinking:
    """A ``reasoning`` object."""
    out = Thinking()
    rest = dict(value)
    effort = value.get("effort")
    if isinstance(effort, str) and effort in _EFFORTS:
        out.effort, out.off = _EFFORTS[effort], effort == "none"
        del rest["effort"]
    if value.get("summary") in _SHOWN:
        out.shown = True
        rest[FORMAL] = {"thinking": {"summary": rest.pop("summary")}}
    out.rest = rest
    return out


def write_thinking(thinking: Thinking, lost: Lost, *, own: bool) -> Object:
    """The ``reasoning`` object."""
    out: Object = {}
    effort = "none" if thinking.off else thinking.effort
    if effort is None and thinking.budget_tokens is not None and thinking.budget_tokens >= 0:
        effort = next((word for most, word in _BUDGETS if thinking.budget_tokens <= most), "high")
        lost.add("thinking.budget_tokens", f"{thinking.budget_tokens} tokens are said as the effort {effort}")
    if effort is not None:
        out["effort"] = effort
    if own:
        out.update(shell_of(thinking.rest, "thinking") or ({"summary": "auto"} if thinking.shown else {}))
        out.update(seen(thinking.rest))
        return out
    if thinking.shown:
        out["summary"] = "auto"
    lost.rest("thinking", thinking.rest)
    return out
