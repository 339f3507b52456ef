"""Requests of OpenAI's chat dialect, checked as strictly as the vendor checks them."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.sim.emulate.asked import Asked, Obj, Refused, Tool
from poise.sim.emulate.field import Place, Wrong, between, known, look, of_kind, one_of, schema_of
from poise.sim.emulate.media import type_of_url

FIELDS: Final = frozenset(
    {
        "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
        "max_tokens", "messages", "metadata", "modalities", "model", "moderation", "n", "parallel_tool_calls",
        "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options",
        "prompt_cache_retention", "reasoning_effort",
        "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream", "stream_options",
        "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
    }
)  # fmt: skip
_ROLES: Final = ("system", "assistant", "user", "function", "tool", "developer")
_PARTS: Final = ("text", "image_url", "input_audio", "refusal", "audio", "file", "thinking", "video_url")
_REASONS: Final = ("o1", "o3", "o4", "gpt-5")
_NEEDS_EFFORT: Final = ("none", "minimal", "low", "medium", "high", "xhigh")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How strict a vendor is.

    closed: fields, kinds of parts and values that OpenAI does not know are refused; refuses: fields that it refuses,
    ``messages.name`` within each message; call_id_size: the length that ids of tool calls must have, 0 for any.
    """

    closed: bool = False
    refuses: frozenset[str] = frozenset()
    call_id_size: int = 0


def read(body: Obj, rules: Rules) -> Asked:
    """The question. Raises Wrong, or Refused for what no field can be blamed for."""
    asked = Asked(model=look(body, "model", "string", need=True))
    messages = look(body, "messages", "array", need=True)
    if not messages:
        raise Wrong(
            ("messages",), "other", text="Invalid 'messages': empty array. Expected an array with minimum length 1."
        )
    if rules.closed:
        known(body, FIELDS)
    for name in rules.refuses & body.keys():
        if body[name] not in (None, False):
            raise Wrong((name,), "other", text=f"property '{name}' is unsupported")
    asked.stream = bool(look(body, "stream", "boolean"))
    _limits(asked, body, rules)
    open_calls: list[str] = []
    for at, message in enumerate(messages):
        _message(asked, of_kind(message, "object", ("messages", at)), ("messages", at), rules, open_calls)
    _settled(open_calls, len(messages), ())
    _tools(asked, body, rules)
    _form(asked, body, rules)
    return asked


def wants_usage(body: Obj) -> bool:
    """Whether a stream's usage was asked for."""
    options = look(body, "stream_options", "object") or {}
    if options and not body.get("stream"):
        raise Wrong(
            ("stream_options",),
            "other",
            text="The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        )
    return bool(options.get("include_usage"))


def _limits(asked: Asked, body: Obj, rules: Rules) -> None:
    between(body, "temperature", 0, 2)
    between(body, "top_p", 0, 1)
    between(body, "presence_penalty", -2, 2)
    between(body, "frequency_penalty", -2, 2)
    for name in ("max_tokens", "max_completion_tokens"):
        limit = look(body, name, "integer")
        if limit is not None and limit < 1 and rules.closed:
            text = f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {limit} instead."
            raise Wrong((name,), "other", text=text)
        asked.limit = max(0, limit or asked.limit)
    if body.get("max_tokens") is not None and asked.model.startswith(_REASONS):
        text = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        raise Wrong(("max_tokens",), "other", text=text)
    stop = look(body, "stop", "string|array")
    asked.stops = (
        [stop] if isinstance(stop, str) else [of_kind(one, "string", ("stop", at)) for at, one in enumerate(stop or ())]
    )
    effort = look(body, "reasoning_effort", "string")
    if effort is not None and rules.closed:
        one_of(effort, _NEEDS_EFFORT, ("reasoning_effort",))
    thinking = body.get("thinking")
    reasoning = body.get("reasoning")
    asked.thinks = (
        effort not in (None, "none")
        or (isinstance(thinking, dict) and thinking.get("type") == "enabled")
        or (
            isinstance(reasoning, dict)
            and reasoning.get("enabled") is not False
            and not reasoning.get("exclude")
            and bool(reasoning)
        )
        or body.get("enable_thinking") is True
    )


def _message(asked: Asked, message: Obj, at: Place, rules: Rules, open_calls: list[str]) -> None:
    role = one_of(look(message, "role", "string", at, need=True), _ROLES, (*at, "role"))
    if "messages.name" in rules.refuses and "name" in message:
        raise Wrong((*at, "name"), "other", text=f"'{'.'.join(map(str, at))}' : property 'name' is unsupported")
    asked.turns += role == "user"
    content = look(message, "content", "string|array", at, need=role != "assistant")
    if role != "tool":
        _settled(open_calls, int(at[1]), at)
    if role == "tool":
        id = look(message, "tool_call_id", "string", at, need=rules.closed) or (open_calls[0] if open_calls else "")
        if id not in open_calls:
            text = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
            raise Wrong((*at, "role"), "other", text=text)
        open_calls.remove(id)
        asked.answered(_text(asked, content, (*at, "content"), by="tool", closed=rules.closed))
        return
    text = _text(asked, content, (*at, "content"), by=role, closed=rules.closed)
    asked.said(text, by_user=role == "user")
    for number, call in enumerate(look(message, "tool_calls", "array", at) or ()):
        open_calls.append(_past_call(asked, call, (*at, "tool_calls", number), rules))
    if (
        role == "assistant"
        and content is None
        and not (message.get("tool_calls") or message.get("refusal") or message.get("audio"))
    ):
        text = f"Invalid value for 'content': expected a string, got null. ({'.'.join(map(str, at))})"
        raise Wrong((*at, "content"), "other", text=text)


def _past_call(asked: Asked, call: object, at: Place, rules: Rules) -> str:
    node = of_kind(call, "object", at)
    id = str(look(node, "id", "string", at, need=True))
    function = look(node, "function", "object", at)
    if function is None:
        look(node, "custom", "object", at, need=True)
        return id
    name = look(function, "name", "string", (*at, "function"), need=True)
    look(function, "arguments", "string", (*at, "function"), need=True)
    asked.called.append(name)
    size = rules.call_id_size
    if size and (len(id) != size or not id.isalnum()):
        raise Wrong(at, "other", text=f"Tool call id was {id} but must be a-z, A-Z, 0-9, with a length of {size}.")
    return id


def _settled(open_calls: list[str], number: int, at: Place) -> None:
    if open_calls:
        ids = ", ".join(open_calls)
        text = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
            f"The following tool_call_ids did not have response messages: {ids}"
        )
        raise Wrong((*at, "role") if at else ("messages", number, "role"), "other", text=text)


def _text(asked: Asked, content: object, at: Place, *, by: str, closed: bool) -> str:
    """The words of a content; images and files are noted."""
    if isinstance(content, str) or content is None:
        return content or ""
    assert isinstance(content, list)
    words: list[str] = []
    for number, part in enumerate(content):
        here = (*at, number)
        node = of_kind(part, "object", here)
        kind = look(node, "type", "string", here, need=True)
        if closed:
            one_of(kind, _PARTS, (*here, "type"))
        if kind == "text":
            words.append(look(node, "text", "string", here, need=True))
        elif kind == "refusal":
            words.append(look(node, "refusal", "string", here, need=True))
        elif kind == "thinking":
            look(node, "thinking", "string|array", here, need=True)
        elif closed and by != "user":
            raise Wrong((*here, "type"), "value", "text", kind)
        else:
            asked.shown(_media(node, kind, here))
    return " ".join(words)


def _media(node: Obj, kind: str, at: Place) -> str:
    if kind.endswith("_url"):
        given = look(node, kind, "object|string", at, need=True)
        url = given if isinstance(given, str) else look(given, "url", "string", (*at, kind), need=True)
        if kind == "image_url" and not url.startswith(("data:", "http://", "https://")):
            raise Wrong((*at, kind, "url"), "other", text=f"Invalid '{kind}.url': expected a URL or a data URL.")
        return type_of_url(url, "image" if kind == "image_url" else "file")
    if kind == "input_audio":
        audio = look(node, kind, "object|string", at, need=True)  # Mistral takes the bare data
        return (
            "audio/unknown"
            if isinstance(audio, str)
            else f"audio/{look(audio, 'format', 'string', (*at, kind), need=True)}"
        )
    if kind != "file":
        return "file/unknown"
    file = look(node, "file", "object", at, need=True)
    data = look(file, "file_data", "string", (*at, "file"))
    return type_of_url(data or look(file, "filename", "string", (*at, "file")) or "", "file")


def _tools(asked: Asked, body: Obj, rules: Rules) -> None:
    for at, tool in enumerate(look(body, "tools", "array") or ()):
        here = ("tools", at)
        node = of_kind(tool, "object", here)
        kind = look(node, "type", "string", here, need=rules.closed) or "function"
        if rules.closed:
            one_of(kind, ("function", "custom"), (*here, "type"))
        if kind != "function":
            continue
        function = look(node, "function", "object", here, need=True)
        name = look(function, "name", "string", (*here, "function"), need=True)
        asked.tools.append(
            Tool(
                name,
                schema_of(
                    look(function, "parameters", "object", (*here, "function")) or {}, (*here, "function", "parameters")
                ),
            )
        )
    asked.parallel = look(body, "parallel_tool_calls", "boolean") is not False
    choice = look(body, "tool_choice", "string|object")
    if choice is not None and not body.get("tools"):
        raise Wrong(
            ("tool_choice",),
            "other",
            text="Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
        )
    if isinstance(choice, str):
        said = one_of(choice, ("none", "auto", "required", "any"), ("tool_choice",))
        asked.choice = "none" if said == "none" else "auto" if said == "auto" else "any"
    elif choice is not None:
        asked.choice, asked.wanted = "any", _wanted(choice)
        for name in asked.wanted:
            if name not in [tool.name for tool in asked.tools]:
                text = f"Invalid value for 'tool_choice': '{name}' is not the name of a tool."
                raise Wrong(("tool_choice", "function", "name"), "other", text=text)


def _wanted(choice: Obj) -> list[str]:
    if choice.get("type") == "allowed_tools":
        here: Place = ("tool_choice", "allowed_tools")
        allowed = look(choice, "allowed_tools", "object", ("tool_choice",), need=True)
        given = [of_kind(tool, "object", (*here, "tools")) for tool in look(allowed, "tools", "array", here, need=True)]
        functions = [look(tool, "function", "object", (*here, "tools"), need=True) for tool in given]
        return [look(function, "name", "string", (*here, "tools"), need=True) for function in functions]
    function = look(choice, "function", "object", ("tool_choice",), need=True)
    return [look(function, "name", "string", ("tool_choice", "function"), need=True)]


def _form(asked: Asked, body: Obj, rules: Rules) -> None:
    form = look(body, "response_format", "object")
    if form is None:
        return
    at: Place = ("response_format",)
    kind = one_of(look(form, "type", "string", at, need=True), ("text", "json_object", "json_schema"), (*at, "type"))
    asked.json = kind == "json_object"
    if kind == "json_schema":
        inner = look(form, "json_schema", "object", at, need=True)
        look(inner, "name", "string", (*at, "json_schema"), need=rules.closed)
        asked.schema = schema_of(
            look(inner, "schema", "object", (*at, "json_schema")) or {}, (*at, "json_schema", "schema")
        )
        if inner.get("strict") and rules.closed:
            _strict(asked.schema, str(inner["name"]))


def _strict(schema: Obj, name: str) -> None:
    """What OpenAI wants of a strict schema, looked at in its root."""
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        text = (
            f"Invalid schema for response_format '{name}': In context=(), 'additionalProperties' is required to be "
            "supplied and to be false."
        )
        raise Refused("invalid", text, field="response_format")
