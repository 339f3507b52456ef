"""What an answer brings that lives where it was made, read from the bytes that the caller is sent.

One ``Made`` a dialect. Events are looked through for a few marks and only marked ones are decoded; a mark with its quotes
is never part of a text, for there the quotes are escaped.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec

from poise.wire.pins_read import CONTAINER, CONVERSATION, RESPONSE, SEAL, ChatMessage, sealed
from poise.wire.sse import data_of, events_of


class Found(NamedTuple):
    """One thing that was made: of which kind, and its id or seal."""

    kind: str
    value: str


class _Id(msgspec.Struct):
    id: str | None = None


class _Item(msgspec.Struct):
    encrypted_content: str | None = None


class _Response(msgspec.Struct):
    id: str | None = None
    conversation: _Id | None = None
    output: list[_Item] | None = None


class _ResponseEvent(msgspec.Struct):
    response: _Response | None = None
    item: _Item | None = None


class _Block(msgspec.Struct):
    type: str | None = None
    signature: str | None = None
    data: str | None = None
    container: _Id | None = None


class _Message(msgspec.Struct):
    content: list[_Block] | None = None
    container: _Id | None = None


class _MessageEvent(msgspec.Struct):
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Block | None = None


class _ChatChoice(msgspec.Struct):
    message: ChatMessage | None = None
    delta: ChatMessage | None = None


class _Chat(msgspec.Struct):
    choices: list[_ChatChoice] | None = None


_response: Final = msgspec.json.Decoder(_Response).decode
_response_event: Final = msgspec.json.Decoder(_ResponseEvent).decode
_message: Final = msgspec.json.Decoder(_Message).decode
_message_event: Final = msgspec.json.Decoder(_MessageEvent).decode
# Gemini's seals are found by their key, wherever it stands: a seal that a tool's arguments make up names nothing.
_GEMINI_SEAL: Final = re.compile(rb'"thoughtSignature"\s*:\s*("(?:[^"\\]|\\.)*+")')
_chat: Final = msgspec.json.Decoder(_Chat).decode
_text: Final = msgspec.json.Decoder(str).decode


class Made:
    """Finds in one dialect. marks: a piece of an answer without any of them brings nothing."""

    def __init__(
        self,
        marks: tuple[bytes, ...],
        whole: Callable[[bytes], Iterator[Found]],
        events: Callable[[bytes], Iterator[Found]],
    ) -> None:
        self._marks = marks
        self._whole = whole
        self._events = events

    def whole(self, body: bytes) -> list[Found]:
        """In a whole answer."""
        return self._found(self._whole, body)

    def events(self, data: bytes) -> list[Found]:
        """In the next whole events of a stream."""
        return self._found(self._events, data)

    def _found(self, read: Callable[[bytes], Iterator[Found]], data: bytes) -> list[Found]:
        for mark in self._marks:
            if data.find(mark) >= 0:
                break
        else:
            return []
        found: list[Found] = []
        # What cannot be read is not ours to judge: the client's own parser sees what was sent.
        with contextlib.suppress(msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            found.extend(read(data))
        return [one for one in found if one.value]


def made_for(front: str, back: str) -> Made | None:
    """What to look for in answers to callers of front by targets that speak back; None where there is nothing.

    Plain chat has no ids that a later request could name; only what was translated into it carries seals.
    """
    return None if front == back == "openai" else _MADE.get(front)


def _of_response(said: _Response | None) -> Iterator[Found]:
    if said is None:
        return
    if said.id:
        yield Found(RESPONSE, said.id)
    if said.conversation is not None and said.conversation.id:
        yield Found(CONVERSATION, said.conversation.id)
    for item in said.output or ():
        if item.encrypted_content:
            yield Found(SEAL, sealed(item.encrypted_content))


def _response_whole(body: bytes) -> Iterator[Found]:
    yield from _of_response(_response(body))


def _response_events(data: bytes) -> Iterator[Found]:
    for event in events_of(data):
        if event.find(b'"response"') >= 0 or event.find(b'"encrypted_content"') >= 0:
            said = _response_event(data_of(event))
            yield from _of_response(said.response)
            if said.item is not None and said.item.encrypted_content:
                yield Found(SEAL, sealed(said.item.encrypted_content))


def _of_block(block: _Block | None) -> Iterator[Found]:
    if block is None:
        return
    if block.type in ("thinking", "signature_delta") and block.signature:
        yield Found(SEAL, sealed(block.signature))
    elif block.type == "redacted_thinking" and block.data:
        yield Found(SEAL, sealed(block.data))
    if block.container is not None and block.container.id:
        yield Found(CONTAINER, block.container.id)


def _of_message(said: _Message | None) -> Iterator[Found]:
    if said is None:
        return
    for block in said.content or ():
        yield from _of_block(block)
    if said.container is not None and said.container.id:
        yield Found(CONTAINER, said.container.id)


def _message_whole(body: bytes) -> Iterator[Found]:
    yield from _of_message(_message(body))


def _message_events(data: bytes) -> Iterator[Found]:
    for event in events_of(data):
        if any(event.find(mark) >= 0 for mark in _MESSAGE_MARKS):
            said = _message_event(data_of(event))
            yield from _of_message(said.message)
            yield from _of_block(said.content_block)
            yield from _of_block(said.delta)


def _gemini(data: bytes) -> Iterator[Found]:
    for raw in _GEMINI_SEAL.findall(data):
        if value := _text(raw):
            yield Found(SEAL, sealed(value))


def _chat_whole(body: bytes) -> Iterator[Found]:
    for choice in _chat(body).choices or ():
        for message in (choice.message, choice.delta):
            if message is not None:
                for seal in message.seals():
                    yield Found(SEAL, seal.value)


def _chat_events(data: bytes) -> Iterator[Found]:
    for event in events_of(data):
        if any(event.find(mark) >= 0 for mark in _CHAT_MARKS):
            yield from _chat_whole(data_of(event))


_MESSAGE_MARKS: Final = (b'"signature"', b'"redacted_thinking"', b'"container"')
_RESPONSES: Final = Made((b'"response"', b'"encrypted_content"'), _response_whole, _response_events)
_CHAT_MARKS: Final = (b'"thought_signature"', b'"reasoning_details"')
_GEMINI: Final = Made((b'"thoughtSignature"',), _gemini, _gemini)
_MADE: Final[dict[str, Made]] = {
    "openai": Made(_CHAT_MARKS, _chat_whole, _chat_events),
    "responses": _RESPONSES,
    "anthropic": Made(_MESSAGE_MARKS, _message_whole, _message_events),
    "gemini": _GEMINI,
    "gemini-array": _GEMINI,
}
