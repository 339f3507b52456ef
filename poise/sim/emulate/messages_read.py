"""Requests of Anthropic's messages and count_tokens, checked as Anthropic checks them."""

from __future__ import annotations

from typing import Final

from poise.sim.emulate.asked import Asked, Obj, Refused, Tool
from poise.sim.emulate.field import Place, Wrong, dotted, known, look, of_kind, one_of, schema_of
from poise.sim.emulate.media import type_of_url
from poise.sim.emulate.message import Request
from poise.sim.emulate.reply import is_seal

FIELDS: Final = frozenset(
    {
        "anthropic_beta", "anthropic_version", "cache_control", "container", "context_management", "inference_geo",
        "max_tokens", "mcp_servers", "messages", "metadata", "model", "output_config", "output_format", "service_tier",
        "speed", "stop_sequences", "stream", "system", "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p",
    }
)  # fmt: skip
_BLOCKS: Final = (
    "text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking", "server_tool_use",
    "web_search_tool_result", "search_result", "container_upload", "mcp_tool_use", "mcp_tool_result", "tool_addition",
    "tool_reference", "tool_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result",
)  # fmt: skip
_RANGES: Final = {"temperature": (0, 1), "top_p": (0, 1)}


def check_headers(request: Request) -> None:
    """Raise Refused where the version of the API is not said."""
    if "anthropic-version" not in request.headers:
        raise Refused("invalid", "anthropic-version: header is required")


def read(body: Obj, *, model: str = "", counting: bool = False) -> Asked:
    """The question; model is the path's, where that says it. Raises Wrong or Refused."""
    known(body, FIELDS)
    asked = Asked(model=model or look(body, "model", "string", need=True))
    limit = look(body, "max_tokens", "integer", need=not counting)
    if limit is not None and limit < 1:
        raise Wrong(("max_tokens",), "other", text="Input should be greater than or equal to 1")
    asked.limit = limit or 0
    asked.stream = bool(look(body, "stream", "boolean"))
    _numbers(body)
    asked.stops = [
        of_kind(one, "string", ("stop_sequences", at))
        for at, one in enumerate(look(body, "stop_sequences", "array") or ())
    ]
    asked.said(_words(asked, look(body, "system", "string|array"), ("system",)))
    messages = look(body, "messages", "array", need=True)
    if not messages:
        raise Wrong(("messages",), "other", text="at least one message is required")
    _tools(asked, body)
    _thinking(asked, body, messages)
    _messages(asked, messages)
    _form(asked, body)
    return asked


def _numbers(body: Obj) -> None:
    for name, (low, high) in _RANGES.items():
        value = look(body, name, "number")
        if value is not None and not low <= value <= high:
            raise Wrong((name,), "other", text=f"range: {low}..{high}")
    look(body, "top_k", "integer")


def _messages(asked: Asked, messages: list[object]) -> None:
    waiting: list[str] = []
    for at, one in enumerate(messages):
        here: Place = ("messages", at)
        message = of_kind(one, "object", here)
        role = one_of(
            look(message, "role", "string", here, need=True), ("user", "assistant", "system"), (*here, "role")
        )
        content = look(message, "content", "string|array", here, need=True)
        results = [
            block.get("tool_use_id")
            for block in content
            if isinstance(block, dict) and block.get("type") == "tool_result"
        ]
        _settled(waiting, results, at)
        if role == "system":
            asked.said(_words(asked, content, (*here, "content")))
        elif role == "user":
            asked.turns += not results
            _user(asked, content, (*here, "content"))
        else:
            if content in ("", []) and at < len(messages) - 1:
                raise Wrong(
                    here,
                    "other",
                    text="all messages must have non-empty content except for the optional final assistant message",
                )
            asked.said(_words(asked, content, (*here, "content"), by="assistant"))
            waiting = [
                str(block.get("id")) for block in content if isinstance(block, dict) and block.get("type") == "tool_use"
            ]
    if waiting:
        _settled(waiting, [], len(messages))


def _settled(waiting: list[str], results: list[str | None], at: int) -> None:
    """Every call is answered by the message that follows it, and nothing else is."""
    missing = [id for id in waiting if id not in results]
    if missing:
        text = (
            f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)}. Each "
            "`tool_use` block must have a corresponding `tool_result` block in the next message."
        )
        raise Wrong(("messages", at - 1), "other", text=text)
    unknown = [id for id in results if id not in waiting]
    if unknown:
        text = (
            f"unexpected `tool_use_id` found in `tool_result` blocks: {unknown[0]}. Each `tool_result` block must have a "
            "corresponding `tool_use` block in the previous message."
        )
        raise Wrong(("messages", at, "content"), "other", text=text)
    waiting.clear()


def _user(asked: Asked, content: str | list[object], at: Place) -> None:
    """Tool results first, then what the user says beside them."""
    result: str | None = None
    called: list[str] = []
    if isinstance(content, list):
        earlier = len(content)
        for number, block in enumerate(content):
            if isinstance(block, dict) and block.get("type") == "tool_result":
                here = (*at, number)
                look(block, "tool_use_id", "string", here, need=True)
                inner = look(block, "content", "string|array", here)
                asked.answered(_words(asked, inner, (*here, "content"), by="tool"))
        content = [block for block in content if not (isinstance(block, dict) and block.get("type") == "tool_result")]
        if not content:
            return
        if len(content) < earlier:
            result, called = asked.result, asked.called
    asked.said(_words(asked, content, at, by="user"), by_user=True)
    asked.result, asked.called = result, called


def _words(asked: Asked, content: object, at: Place, *, by: str = "system") -> str:
    if isinstance(content, str) or content is None:
        return content or ""
    assert isinstance(content, list)
    words: list[str] = []
    for number, one in enumerate(content):
        here = (*at, number)
        block = of_kind(one, "object", here)
        kind = one_of(look(block, "type", "string", here, need=True), _BLOCKS, (*here, "type"))
        if kind == "text":
            text = look(block, "text", "string", here, need=True)
            if not text and by != "tool":
                raise Wrong(("messages",), "other", text="text content blocks must be non-empty")
            words.append(text)
        elif kind in {"image", "document"}:
            asked.shown(_media(block, kind, here))
        elif kind == "tool_use":
            _past_call(asked, block, here)
        elif kind == "thinking":
            _thought(block, here)
        elif kind == "redacted_thinking":
            look(block, "data", "string", here, need=True)
    return " ".join(words)


def _past_call(asked: Asked, block: Obj, at: Place) -> None:
    id = look(block, "id", "string", at, need=True)
    if not id or not id.replace("_", "").replace("-", "").isalnum():
        raise Wrong((*at, "id"), "other", text="String should match pattern '^[a-zA-Z0-9_-]+$'")
    asked.called.append(look(block, "name", "string", at, need=True))
    look(block, "input", "object", at, need=True)


def _thought(block: Obj, at: Place) -> None:
    text = look(block, "thinking", "string", at, need=True)
    if not is_seal(look(block, "signature", "string", at, need=True), text):
        raise Wrong(at, "other", text="Invalid `signature` in `thinking` block")


def _media(block: Obj, kind: str, at: Place) -> str:
    source = look(block, "source", "object", at, need=True)
    form = one_of(look(source, "type", "string", (*at, "source"), need=True), ("base64", "url", "file", "text", "content"),
                  (*at, "source", "type"))  # fmt: skip
    if form == "base64":
        look(source, "data", "string", (*at, "source"), need=True)
        said = str(look(source, "media_type", "string", (*at, "source"), need=True))
        if kind == "image":
            one_of(said, ("image/jpeg", "image/png", "image/gif", "image/webp"), (*at, "source", "media_type"))
        return said
    if form == "url":
        return type_of_url(
            look(source, "url", "string", (*at, "source"), need=True), "image" if kind == "image" else "file"
        )
    return "text/plain" if form == "text" else f"{kind}/unknown"


def _tools(asked: Asked, body: Obj) -> None:
    for at, one in enumerate(look(body, "tools", "array") or ()):
        here = ("tools", at)
        tool = of_kind(one, "object", here)
        if tool.get("type") not in (None, "custom"):
            continue  # a tool that Anthropic runs
        name = look(tool, "name", "string", here, need=True)
        schema = look(tool, "input_schema", "object", here, need=True)
        if schema.get("type") != "object":
            raise Wrong((*here, "input_schema", "type"), "other", text="Input should be 'object'")
        asked.tools.append(Tool(name, schema_of(schema, (*here, "input_schema"))))
    choice = look(body, "tool_choice", "object")
    if choice is None:
        return
    if not body.get("tools"):
        raise Wrong(("tool_choice",), "other", text="tool_choice may only be specified while providing tools")
    kind = one_of(
        look(choice, "type", "string", ("tool_choice",), need=True),
        ("auto", "any", "tool", "none"),
        ("tool_choice", "type"),
    )
    asked.choice = "any" if kind in {"any", "tool"} else "none" if kind == "none" else "auto"
    asked.parallel = not choice.get("disable_parallel_tool_use")
    if kind == "tool":
        asked.wanted = [look(choice, "name", "string", ("tool_choice",), need=True)]
        if asked.wanted[0] not in [tool.name for tool in asked.tools]:
            raise Wrong(("tool_choice", "name"), "other", text=f"Tool '{asked.wanted[0]}' not found in provided tools")


def _thinking(asked: Asked, body: Obj, messages: list[object]) -> None:
    thinking = look(body, "thinking", "object")
    if thinking is None:
        return
    at: Place = ("thinking",)
    kind = one_of(look(thinking, "type", "string", at, need=True), ("enabled", "disabled", "adaptive"), (*at, "type"))
    if kind == "disabled":
        return
    asked.thinks = True
    if kind == "enabled":
        budget = look(thinking, "budget_tokens", "integer", at, need=True)
        if budget < 1024:
            raise Wrong(
                (*at, "enabled", "budget_tokens"), "other", text="Input should be greater than or equal to 1024"
            )
        if asked.limit and asked.limit <= budget:
            raise Wrong(("max_tokens",), "other", text="`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("temperature") not in (None, 1):
        raise Wrong(("temperature",), "other", text="may only be set to 1 when thinking is enabled")
    if asked.choice == "any":
        raise Wrong(("thinking",), "other", text="Thinking may not be enabled when tool_choice forces tool use.")
    if kind == "enabled":
        _begins_with_thought(messages)


def _begins_with_thought(messages: list[object]) -> None:
    """The turn that is answered by tool results must begin with its thought."""
    if len(messages) < 2 or not isinstance(last := messages[-2], dict) or last.get("role") != "assistant":
        return
    content = last.get("content")
    kinds = [block.get("type") for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    if "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking"):
        text = f"Expected `thinking` or `redacted_thinking`, but found `{kinds[0]}`."
        raise Wrong(("messages", len(messages) - 2, "content", 0, "type"), "other", text=text)


def _form(asked: Asked, body: Obj) -> None:
    config = look(body, "output_config", "object") or {}
    form = look(body, "output_format", "object") or look(config, "format", "object", ("output_config",))
    if form is None:
        return
    one_of(form.get("type"), ("json_schema",), ("output_format", "type"))
    asked.schema = schema_of(look(form, "schema", "object", ("output_format",), need=True), ("output_format", "schema"))


def words_of(wrong: Wrong) -> str:
    """What Anthropic says of a wrong field."""
    if wrong.fault == "missing":
        text = "Field required"
    elif wrong.fault == "unknown":
        text = "Extra inputs are not permitted"
    elif wrong.fault == "type":
        kind = wrong.want.split("|", maxsplit=1)[0]
        text = f"Input should be a valid {({'array': 'list', 'object': 'dictionary'}).get(kind, kind)}"
    elif wrong.fault == "value":
        text = f"Input tag {str(wrong.got)[:80]!r} found does not match any of the expected tags: {wrong.want}"
    else:
        text = wrong.text
    return f"{dotted(wrong.at)}: {text}"
