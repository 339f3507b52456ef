"""What differences of the written list do to answers."""

from __future__ import annotations

from poise.wire.conversation.answer import Choice, Ending, Usage
from poise.wire.conversation.part import Kept, Media, Part, Reasoning, Refusal, ToolCall
from tests.wire.crossing.crossing import Crossing, differ, parts


def join_thoughts(crossing: Crossing) -> bool:
    """Thoughts in a row are one, up to one that is signed."""
    changed = False
    for choice in crossing.answer.choices:
        out: list[Part] = []
        for part in choice.parts:
            last = out[-1] if out else None
            if isinstance(part, Kept):  # it does not arrive
                continue
            if isinstance(part, Reasoning) and not part.text:
                if isinstance(last, Reasoning):
                    last.signature += part.signature
                    continue
            elif isinstance(part, Reasoning) and isinstance(last, Reasoning) and last.text and not last.signature:
                last.text += part.text
                last.signature = part.signature
                changed = True
                continue
            out.append(part)
        choice.parts = out
    return changed


def drop_made(crossing: Crossing) -> bool:
    """Answers hold no media."""
    return parts(crossing, lambda part: [] if isinstance(part, Media) else [part])


def first_choice(crossing: Crossing) -> bool:
    """The first is told."""
    answer = crossing.answer
    several = len(answer.choices) > 1
    answer.choices = answer.choices[:1]
    return several


def some_choice(crossing: Crossing) -> bool:
    """There is always one."""
    if crossing.answer.choices:
        return False
    crossing.answer.choices = [Choice(parts=[])]
    return True


def _ended(crossing: Crossing, before: Ending, after: Ending) -> bool:
    some = [choice for choice in crossing.answer.choices if choice.ending is before]
    for choice in some:
        choice.ending = after
    return bool(some)


def plain_stop(crossing: Crossing) -> bool:
    """It stopped."""
    return _ended(crossing, Ending.STOP_SEQUENCE, Ending.STOP)


def filter_as_refusal(crossing: Crossing) -> bool:
    """One word for both."""
    return _ended(crossing, Ending.CONTENT_FILTER, Ending.REFUSAL)


def refusal_as_filter(crossing: Crossing) -> bool:
    """One word for both, unless the words of the refusal tell."""
    some = crossing.answer.choices
    if crossing.to == "responses" and any(isinstance(part, Refusal) for choice in some for part in choice.parts):
        return False
    return _ended(crossing, Ending.REFUSAL, Ending.CONTENT_FILTER)


def malformed_as_stop(crossing: Crossing) -> bool:
    """It stopped."""
    return _ended(crossing, Ending.MALFORMED_CALL, Ending.STOP)


def fail(crossing: Crossing) -> bool:
    """It is a failure."""
    if crossing.to == "gemini":
        crossing.fails = crossing.kind == "stream" and any(
            choice.ending is Ending.UNFINISHED for choice in crossing.answer.choices
        )
        return _ended(crossing, Ending.CANCELLED, Ending.ERROR) or crossing.fails
    cancelled = crossing.to == "anthropic" and _ended(crossing, Ending.CANCELLED, Ending.UNFINISHED)
    if crossing.to == "anthropic" and crossing.kind == "answer":
        return _ended(crossing, Ending.ERROR, Ending.UNFINISHED) or cancelled
    crossing.fails = any(choice.ending is Ending.ERROR for choice in crossing.answer.choices)
    return crossing.fails or cancelled


def calls_wait(crossing: Crossing) -> bool:
    """Calls wait."""
    some = [
        choice
        for choice in crossing.answer.choices
        if choice.ending is Ending.STOP and any(isinstance(part, ToolCall) for part in choice.parts)
    ]
    for choice in some:
        choice.ending = Ending.TOOL_CALLS
    return bool(some)


def zero_usage(crossing: Crossing) -> bool:
    """It is told."""
    if crossing.answer.usage is not None:
        return False
    crossing.answer.usage = Usage()
    return True


def count_writes(crossing: Crossing) -> bool:
    """They are input."""
    usage = crossing.answer.usage
    if usage is None or not usage.cache_written:
        return False
    usage.input += usage.cache_written
    usage.cache_write = usage.cache_write_long = 0
    return True


def calls_last(crossing: Crossing) -> bool:
    """Of chat, whose calls end together."""
    if crossing.value.spoken != "openai":
        return False
    changed = False
    for choice in crossing.answer.choices:
        after = sorted(choice.parts, key=lambda part: isinstance(part, ToolCall))
        changed = changed or differ(after, choice.parts)
        choice.parts = after
    return changed
