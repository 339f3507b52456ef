"""An answer that was streamed comes back in a later ask in pieces, as clients collect them: put together again.

Google's client keeps each piece of a stream as a part, or even a turn, of its own; OpenAI's collects the text of a thought
and its seal in two fields. A seal is good for the whole thought only.
"""

from __future__ import annotations

import msgspec

from poise.wire.conversation.ask import Ask
from poise.wire.conversation.part import Message, Part, Reasoning, Rest, Text


def joined(ask: Ask, *, pieces: bool) -> Ask:
    """The ask with what the assistant said put together, and all else as it was. The ask that is given is not changed.

    pieces: texts and turns that follow each other are pieces of one, too; else only the text of a thought and its seal.
    """
    turns: list[tuple[Message, list[Part]]] = []
    for message in ask.messages:
        last = turns[-1][0] if turns else None
        both = last is not None and message.role == last.role == "assistant" and not (last.rest or message.rest)
        if pieces and both:
            turns[-1][1].extend(message.parts)  # put together once, below: a turn may come in thousands of pieces
        else:
            turns.append((message, list(message.parts)))
    return msgspec.structs.replace(ask, messages=[_turn(*turn, pieces=pieces) for turn in turns])


def _turn(message: Message, parts: list[Part], *, pieces: bool) -> Message:
    if message.role != "assistant" or len(parts) == len(message.parts) < 2:
        return message
    return msgspec.structs.replace(message, parts=_together(parts, pieces=pieces))


def _together(parts: list[Part], *, pieces: bool) -> list[Part]:
    runs: list[list[Part]] = []
    for part in parts:
        if runs and _goes_on(runs[-1][-1], part, pieces=pieces):
            runs[-1].append(part)
        else:
            runs.append([part])
    return [run[0] if len(run) == 1 else _whole(run) for run in runs]


def _goes_on(first: Part, second: Part, *, pieces: bool) -> bool:
    """Whether second is more of first: of a thought that has no seal yet, or of a text whose places are told to nobody."""
    if isinstance(first, Reasoning) and isinstance(second, Reasoning):
        sealed = first.signature or first.sealed or second.sealed
        return not sealed and first.summary == second.summary and (pieces or not second.text)
    if pieces and isinstance(first, Text) and isinstance(second, Text):
        return not (first.signature or second.citations)
    return False


def _whole(run: list[Part]) -> Part:
    """One of many, in one go: put together two by two, a long run would cost the square of its length."""
    thoughts = [part for part in run if isinstance(part, Reasoning)]
    if thoughts:
        id = next((part.id for part in reversed(thoughts) if part.id), "")
        text = "".join(part.text for part in thoughts)
        return msgspec.structs.replace(thoughts[-1], text=text, id=id, rest=_rests([part.rest for part in thoughts]))
    texts = [part for part in run if isinstance(part, Text)]
    text = "".join(part.text for part in texts)
    rest = _rests([part.rest for part in texts])
    return msgspec.structs.replace(texts[0], text=text, signature=texts[-1].signature, rest=rest)


def _rests(rests: list[Rest]) -> Rest:
    together: Rest = {}
    for rest in rests:
        together.update(rest)
    return together
