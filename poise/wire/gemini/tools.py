"""tools and toolConfig, both ways: functions, tools that Google runs itself, and which may be called."""

from __future__ import annotations

from typing import Final, Literal

from poise.wire.conversation.ask import Ask, HostedTool, Tool, ToolChoice
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import FORMAL, Json, Rest
from poise.wire.gemini.forms import (
    Obj,
    camel,
    decode,
    lay,
    leave,
    list_at,
    native_of,
    obj_at,
    pop_text,
    same,
    text_at,
    text_of,
    wrong,
)
from poise.wire.gemini.parts_write import HARMLESS
from poise.wire.gemini.schema import ToGemini, to_json

_Mode = Literal["auto", "none", "any", "one"]
_MODES: Final[dict[object, _Mode]] = {
    "AUTO": "auto",
    "ANY": "any",
    "NONE": "none",
    "VALIDATED": "auto",  # as AUTO, and what is called keeps to its schema
    "MODE_UNSPECIFIED": "auto",
}
_NUMBERS: Final = ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")  # by Google's enum number
_WORDS: Final[dict[_Mode, str]] = {"auto": "AUTO", "any": "ANY", "one": "ANY", "none": "NONE"}
_FUNCTIONS: Final = "functionDeclarations"
_CALLING: Final = "toolConfig.functionCallingConfig."
_LAYOUT: Final = "@tools "  # then how the entries of tools were laid out, as JSON


def read(raw: Json, ask: Ask) -> None:
    """Read tools into ask. Raises Error (invalid_field)."""
    if not raw:
        same(ask.rest, "tools", raw)
        return
    entries = [raw] if isinstance(raw, dict) else list_at(raw, "tools")
    layout: list[Json] = []
    for number, entry in enumerate(entries):
        where = f"tools[{number}]"
        laid: Obj = {}
        for name, value in obj_at(entry, where).items():
            if name in {_FUNCTIONS, "function_declarations"} and value is not None:
                some = [value] if isinstance(value, dict) else list_at(value, f"{where}.{_FUNCTIONS}")
                ask.tools += [_declared(one, f"{where}.{_FUNCTIONS}[{n}]") for n, one in enumerate(some)]
                laid[name] = "one" if isinstance(value, dict) else len(some)
            elif value is None:
                laid[name] = None  # some clients send each kind of tool, null where it is not wanted
            else:
                ask.tools.append(HostedTool(what=name, value=value))
                laid[name] = True
        layout.append(laid)
    whole: Json = layout[0] if isinstance(raw, dict) else layout
    if whole != _usual(ask.tools):
        ask.rest[_LAYOUT + text_of(whole)] = None


def _declared(raw: Json, where: str) -> Tool:
    rest: Rest = {}
    fields = camel(obj_at(raw, where), rest)
    tool = Tool(name=text_at(fields.pop("name", None), f"{where}.name"), rest=rest)
    tool.description = pop_text(fields, "description", rest, "", where)
    native, schema = fields.get("parameters"), fields.get("parametersJsonSchema")
    if schema is not None:
        tool.parameters = fields.pop("parametersJsonSchema")
    elif native is not None:
        tool.parameters = to_json(obj_at(native, f"{where}.parameters"))
        rest[FORMAL] = {"native": fields.pop("parameters")}
    for name in ("parameters", "parametersJsonSchema"):
        if name in fields and fields[name] is None:
            same(rest, name, fields.pop(name))
    leave(rest, fields)
    return tool


def _usual(tools: list[Tool | HostedTool]) -> list[Json]:
    """How tools are laid out where nothing else is said: functions that follow each other together, others alone."""
    layout: list[Json] = []
    together = 0
    for tool in tools:
        if isinstance(tool, HostedTool):
            layout.append({tool.what: True})
            together = 0
        elif together:
            together += 1
            layout[-1] = {_FUNCTIONS: together}
        else:
            together = 1
            layout.append({_FUNCTIONS: 1})
    return layout


def write(ask: Ask, lost: Lost, manner: Manner, *, own: bool) -> Json:
    """tools; None where there are none."""
    functions: list[Json] = []
    hosted: list[Obj] = []
    kept: list[Tool | HostedTool] = []
    for number, tool in enumerate(ask.tools):
        where = f"tools[{number}]"
        if isinstance(tool, Tool):
            if tool.free:
                lost.add(where, f"{tool.name}: a tool takes an object there, not free text")
                continue
            functions.append(_declaration(tool, where, lost, manner, own=own))
        elif own:
            hosted.append({tool.what: tool.value})
        else:
            lost.add(where, f"{tool.what} is run by its own provider only")
            continue
        kept.append(tool)
    said = next((name for name in ask.rest if name.startswith(_LAYOUT)), "") if own else ""
    layout: Json = decode(said[len(_LAYOUT) :]) if said else _usual(kept)
    laid = _lay_out(layout, functions, hosted)
    if laid is None:  # tools were added or taken away since
        laid = _lay_out(_usual(kept), functions, hosted)
    return laid


def _lay_out(layout: Json, functions: list[Json], hosted: list[Obj]) -> Json:
    """The entries of tools; None where the layout does not fit what there is."""
    entries = [layout] if isinstance(layout, dict) else layout
    if not isinstance(entries, list) or not entries:
        return None
    out: list[Json] = []
    taken = met = 0
    for entry in entries:
        written: Obj = {}
        for name, what in entry.items() if isinstance(entry, dict) else ():
            if what is True:
                written |= hosted[met] if met < len(hosted) else {}
                met += 1
            elif what == "one":
                written[name] = functions[taken] if taken < len(functions) else None
                taken += 1
            elif isinstance(what, int):
                written[name] = functions[taken : taken + what]
                taken += what
            else:
                written[name] = None
        out.append(written)
    if taken != len(functions) or met != len(hosted):
        return None
    return out[0] if isinstance(layout, dict) else out


def _declaration(tool: Tool, where: str, lost: Lost, manner: Manner, *, own: bool) -> Obj:
    out: Obj = {"name": tool.name}
    if tool.description:
        out["description"] = tool.description
    if own and (native := native_of(tool.rest)) is not None:
        out["parameters"] = native
    elif "parametersJsonSchema" in manner.lacks and tool.parameters is not None:
        written = ToGemini(tool.parameters, lost).write(tool.parameters, f"{where}.parameters")
        if written.get("properties"):  # an object without any is refused; no schema says the same
            out["parameters"] = written
    elif tool.parameters is not None:
        out["parametersJsonSchema"] = tool.parameters
    if own:
        return lay(out, tool.rest)
    if tool.strict:
        lost.add(f"{where}.strict", "calls are not held to the schema there")
    lost.rest(where, tool.rest, HARMLESS)
    return out


def read_choice(raw: Json, ask: Ask) -> None:
    """Read toolConfig into ask. Raises Error (invalid_field)."""
    rest = ask.rest
    if raw is None or raw == {}:
        same(rest, "toolConfig", raw)
        return
    config = camel(obj_at(raw, "toolConfig"), rest, "toolConfig.")
    calling = config.pop("functionCallingConfig", None)
    if calling is None or calling == {}:
        if "functionCallingConfig" in camel(obj_at(raw, "toolConfig"), {}):
            same(rest, _CALLING[:-1], calling)
        leave(rest, config, "toolConfig.")
        return
    leave(rest, config, "toolConfig.")
    fields = camel(obj_at(calling, _CALLING[:-1]), rest, _CALLING)
    said = fields.pop("mode", None)
    word = _NUMBERS[said] if isinstance(said, int) and 0 <= said < len(_NUMBERS) else said
    mode: _Mode | None = "auto" if word is None else _MODES.get(word.upper()) if isinstance(word, str) else None
    if mode is None:
        raise wrong(f"{_CALLING}mode", said, "AUTO, ANY, NONE or VALIDATED")
    choice = ToolChoice(mode=mode)
    if said != _WORDS[mode]:
        if "mode" in obj_at(calling, _CALLING):
            same(rest, f"{_CALLING}mode", said)
        else:
            rest[f"-{_CALLING}mode"] = None
    names = fields.pop("allowedFunctionNames", None)
    if names:
        some = list_at(names, f"{_CALLING}allowedFunctionNames")
        choice.names = [text_at(one, f"{_CALLING}allowedFunctionNames") for one in some]
        if mode == "any" and len(some) == 1:
            choice.mode = "one"
    elif "allowedFunctionNames" in camel(obj_at(calling, _CALLING), {}):
        same(rest, f"{_CALLING}allowedFunctionNames", names)
    leave(rest, fields, _CALLING)
    ask.tool_choice = choice


def write_choice(choice: ToolChoice, lost: Lost, *, own: bool) -> Obj:
    """The functionCallingConfig that says a choice."""
    if not own:
        lost.rest("tool_choice", choice.rest, HARMLESS)
    out: Obj = {"mode": _WORDS[choice.mode]}
    if choice.names:
        out["allowedFunctionNames"] = list[Json](choice.names[:1] if choice.mode == "one" else choice.names)
        if choice.mode == "auto" and not own:
            out["mode"] = "VALIDATED"  # names are understood with ANY and VALIDATED only
    return out
