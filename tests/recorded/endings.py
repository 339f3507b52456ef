"""How recorded answers end, in their vendors' words, and what each word is to be read as. A word without a row is a fault."""

from __future__ import annotations

import json
from typing import Final

from poise.wire.conversation import event as ev
from poise.wire.conversation.answer import Ending
from poise.wire.dialects import CODECS
from tests.recorded.exchanges import Exchange
from tests.recorded.reading import Json, frames_of

# Words as the vendors document them; several readings where the word alone does not tell (a call ends with stop at Google).
MEANS: Final[dict[tuple[str, str], tuple[Ending, ...]]] = {
    ("openai", "stop"): (Ending.STOP, Ending.REFUSAL),
    ("openai", "length"): (Ending.LENGTH,),
    ("openai", "max_tokens"): (Ending.LENGTH,),  # in finish_details, of the first model that saw images
    ("openai", "tool_calls"): (Ending.TOOL_CALLS,),
    ("openai", "function_call"): (Ending.TOOL_CALLS,),
    ("openai", "content_filter"): (Ending.CONTENT_FILTER,),
    ("responses", "completed"): (Ending.STOP, Ending.TOOL_CALLS, Ending.REFUSAL),
    ("responses", "complete"): (Ending.STOP,),  # xAI
    ("responses", "incomplete: max_output_tokens"): (Ending.LENGTH,),
    ("responses", "incomplete: content_filter"): (Ending.CONTENT_FILTER,),
    ("responses", "cancelled"): (Ending.CANCELLED,),
    ("responses", "queued"): (Ending.UNFINISHED,),
    ("responses", "in_progress"): (Ending.UNFINISHED,),
    ("anthropic", "end_turn"): (Ending.STOP,),
    ("anthropic", "stop_sequence"): (Ending.STOP_SEQUENCE,),
    ("anthropic", "max_tokens"): (Ending.LENGTH,),
    ("anthropic", "tool_use"): (Ending.TOOL_CALLS,),
    ("anthropic", "refusal"): (Ending.REFUSAL,),
    ("anthropic", "pause_turn"): (Ending.PAUSE,),
    ("gemini", "STOP"): (Ending.STOP, Ending.TOOL_CALLS),
    ("gemini", "1"): (Ending.STOP, Ending.TOOL_CALLS),  # STOP where enums were asked for as numbers
    ("gemini", "MAX_TOKENS"): (Ending.LENGTH,),
    ("gemini", "SAFETY"): (Ending.CONTENT_FILTER,),
    ("gemini", "RECITATION"): (Ending.CONTENT_FILTER,),
    ("gemini", "PROHIBITED_CONTENT"): (Ending.CONTENT_FILTER,),
    ("gemini", "BLOCKLIST"): (Ending.CONTENT_FILTER,),
    ("gemini", "SPII"): (Ending.CONTENT_FILTER,),
    ("gemini", "OTHER"): (Ending.ERROR, Ending.CONTENT_FILTER),
    ("gemini", "MALFORMED_FUNCTION_CALL"): (Ending.MALFORMED_CALL,),
    ("gemini", "UNEXPECTED_TOOL_CALL"): (Ending.MALFORMED_CALL,),
}
_OVER: Final = ("response.completed", "response.incomplete", "response.cancelled")


def misread(exchange: Exchange) -> list[str]:
    """What is wrong with how Poise reads the endings of an answer that is complete; empty where all is well."""
    chat = exchange.place.chat
    codec = CODECS[chat]
    if exchange.stream:
        reader = codec.event_reader()
        heard = [*reader.feed(exchange.answer), *reader.close()]
        read = [event.ending for event in heard if isinstance(event, ev.End)]
        nodes = [frame.node for frame in frames_of(exchange.answer.decode())]
    else:
        read = [choice.ending for choice in codec.read_answer(exchange.answer).choices]
        nodes = [json.loads(exchange.answer)]
    words = [word for node in nodes for word in _words(chat, node)]
    unknown = [word for word in words if (chat, word) not in MEANS]
    if unknown:
        return [f"nobody has looked at the ending {unknown[0]!r}"]
    allowed = {ending for word in words for ending in MEANS[(chat, word)]}
    if not read and not words:
        return [] if not exchange.stream else ["a stream without an ending"]
    return [f"read as {ending}, said {words}" for ending in read if ending not in allowed]


def _words(chat: str, node: Json) -> list[str]:
    """The words for an ending that a whole answer or an event says."""
    if chat == "openai":
        choices = node.get("choices") or ()
        said = [one.get("finish_reason") or (one.get("finish_details") or {}).get("type") for one in choices]
    elif chat == "anthropic":
        inner = node.get("delta") or node.get("message") or node
        said = [inner.get("stop_reason")]
    elif chat == "gemini":
        said = [one.get("finishReason") for one in node.get("candidates") or ()]
        said.append((node.get("promptFeedback") or {}).get("blockReason"))
    else:
        kind = node.get("type")
        response = node.get("response") if kind in _OVER else node if "output" in node else {}
        reason = ((response or {}).get("incomplete_details") or {}).get("reason")
        status = (response or {}).get("status")
        said = [f"{status}: {reason}" if reason else status]
    return [str(word) for word in said if word]
