"""Requests of OpenAI's responses dialect, checked as OpenAI checks them."""

from __future__ import annotations

from typing import Final

from poise.sim.emulate.asked import Asked, Obj, Tool
from poise.sim.emulate.field import Place, Wrong, between, known, look, of_kind, one_of, schema_of
from poise.sim.emulate.media import type_of_url
from poise.sim.emulate.reply import is_seal

FIELDS: Final = frozenset(
    {
        "background", "context_management", "conversation", "include", "input", "instructions", "max_output_tokens",
        "max_tool_calls", "metadata", "model", "moderation", "parallel_tool_calls", "previous_response_id", "prompt",
        "prompt_cache_key", "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "stream",
        "stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
    }
)  # fmt: skip
_ROLES: Final = ("assistant", "system", "developer", "user")
_PARTS: Final = (
    "input_text",
    "input_image",
    "output_text",
    "refusal",
    "input_file",
    "computer_screenshot",
    "summary_text",
)
_OUTPUTS: Final = ("function_call_output", "custom_tool_call_output")
_CALLS: Final = ("function_call", "custom_tool_call")


def read(body: Obj) -> Asked:
    """The question. Raises Wrong."""
    known(body, FIELDS)
    kept = "prompt" in body  # a prompt that is kept at the vendor may say the rest
    asked = Asked(model=look(body, "model", "string", need=not kept) or "")
    asked.stream = bool(look(body, "stream", "boolean"))
    between(body, "temperature", 0, 2)
    between(body, "top_p", 0, 1)
    asked.limit = look(body, "max_output_tokens", "integer") or 0
    if asked.limit and asked.limit < 16:
        text = f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got {asked.limit} instead."
        raise Wrong(("max_output_tokens",), "other", text=text)
    previous = look(body, "previous_response_id", "string")
    if previous is not None and not previous.startswith("resp_"):
        raise Wrong(("previous_response_id",), "other", text=f"Previous response with id '{previous}' not found.")
    asked.said(look(body, "instructions", "string") or "")
    _input(asked, look(body, "input", "string|array", need=not kept) or "", known_before=previous is not None)
    _tools(asked, body)
    look(body, "include", "array")
    reasoning = look(body, "reasoning", "object") or {}
    asked.thinks = reasoning.get("effort") not in (None, "none") or bool(reasoning.get("summary"))
    form = look(look(body, "text", "object") or {}, "format", "object", ("text",)) or {"type": "text"}
    kind = one_of(form.get("type"), ("text", "json_object", "json_schema"), ("text", "format", "type"))
    asked.json = kind == "json_object"
    if kind == "json_schema":
        look(form, "name", "string", ("text", "format"), need=True)
        asked.schema = schema_of(
            look(form, "schema", "object", ("text", "format"), need=True), ("text", "format", "schema")
        )
    return asked


def _input(asked: Asked, given: str | list[object], *, known_before: bool) -> None:
    if isinstance(given, str):
        asked.turns = 1
        asked.said(given, by_user=True)
        return
    waiting: list[str] = []
    for at, one in enumerate(given):
        here: Place = ("input", at)
        item = of_kind(one, "object", here)
        kind = item.get("type", "message")
        if kind == "message":
            _message(asked, item, here)
        elif kind in _CALLS:
            id = look(item, "call_id", "string", here, need=True)
            asked.called.append(look(item, "name", "string", here, need=True))
            look(item, "arguments" if kind == "function_call" else "input", "string", here, need=True)
            waiting.append(id)
        elif kind in _OUTPUTS:
            _output(asked, item, here, waiting, known_before=known_before)
        elif kind == "reasoning":
            _thought(item, here)
        elif not isinstance(kind, str):
            raise Wrong((*here, "type"), "value", "message", kind)
    if waiting:
        raise Wrong(("input",), "other", text=f"No tool output found for function call {waiting[0]}.")


def _message(asked: Asked, item: Obj, at: Place) -> None:
    role = one_of(look(item, "role", "string", at, need=True), _ROLES, (*at, "role"))
    content = look(item, "content", "string|array", at, need=True)
    asked.turns += role == "user"
    asked.said(_words(asked, content, (*at, "content"), by=role), by_user=role == "user")


def _output(asked: Asked, item: Obj, at: Place, waiting: list[str], *, known_before: bool) -> None:
    id = look(item, "call_id", "string", at, need=True)
    if id in waiting:
        waiting.remove(id)
    elif not known_before:
        raise Wrong(("input",), "other", text=f"No tool call found for function call output with call_id {id}.")
    asked.answered(_words(asked, look(item, "output", "string|array", at, need=True), (*at, "output"), by="tool"))


def _thought(item: Obj, at: Place) -> None:
    sealed = look(item, "encrypted_content", "string", at)
    text = " ".join(
        str(part.get("text", "")) for part in look(item, "summary", "array", at, need=True) if isinstance(part, dict)
    )
    if sealed is not None and not is_seal(sealed, text) and not is_seal(sealed, ""):
        raise Wrong((*at, "encrypted_content"), "other", text="The encrypted content could not be verified.")


def _words(asked: Asked, content: str | list[object], at: Place, *, by: str) -> str:
    if isinstance(content, str):
        return content
    words: list[str] = []
    for number, one in enumerate(content):
        here = (*at, number)
        part = of_kind(one, "object", here)
        kind = one_of(look(part, "type", "string", here, need=True), _PARTS, (*here, "type"))
        if kind in {"input_text", "output_text", "summary_text"}:
            if (kind == "output_text") != (by == "assistant"):
                raise Wrong(
                    (*here, "type"),
                    "value",
                    "'output_text' and 'refusal'" if by == "assistant" else "'input_text'",
                    kind,
                )
            words.append(look(part, "text", "string", here, need=True))
        elif kind == "refusal":
            words.append(look(part, "refusal", "string", here, need=True))
        elif kind == "input_image":
            asked.shown(type_of_url(look(part, "image_url", "string", here) or "", "image"))
        else:
            asked.shown(type_of_url(_file(part, here), "file"))
    return " ".join(words)


def _file(part: Obj, at: Place) -> str:
    return next(
        (found for name in ("file_data", "file_url", "filename") if (found := look(part, name, "string", at))), ""
    )


def _tools(asked: Asked, body: Obj) -> None:
    for at, one in enumerate(look(body, "tools", "array") or ()):
        tool = of_kind(one, "object", ("tools", at))
        if look(tool, "type", "string", ("tools", at), need=True) == "function":
            name = look(tool, "name", "string", ("tools", at), need=True)
            schema = look(tool, "parameters", "object", ("tools", at)) or {}
            asked.tools.append(Tool(name, schema_of(schema, ("tools", at, "parameters"))))
    asked.parallel = look(body, "parallel_tool_calls", "boolean") is not False
    choice = look(body, "tool_choice", "string|object")
    if isinstance(choice, str):
        said = one_of(choice, ("none", "auto", "required"), ("tool_choice",))
        asked.choice = "any" if said == "required" else "none" if said == "none" else "auto"
    elif choice is not None and choice.get("type") == "allowed_tools":
        asked.choice = "any" if choice.get("mode") == "required" else "auto"
        given = look(choice, "tools", "array", ("tool_choice",), need=True)
        asked.wanted = [str(of_kind(tool, "object", ("tool_choice", "tools")).get("name")) for tool in given]
    elif choice is not None:
        asked.choice, asked.wanted = "any", [look(choice, "name", "string", ("tool_choice",), need=True)]
        if asked.wanted[0] not in [tool.name for tool in asked.tools]:
            raise Wrong(
                ("tool_choice",), "other", text=f"Tool choice '{asked.wanted[0]}' not found in 'tools' parameter."
            )
