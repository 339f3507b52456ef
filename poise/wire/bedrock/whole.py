"""Whole answers of Converse, both ways."""

from __future__ import annotations

import msgspec

from poise.errors import AttemptFailed, Failure
from poise.wire.anthropic.rest import decode, encode, lay, marked, note
from poise.wire.bedrock import usage
from poise.wire.bedrock.ending import EXACT, ending_of, word_of
from poise.wire.bedrock.part_read import parts_of
from poise.wire.bedrock.part_write import blocks_of, is_sayable
from poise.wire.bedrock.rest import NAME
from poise.wire.conversation.answer import Answer, Choice, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.block_answer import HELD, losses, sayable
from poise.wire.conversation.call_ids import CallIds, calls_before
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.node import Bad, Node
from poise.wire.conversation.part import Kept, Part, Refusal, Rest, Text, ToolCall

_FIELDS = "additionalModelResponseFields"
_NO_REASON = "\0stopReason=none"
_NO_ROLE = "\0role=none"
_ROLE = ("role", "assistant")


def read_answer(body: bytes) -> Answer:
    """A Converse answer. What is beside its fields stands in the choice's rest, as in a stream. Raises AttemptFailed."""
    try:
        node = decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise AttemptFailed(Failure.MALFORMED, f"the answer is not JSON: {error}") from error
    output = node.get("output") if isinstance(node, dict) else None
    message = output.get("message") if isinstance(output, dict) else None
    if not isinstance(node, dict) or not isinstance(output, dict) or not isinstance(message, dict):
        raise AttemptFailed(Failure.MALFORMED, "the answer has no output.message")
    try:
        parts = parts_of(message.get("content"))
    except RecursionError as error:
        raise AttemptFailed(Failure.MALFORMED, "the answer is nested too deeply") from error
    except Bad as bad:
        raise AttemptFailed(Failure.MALFORMED, f"the answer's {bad.within('content').where} is not {bad.want}") from bad
    return _answer(node, output, message, parts)


def _answer(node: Node, output: Node, message: Node, parts: list[Part]) -> Answer:
    rest: Rest = {key: value for key, value in node.items() if key not in {"output", "stopReason", "usage", "metrics"}}
    aside = {key: value for key, value in message.items() if key != "content" and (key, value) != _ROLE}
    if "role" not in message:
        note(rest, _NO_ROLE)
    more: Node = {key: value for key, value in output.items() if key != "message"}
    if aside:
        more["message"] = aside
    if more:
        rest["output"] = more
    word = node.get("stopReason")
    said = word if isinstance(word, str) else ""
    if not said:
        note(rest, _NO_REASON)
        if "stopReason" in node:
            note(rest, "stopReason", word)
    if "metrics" in node:
        note(rest, "metrics", node["metrics"])  # how long it took there is nobody's business elsewhere
    choice = Choice(parts=parts, ending=ending_of(word, some=bool(parts)), said=said, rest=rest)
    stopped_by(choice, rest)
    answer = Answer(spoken=NAME, choices=[choice])
    counted = node.get("usage")
    if isinstance(counted, dict):
        answer.usage = usage.read(counted)
    elif "usage" in node:
        rest["usage"] = counted
    return answer


def stopped_by(choice: Choice, rest: Rest) -> None:
    """The stop string, which Claude tells where ``/stop_sequence`` was asked for."""
    fields = rest.get(_FIELDS)
    word = fields.get("stop_sequence") if isinstance(fields, dict) else None
    if isinstance(word, str):
        choice.stopped_by = word
        if fields == {"stop_sequence": word}:
            note(rest, _FIELDS, rest.pop(_FIELDS))


def write_answer(answer: Answer, lost: Lost, ask: Ask | None = None) -> bytes:
    """The body of what answers ask. Raises AttemptFailed (MALFORMED) where JSON that was text cannot be nested in it."""
    try:
        return encode(_node(answer, lost, CallIds(count=calls_before(ask))))
    except RecursionError as error:
        raise AttemptFailed(Failure.MALFORMED, "a tool call's arguments are nested too deeply") from error


def _node(answer: Answer, lost: Lost, ids: CallIds) -> Node:
    own = answer.spoken == NAME
    choice = answer.choices[0] if answer.choices else Choice(parts=[])
    if not own:
        losses(answer, choice, lost, EXACT, part_lost)
    parts = choice.parts if own else sayable(choice.parts, ids, is_sayable)
    message: Node = {"role": "assistant", "content": blocks_of(parts, own=own)}
    out: Node = {"output": {"message": message}, "stopReason": word_of(choice.ending, choice.said, own=own)}
    if answer.usage is not None:
        out["usage"] = usage.write(answer.usage, own=own)
    if not own:
        out.setdefault("usage", {**usage.write(Usage(), own=False)})
        out["metrics"] = {"latencyMs": 0}
        if choice.stopped_by:
            out[_FIELDS] = {"stop_sequence": choice.stopped_by}
        return out
    return _own(out, message, choice.rest)


def _own(out: Node, message: Node, rest: Rest) -> Node:
    if marked(rest, _NO_REASON):
        del out["stopReason"]
    more = rest.get("output")
    lay(out, rest)
    if isinstance(more, dict):
        aside = more.get("message")
        if isinstance(aside, dict):
            message.update(aside)
        out["output"] = {**more, "message": message}
    if marked(rest, _NO_ROLE):
        del message["role"]
    return out


def part_lost(part: Part, where: str, lost: Lost) -> None:
    """Note what of another dialect's part is not said here."""
    if not is_sayable(part) or isinstance(part, Kept):
        lost.add(where, "has no counterpart there")
        return
    lost.rest(where, part.rest)
    if isinstance(part, Refusal):
        lost.add(where, "a refusal is said as plain text there")
    elif isinstance(part, Text | ToolCall) and part.signature:
        lost.add(where, "a seal on it has no counterpart there")
    if isinstance(part, ToolCall) and part.free:
        lost.add(f"{where}.arguments", HELD)
