"""Whole answers, both ways."""

from __future__ import annotations

import msgspec

from poise.errors import AttemptFailed, Failure
from poise.wire.anthropic import usage
from poise.wire.anthropic.ending import EXACT, ending_of, word_of
from poise.wire.anthropic.part_read import parts_of
from poise.wire.anthropic.part_write import blocks_of
from poise.wire.anthropic.rest import NAME, decode, encode, lay
from poise.wire.conversation.answer import Answer, Choice
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.block_answer import HELD, losses, sayable
from poise.wire.conversation.call_ids import CallIds, calls_before
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.node import Bad, take_text
from poise.wire.conversation.part import Json, Kept, Media, Part, Refusal, Rest, ToolCall, ToolResult

_FORMAL = frozenset({"type", "role"})
_MODELLED = frozenset({"content", "stop_reason", *_FORMAL})


def read_answer(body: bytes) -> Answer:
    """A message. What is beside its fields stands in the choice's rest, as in a stream. Raises AttemptFailed."""
    try:
        node = decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise AttemptFailed(Failure.MALFORMED, f"the answer is not JSON: {error}") from error
    if not isinstance(node, dict) or not isinstance(node.get("content"), list):
        raise AttemptFailed(Failure.MALFORMED, "the answer is no message with content")
    try:
        return message_of(node)
    except RecursionError as error:
        raise AttemptFailed(Failure.MALFORMED, "the answer is nested too deeply") from error
    except Bad as bad:
        raise AttemptFailed(Failure.MALFORMED, f"the answer's {bad.where} is not {bad.want}") from bad


def message_of(node: dict[str, Json]) -> Answer:
    """A decoded message. Raises Bad."""
    try:
        parts = parts_of(node.get("content"))
    except Bad as bad:
        raise bad.within("content") from None
    rest: Rest = {key: value for key, value in node.items() if key not in _MODELLED}
    for key, formal in (("type", "message"), ("role", "assistant")):
        if node.get(key, formal) != formal:
            rest[key] = node[key]
    word = node.get("stop_reason")
    said = word if isinstance(word, str) else ""
    if word is not None and not said:
        rest["stop_reason"] = word
    choice = Choice(parts=parts, ending=ending_of(word, some=bool(parts)), said=said, rest=rest)
    choice.stopped_by = take_text(rest, "stop_sequence")
    answer = Answer(spoken=NAME, choices=[choice], id=take_text(rest, "id"), model=take_text(rest, "model"))
    counted = rest.get("usage")
    if isinstance(counted, dict):
        answer.usage = usage.read(counted)
        del rest["usage"]
    return answer


def write_answer(answer: Answer, lost: Lost, ask: Ask | None = None) -> bytes:
    """The body of a message that answers ask. Raises AttemptFailed (MALFORMED) where JSON that was text cannot be nested in it."""
    try:
        return encode(_node(answer, lost, CallIds(count=calls_before(ask))))
    except RecursionError as error:
        raise AttemptFailed(Failure.MALFORMED, "a tool call's arguments are nested too deeply") from error


def _node(answer: Answer, lost: Lost, ids: CallIds) -> dict[str, Json]:
    own = answer.spoken == NAME
    choice = answer.choices[0] if answer.choices else Choice(parts=[])
    if not own:
        losses(answer, choice, lost, EXACT, part_lost)
    parts = choice.parts if own else sayable(choice.parts, ids, _has_block)
    out: dict[str, Json] = {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": blocks_of(parts, own=own),
        "stop_reason": word_of(choice.ending, choice.said, own=own),
    }
    if choice.stopped_by or not own:
        out["stop_sequence"] = choice.stopped_by or None
    if answer.usage is not None or not own:
        counted = answer.usage
        out["usage"] = usage.write(counted, own=own) if counted is not None else {**_UNCOUNTED}
    if not own:
        out["id"] = answer.id or "msg_poise"
        return out
    for key in ("id", "model"):
        if not out[key]:
            del out[key]
    return lay(lay(out, answer.rest), choice.rest)


def part_lost(part: Part, where: str, lost: Lost) -> None:
    """Note what another dialect's part cannot say in a block, as far as it is known when it begins."""
    if isinstance(part, Kept):
        lost.add(where, f"{part.what} has no counterpart there")
        return
    if isinstance(part, Media | ToolResult):
        what = part.kind if isinstance(part, Media) else "a tool's result"
        lost.add(where, f"{what} by the model has no counterpart there")
        return
    lost.rest(where, part.rest)
    if isinstance(part, Refusal):
        lost.add(where, "a refusal is said as plain text there")
    elif isinstance(part, ToolCall) and part.free:
        lost.add(f"{where}.arguments", HELD)


def _has_block(part: Part) -> bool:
    return not isinstance(part, Media | ToolResult | Kept)


_UNCOUNTED: dict[str, Json] = {"input_tokens": 0, "output_tokens": 0}
