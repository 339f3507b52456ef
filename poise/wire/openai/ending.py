"""How an answer ended, in the words of this dialect's vendors and back."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.answer import Ending
from poise.wire.openai.fields import Obj, object_of, text_of

STOP: Final = "stop"
MEANINGS: Final = {
    # OpenAI
    "stop": Ending.STOP,
    "length": Ending.LENGTH,
    "tool_calls": Ending.TOOL_CALLS,
    "function_call": Ending.TOOL_CALLS,
    "content_filter": Ending.CONTENT_FILTER,
    # Mistral, OpenRouter
    "model_length": Ending.LENGTH,
    "error": Ending.ERROR,
    # Together, Hugging Face's text-generation-inference
    "eos": Ending.STOP,
    "eos_token": Ending.STOP,
    "stop_sequence": Ending.STOP_SEQUENCE,
    # DeepSeek
    "insufficient_system_resource": Ending.ERROR,
    # Z.ai
    "sensitive": Ending.CONTENT_FILTER,
    "network_error": Ending.ERROR,
    "model_context_window_exceeded": Ending.LENGTH,
    # vLLM, SGLang
    "abort": Ending.CANCELLED,
    # gateways that pass on another dialect's word
    "end_turn": Ending.STOP,
    "max_tokens": Ending.LENGTH,
    "tool_use": Ending.TOOL_CALLS,
    "refusal": Ending.REFUSAL,
    "safety": Ending.CONTENT_FILTER,
    "cancelled": Ending.CANCELLED,
    "malformed_function_call": Ending.MALFORMED_CALL,
}
# The five words that stock clients know; an answer that is not whole never says "stop".
_WORDS: Final = {
    Ending.STOP: "stop",
    Ending.STOP_SEQUENCE: "stop",
    Ending.LENGTH: "length",
    Ending.TOOL_CALLS: "tool_calls",
    Ending.REFUSAL: "content_filter",
    Ending.CONTENT_FILTER: "content_filter",
    Ending.PAUSE: "stop",
    Ending.MALFORMED_CALL: "length",
    Ending.CANCELLED: "length",
    Ending.ERROR: "length",
    Ending.UNFINISHED: "length",
}
# Said beside the word, in the field that OpenRouter has for it, where the word alone says less.
_NATIVE: Final = {
    ending.value: ending
    for ending in (
        Ending.STOP_SEQUENCE,
        Ending.REFUSAL,
        Ending.PAUSE,
        Ending.MALFORMED_CALL,
        Ending.CANCELLED,
        Ending.ERROR,
        Ending.UNFINISHED,
    )
}


def said_in(choice: Obj) -> str:
    """The vendor's word in a choice, whole or streamed; older vision models of OpenAI said it in ``finish_details``."""
    said = choice.get("finish_reason")
    if said is None and "finish_details" in choice:
        said = object_of(choice["finish_details"]).get("type")
    return text_of(said)


def meaning(said: str, native: object, stopped_by: str, *, parts: bool, refused: bool, called: bool) -> Ending:
    """What an ending means. native is ``native_finish_reason``; parts: something came; refused: a refusal among it.

    A word that nobody knows ends an answer that said something (docs/dialects.md, rule 8).
    """
    if type(native) is str and native in _NATIVE:
        return _NATIVE[native]
    if not said:
        return Ending.UNFINISHED
    known = MEANINGS.get(said)
    if known is None:
        known = MEANINGS.get(said.lower()) or (Ending.STOP if parts else Ending.UNFINISHED)
    if known is Ending.STOP:
        if refused:
            return Ending.REFUSAL
        if called:  # some servers say "stop" after calls
            return Ending.TOOL_CALLS
        if stopped_by:
            return Ending.STOP_SEQUENCE
    return known


def word(ending: Ending, *, refused: bool, legacy: bool = False) -> tuple[str, str]:
    """finish_reason, and native_finish_reason where the first says less; '' where it does not."""
    if ending is Ending.TOOL_CALLS:
        return ("function_call" if legacy else "tool_calls"), ""
    if ending is Ending.REFUSAL and refused:
        return "stop", ""
    return _WORDS[ending], ending.value if ending.value in _NATIVE else ""
