"""generationConfig, both ways: limits, sampling, the form of the answer, thinking."""

from __future__ import annotations

from typing import Final, cast

from poise.wire.conversation.ask import Ask, Effort, OutputForm, Thinking
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import FORMAL, Json, Rest
from poise.wire.gemini.forms import Obj, camel, leave, native_of, obj_at, same, wrong
from poise.wire.gemini.parts_write import HARMLESS
from poise.wire.gemini.schema import ToGemini, to_json

_INTS: Final = {"maxOutputTokens": "max_output", "topK": "top_k", "seed": "seed", "candidateCount": "count"}
_FLOATS: Final = {
    "temperature": "temperature",
    "topP": "top_p",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
}
_EFFORTS: Final = frozenset({"minimal", "low", "medium", "high", "xhigh"})
# What Google's own OpenAI endpoint makes of reasoning_effort for models that think by budget (Gemini 2.5).
_BUDGETS: Final = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576}
_CONFIG: Final = "generationConfig."
_THINKING: Final = "generationConfig.thinkingConfig."


def read(raw: Json, ask: Ask) -> None:
    """Read generationConfig into ask. Raises Error (invalid_field)."""
    rest = ask.rest
    if raw is None or raw == {}:
        same(rest, "generationConfig", raw)
        return
    config = camel(obj_at(raw, "generationConfig"), rest, _CONFIG)
    for name, field in _INTS.items():
        if name in config:
            setattr(ask, field, _whole(config.pop(name), name, rest))
    for name, field in _FLOATS.items():
        if name in config:
            setattr(ask, field, _number(config.pop(name), name, rest))
    if "stopSequences" in config:
        _read_stop(config.pop("stopSequences"), ask)
    if config.get("responseModalities") == ["TEXT"]:
        same(rest, f"{_CONFIG}responseModalities", config.pop("responseModalities"))
    if "thinkingConfig" in config:
        _read_thinking(config.pop("thinkingConfig"), ask)
    _read_form(config, ask)
    leave(rest, config, _CONFIG)


def _whole(value: Json, name: str, rest: Rest) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if value is not None and not (isinstance(value, float) and value.is_integer()):
        if not (isinstance(value, str) and value.isascii() and value.isdigit()):
            raise wrong(_CONFIG + name, value, "a whole number")
        if len(value) > len("9223372036854775807"):
            raise wrong(_CONFIG + name, value, "a whole number of 64 bits")
    same(rest, _CONFIG + name, value)  # Google's JSON allows numbers in quotes
    return None if value is None else int(value)


def _number(value: Json, name: str, rest: Rest) -> float | None:
    if value is None:
        same(rest, _CONFIG + name, None)
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(_CONFIG + name, value, "a number")
    return value


def _read_stop(value: Json, ask: Ask) -> None:
    if not value:
        same(ask.rest, f"{_CONFIG}stopSequences", value)
        return
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise wrong(f"{_CONFIG}stopSequences", value, "a list of strings")
    ask.stop = cast("list[str]", value)


def _read_form(config: Obj, ask: Ask) -> None:
    """The media type and the schema. A schema of anything but JSON (``text/x.enum``) has no counterpart and is kept."""
    kind = config.get("responseMimeType")
    native = config.get("responseSchema")
    schema = config.get("responseJsonSchema")
    if (native is not None or schema is not None) and kind in (None, "application/json"):
        if "responseMimeType" not in config:
            ask.rest[f"-{_CONFIG}responseMimeType"] = None
        elif kind is None:
            same(ask.rest, f"{_CONFIG}responseMimeType", None)
        config.pop("responseMimeType", None)
        if schema is not None:
            ask.output = OutputForm(kind="schema", schema=config.pop("responseJsonSchema"))
        else:
            ask.output = OutputForm(kind="schema", schema=to_json(native))
            ask.output.rest = {FORMAL: {"native": config.pop("responseSchema")}}
    elif native is None and schema is None and kind in ("application/json", "text/plain"):
        ask.output = OutputForm(kind="json" if kind == "application/json" else "text")
        del config["responseMimeType"]


def _read_thinking(raw: Json, ask: Ask) -> None:
    rest = ask.rest
    if raw is None:
        same(rest, "generationConfig.thinkingConfig", None)
        return
    given = camel(obj_at(raw, "generationConfig.thinkingConfig"), rest, _THINKING)
    thinking = Thinking()
    ask.thinking = thinking
    if not given:
        same(rest, "generationConfig.thinkingConfig", given)
    budget = given.get("thinkingBudget")
    if isinstance(budget, int) and not isinstance(budget, bool):
        del given["thinkingBudget"]
        thinking.budget_tokens = budget
        thinking.off = budget == 0
    level = given.get("thinkingLevel")
    if isinstance(level, str) and level.lower() in _EFFORTS:
        del given["thinkingLevel"]
        thinking.effort = cast("Effort", level.lower())
        if level != thinking.effort:
            same(rest, f"{_THINKING}thinkingLevel", level)
    shown = given.get("includeThoughts")
    if isinstance(shown, bool):
        del given["includeThoughts"]
        thinking.shown = shown
    leave(rest, given, _THINKING)


def write(ask: Ask, lost: Lost, manner: Manner, *, own: bool) -> Obj:
    """generationConfig; {} where there is nothing to say."""
    config: Obj = {}
    for name, field in (_INTS | _FLOATS).items():
        value = getattr(ask, field)
        if value is not None:
            config[name] = value
    if ask.stop:
        config["stopSequences"] = list[Json](ask.stop)
    if ask.thinking is not None:
        thinking = _write_thinking(ask.thinking, ask, lost, manner, own=own)
        if thinking:
            config["thinkingConfig"] = thinking
    if ask.output is not None:
        _write_form(ask.output, config, lost, manner, own=own)
    return config


def _write_form(form: OutputForm, config: Obj, lost: Lost, manner: Manner, *, own: bool) -> None:
    if not own:
        lost.rest("output", form.rest, HARMLESS)
        if form.description:
            lost.add("output.description", "has no place there")
    config["responseMimeType"] = "text/plain" if form.kind == "text" else "application/json"
    if form.kind != "schema":
        return
    if not manner.schema:
        lost.add("output.schema", "structured output is not understood there: any JSON is asked for")
    elif own and (native := native_of(form.rest)) is not None:
        config["responseSchema"] = native
    elif "responseJsonSchema" in manner.lacks:
        config["responseSchema"] = ToGemini(form.schema, lost).write(form.schema, "output.schema")
    else:
        config["responseJsonSchema"] = form.schema


def _write_thinking(thinking: Thinking, ask: Ask, lost: Lost, manner: Manner, *, own: bool) -> Obj:
    out: Obj = {}
    effort, budget = thinking.effort, thinking.budget_tokens
    if not own:
        lost.rest("thinking", thinking.rest, HARMLESS)
        if thinking.off or effort == "none":
            effort, budget = None, 0
        elif effort is not None and (budget is not None or by_budget(ask.model, manner)):
            # Both at once are refused; a budget is the finer of the two.
            budget, effort = (_BUDGETS[effort] if budget is None else budget), None
    if budget is not None:
        out["thinkingBudget"] = budget
    if effort is not None:
        out["thinkingLevel"] = effort
    shown = thinking.shown
    if shown is None and not own and budget != 0 and ask.spoken != "responses":
        shown = True  # elsewhere thought is shown where there is some; here and in responses it must be asked for
    if shown is not None:
        out["includeThoughts"] = shown
    return out


def by_budget(model: str, manner: Manner) -> bool:
    """Whether a model is told how much to think in tokens (Gemini 2.5) and not by a level (Gemini 3 and later)."""
    return "thinkingLevel" in manner.lacks or "gemini-2" in model
