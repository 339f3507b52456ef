"""A whole answer, both ways: the ``response`` object."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.errors import AttemptFailed, Failure
from poise.wire.conversation.answer import Answer, Choice, Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.call_ids import calls_before
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import FORMAL, Json, Part, Refusal, ToolCall
from poise.wire.openai import failure
from poise.wire.responses.ending import COMPLETE, read_ending, write_ending
from poise.wire.responses.items_read import message_extra, read_item
from poise.wire.responses.items_write import ItemWriter
from poise.wire.responses.shell import MADE, NAME, Object, Unreadable, decode, encode, object_at, seen, shell_of
from poise.wire.responses.usage import read_usage, write_usage

# What an answer repeats of its request, or says of where and how it was made: nothing that another dialect could use.
ECHO: Final = frozenset(
    {
        "background", "billing", "completed_at", "content_filters", "conversation", "copilot_usage", "created_at", "error",
        "frequency_penalty", "id", "incomplete_details", "instructions", "max_output_tokens", "max_tool_calls",
        "metadata", "model", "moderation", "object", "output_text", "parallel_tool_calls", "presence_penalty",
        "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
        "reasoning", "safety_identifier", "service_tier", "status", "status_details", "store", "temperature", "text",
        "tool_choice", "tool_usage", "tools", "top_logprobs", "top_p", "truncation", "usage", "user",
    }
)  # fmt: skip
# The stock client's types want these in every answer.
_BASE: Final[Object] = {
    "object": "response",
    "background": False,
    "error": None,
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": False,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}


def read_answer(body: bytes) -> Answer:
    """Decode a 2xx body. Raises AttemptFailed: MALFORMED where it is no answer, or what the error in its place means."""
    try:
        said = decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as bad:
        raise AttemptFailed(Failure.MALFORMED, f"200 with a body that is not JSON: {bad}", status=200) from bad
    if not isinstance(said, dict):
        raise AttemptFailed(Failure.MALFORMED, "200 with a body that is no object", status=200)
    if said.get("status") == "failed" or (said.get("error") and not said.get("output")):
        raise failure.read(200, {}, body)
    output = said.get("output")
    if not isinstance(output, list):
        raise AttemptFailed(Failure.MALFORMED, "200 without output", status=200)
    try:
        choice = read_choice(said, output)
    except Unreadable as bad:
        raise AttemptFailed(Failure.MALFORMED, f"200 with an answer whose {bad}", status=200) from bad
    return _read(said, choice)


def read_choice(response: Object, output: list[Json]) -> Choice:
    """The one answer of a response object. Raises Unreadable."""
    parts: list[Part] = []
    rest: Object = {}
    for number, value in enumerate(output):
        item = object_at(value, f"output[{number}]")
        parts += read_item(item, f"output[{number}]")[1]
        rest.update(message_extra(item))
    ending, word = read_ending(
        response.get("status"),
        reason_of(response),
        calls=any(isinstance(part, ToolCall) for part in parts),
        refused=any(isinstance(part, Refusal) for part in parts),
        said=bool(parts),
    )
    return Choice(parts=parts, ending=ending, said=word, rest=rest)


def reason_of(response: Object) -> Json:
    """Why an answer is not complete, where it says so."""
    details = response.get("incomplete_details")
    return details.get("reason") if isinstance(details, dict) else None


def created_of(response: Object) -> int:
    """When it was made, seconds since 1970; 0 where it does not say."""
    created = response.get("created_at")
    return int(created) if isinstance(created, int | float) and 0 < created < 1 << 40 else 0


def _read(said: Object, choice: Choice) -> Answer:
    answer = Answer(spoken=NAME, choices=[choice], created=created_of(said), usage=read_usage(said.get("usage")))
    fields: Object = {}
    rest: Object = {}
    for name, value in said.items():
        if name in ECHO:
            fields[name] = value
        elif name not in ("output", FORMAL):
            rest[name] = value
    for name in ("id", "model"):
        if isinstance(value := fields.get(name), str) and value:
            setattr(answer, name, value)
            del fields[name]
    if answer.created and type(fields.get("created_at")) is int:
        del fields["created_at"]
    if answer.usage is not None:
        del fields["usage"]
    rest[FORMAL] = {"fields": fields}
    answer.rest = rest
    return answer


def write_answer(answer: Answer, lost: Lost, ask: Ask | None = None) -> bytes:
    """The body of an answer to ask. What is not carried is noted."""
    fields = shell_of(answer.rest, "fields") if answer.spoken == NAME else None
    own = answer.spoken == NAME
    choice = answer.choices[0] if answer.choices else Choice(parts=[])
    for number in range(1, len(answer.choices)):
        lost.add(f"choices[{number}]", "there is one answer only")
    id = answer.id or f"resp_{MADE}"
    writer = ItemWriter(lost, own=own, answer=id, calls=calls_before(ask))
    writer.parts("assistant", choice.parts, "output")
    if fields is not None:
        body: Object = {"output": writer.items}
        body.update({name: value for name, value in (("id", answer.id), ("model", answer.model)) if value})
        if answer.created and "created_at" not in fields:
            body["created_at"] = answer.created
        if answer.usage is not None:
            body["usage"] = write_usage(answer.usage, own=True)
        body.update(fields)
        body.update(seen(answer.rest))
        return encode(body)
    if not own:
        lost.rest("", answer.rest)
        lost.rest("choices[0]", choice.rest)
        lost.rest("usage", {} if answer.usage is None else answer.usage.rest)
    refused = any(isinstance(part, Refusal) for part in choice.parts)
    body = response_object(id, answer.model, answer.created, _BASE)
    finish(body, choice.ending, answer.usage, refused=refused)
    ending_lost(choice.ending, lost, refused=refused)
    body["output"] = writer.items
    return encode(body)


def response_object(id: str, model: str, created: int, echo: Object) -> Object:
    """A response that has begun and said nothing yet. echo: the settings that it repeats."""
    return {
        **_BASE,
        **echo,
        "id": id,
        "created_at": created,
        "model": model,
        "status": "in_progress",
        "incomplete_details": None,
        "output": [],
        "usage": None,
    }


def ending_lost(ending: Ending, lost: Lost, *, refused: bool) -> None:
    """Note an ending that is told as another."""
    if ending is Ending.STOP_SEQUENCE or (ending is Ending.REFUSAL and not refused):
        lost.add("choices[0].ending", f"{ending.value} has no word of its own there")


def finish(body: Object, ending: Ending, usage: Usage | None, *, refused: bool) -> str:
    """Say in a response how it ended and what it counted. Returns its status."""
    status, reason = write_ending(ending, refused=refused)
    body["status"] = status
    body["incomplete_details"] = {"reason": reason} if reason else None
    body["usage"] = write_usage(usage, own=False)
    if status == "failed":
        body["error"] = {"code": "server_error", "message": "the provider broke the answer off"}
    return status


__all__ = ["COMPLETE", "ECHO", "finish", "read_answer", "response_object", "write_answer"]
