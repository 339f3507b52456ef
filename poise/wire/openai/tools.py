"""Tools, the choice among them and the form of the answer, both ways; the older ``functions`` too."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.ask import HostedTool, OutputForm, Tool, ToolChoice
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Json, Rest
from poise.wire.openai.fields import Obj, bad, lay, left, object_of, spelled, spelling, text_of

INNER: Final = ("function", "custom", "json_schema")
SEARCH: Final = "web_search_options"  # OpenAI's search models: a field of the body, not one of the tools
_MODES: Final = {"auto": "auto", "none": "none", "required": "any", "any": "any"}
_WORDS: Final = {"auto": "auto", "none": "none", "any": "required"}


def read_tools(raw: Json, where: str) -> list[Tool | HostedTool]:
    """The ``tools`` list. Raises Error naming the tool that cannot be read."""
    if type(raw) is not list:
        raise bad(where, raw, "a list of tools")
    return [_read_tool(tool, f"{where}[{n}]") for n, tool in enumerate(raw)]


def _read_tool(raw: Json, where: str) -> Tool | HostedTool:
    if type(raw) is not dict:
        raise bad(where, raw, 'a tool: {"type": "function", "function": {...}}')
    kind = text_of(raw.get("type")) or "function"
    if kind not in ("function", "custom"):
        return HostedTool(what=kind, value=raw)
    said = raw.get(kind)
    if type(said) is not dict or type(said.get("name")) is not str:
        raise bad(f"{where}.{kind}", said, "an object with a name")
    tool = _read_function(said, free=kind == "custom")
    tool.rest = left(raw, _say_tool(tool), *INNER)
    return tool


def _read_function(said: Obj, *, free: bool) -> Tool:
    strict = said.get("strict")
    return Tool(
        name=text_of(said.get("name")),
        description=text_of(said.get("description")),
        parameters=None if free else said.get("parameters"),
        strict=strict if type(strict) is bool else None,
        free=free,
    )


def _say_tool(tool: Tool) -> Obj:
    kind = "custom" if tool.free else "function"
    return {"type": kind, kind: _say_function(tool)}


def _say_function(tool: Tool) -> Obj:
    out: Obj = {"name": tool.name}
    if tool.description:
        out["description"] = tool.description
    if tool.parameters is not None:
        out["parameters"] = tool.parameters
    if tool.strict is not None:
        out["strict"] = tool.strict
    return out


def write_tools(tools: list[Tool | HostedTool], *, own: bool, lost: Lost) -> list[Json]:
    """The ``tools`` list; what the provider itself would have to run is lost elsewhere."""
    out: list[Json] = []
    for n, tool in enumerate(tools):
        if isinstance(tool, HostedTool):
            if own and tool.what == SEARCH:
                continue
            if own:
                out.append(tool.value)
            else:
                lost.add(f"tools[{n}]", f"{tool.what} is run by its own provider only")
        elif own:
            out.append(lay(_say_tool(tool), tool.rest, *INNER))
        else:
            lost.rest(f"tools[{n}]", tool.rest)
            out.append(_say_tool(tool))
    return out


def read_functions(raw: Json) -> list[Tool | HostedTool] | None:
    """The older ``functions``; None where they cannot be read."""
    if type(raw) is not list:
        return None
    tools: list[Tool | HostedTool] = []
    for said in raw:
        if type(said) is not dict or type(said.get("name")) is not str:
            return None
        tool = _read_function(said, free=False)
        tool.rest = left(said, _say_function(tool))
        tools.append(tool)
    return tools


def write_functions(tools: list[Tool | HostedTool]) -> list[Json]:
    """Tools as ``functions``, for an ask that was read with them."""
    return [lay(_say_function(tool), tool.rest) for tool in tools if isinstance(tool, Tool)]


def read_choice(raw: Json) -> ToolChoice | None:
    """``tool_choice``; None where it is said in no known way."""
    if type(raw) is str:
        mode = _MODES.get(raw)
        if mode is None:
            return None
        return ToolChoice(mode=mode, form="any" if raw == "any" else "")  # type: ignore[arg-type]  # values of the table
    if type(raw) is not dict:
        return None
    kind = "custom" if raw.get("type") == "custom" else "function"
    name = object_of(raw.get(kind)).get("name")
    if type(name) is str:
        choice = ToolChoice(mode="one", names=[name], form="custom" if kind == "custom" else "")
    else:
        allowed = object_of(raw.get("allowed_tools"))
        listed = allowed.get("tools")
        names = [_allowed_name(tool) for tool in listed] if type(listed) is list else []
        if not names or not all(names):
            return None
        choice = ToolChoice(mode="any" if allowed.get("mode") == "required" else "auto", names=names, form="allowed")
    choice.rest = left(raw, object_of(say_choice(choice)), "function", "custom", "allowed_tools")
    return choice


def _allowed_name(tool: Json) -> str:
    said = object_of(tool)
    return text_of(object_of(said.get("function")).get("name") or object_of(said.get("custom")).get("name"))


def say_choice(choice: ToolChoice) -> Json:
    """The choice as its fields give it."""
    if choice.mode == "one" and choice.names:
        kind = "custom" if choice.form == "custom" else "function"
        return {"type": kind, kind: {"name": choice.names[0]}}
    if choice.names:
        named: list[Json] = [{"type": "function", "function": {"name": name}} for name in choice.names]
        mode = "required" if choice.mode == "any" else "auto"
        return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}}
    if choice.form == "any":
        return "any"
    return _WORDS.get(choice.mode, "required")


def write_choice(choice: ToolChoice, *, own: bool, lost: Lost) -> Json:
    """``tool_choice``."""
    if own:
        said = say_choice(choice)
        return lay(said, choice.rest, "function", "custom", "allowed_tools") if type(said) is dict else said
    lost.rest("tool_choice", choice.rest)
    return say_choice(ToolChoice(mode=choice.mode, names=choice.names))


def read_output(raw: Json) -> OutputForm | None:
    """``response_format``; None where its type is not known. A schema beside ``json_object`` is Together's spelling."""
    said = object_of(raw)
    kind = said.get("type")
    if kind == "json_schema" and type(said.get("json_schema")) is dict:
        inner = object_of(said.get("json_schema"))
        strict = inner.get("strict")
        form = OutputForm(
            kind="schema",
            name=text_of(inner.get("name")),
            description=text_of(inner.get("description")),
            schema=inner.get("schema"),
            strict=strict if type(strict) is bool else None,
        )
    elif kind == "json_object" and type(said.get("schema")) is dict:
        form = OutputForm(kind="schema", schema=said.get("schema"), rest=spelling("json_object"))
    elif kind in ("text", "json_object"):
        form = OutputForm(kind="text" if kind == "text" else "json")
    else:
        return None
    form.rest = {**form.rest, **left(said, _say_output(form, form.rest), *INNER)}
    return form


def _say_output(form: OutputForm, rest: Rest) -> Obj:
    if form.kind != "schema":
        return {"type": "json_object" if form.kind == "json" else "text"}
    if spelled(rest, "json_object"):
        return {"type": "json_object", "schema": form.schema}
    inner: Obj = {}
    if form.name:
        inner["name"] = form.name
    if form.description:
        inner["description"] = form.description
    if form.schema is not None:
        inner["schema"] = form.schema
    if form.strict is not None:
        inner["strict"] = form.strict
    return {"type": "json_schema", "json_schema": inner}


def write_output(form: OutputForm, *, own: bool, lost: Lost, schema: bool) -> Obj:
    """``response_format``. schema: whether the vendor understands one."""
    if own:
        return lay(_say_output(form, form.rest), form.rest, *INNER)
    lost.rest("output", form.rest)
    if form.kind == "schema" and not schema:
        lost.add("output.schema", "only JSON of any form can be asked for there")
        return {"type": "json_object"}
    out = _say_output(form, {})
    if form.kind == "schema" and not form.name:
        object_of(out["json_schema"])["name"] = "answer"  # the API wants a name
    return out
