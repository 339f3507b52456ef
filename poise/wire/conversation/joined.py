"""An answer that was streamed comes back in a later ask in pieces, as clients collect them: put together again.

Google's client keeps each piece of a stream as a part, or even a turn, of its own; OpenAI's collects the text of a thought
and its seal in two fields. A seal is good for the whole thought only.
"""

from __future__ import annotations

import msgspec

from poise.wire.conversation.ask import Ask
from poise.wire.conversation.part import Message, Part, Reasoning, Text


def joined(ask: Ask, *, pieces: bool) -> Ask:
    """The ask with what the assistant said put together, and all else as it was. The ask that is given is not changed.

    pieces: texts and turns that follow each other are pieces of one, too; else only the text of a thought and its seal.
    """
    messages: list[Message] = []
    for message in ask.messages:
        last = messages[-1] if messages else None
        if message.role != "assistant":
            messages.append(message)
        elif pieces and last is not None and last.role == "assistant" and not (last.rest or message.rest):
            messages[-1] = msgspec.structs.replace(last, parts=_together([*last.parts, *message.parts], pieces=True))
        elif len(message.parts) > 1:
            messages.append(msgspec.structs.replace(message, parts=_together(message.parts, pieces=pieces)))
        else:
            messages.append(message)
    return msgspec.structs.replace(ask, messages=messages)


def _together(parts: list[Part], *, pieces: bool) -> list[Part]:
    out: list[Part] = []
    for part in parts:
        last = out[-1] if out else None
        if isinstance(last, Reasoning) and isinstance(part, Reasoning) and (pieces or not part.text):
            one = _thought(last, part)
        elif pieces and isinstance(last, Text) and isinstance(part, Text):
            one = _text(last, part)
        else:
            one = None
        if one is None:
            out.append(part)
        else:
            out[-1] = one
    return out


def _thought(first: Reasoning, second: Reasoning) -> Reasoning | None:
    """One thought of two, where the first has no seal of its own."""
    if first.signature or first.sealed or second.sealed or first.summary != second.summary:
        return None
    rest = {**first.rest, **second.rest}
    return msgspec.structs.replace(second, text=first.text + second.text, id=second.id or first.id, rest=rest)


def _text(first: Text, second: Text) -> Text | None:
    """One text of two; where a source's place in the text is told, they stay apart."""
    if first.signature or second.citations:
        return None
    rest = {**first.rest, **second.rest}
    return msgspec.structs.replace(first, text=first.text + second.text, signature=second.signature, rest=rest)
