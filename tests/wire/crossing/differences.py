"""The written list of what changes when a conversation crosses into another dialect; docs/dialects.md shows it as a table.

Each difference says how it is recognised by doing it: ``change`` makes of a value in the middle what must arrive. All
that no difference changes must arrive equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from tests.wire.crossing import changes as both
from tests.wire.crossing import changes_answer as answer
from tests.wire.crossing import changes_ask as ask
from tests.wire.crossing.crossing import Crossing
from tests.wire.crossing.recorded import Kind

ASKS: Final[frozenset[Kind]] = frozenset({"ask"})
WHOLES: Final[frozenset[Kind]] = frozenset({"answer"})
STREAMS: Final[frozenset[Kind]] = frozenset({"stream"})
ANSWERS: Final = WHOLES | STREAMS
ALL: Final = ASKS | ANSWERS


class Difference(NamedTuple):
    """One entry of the list.

    to: the dialects into which it happens; within: in requests, whole answers, streams; loss: words of the note that is
    made, where it is one (a regular expression); '' where nothing is lost; change: does it to a value, and says whether
    there was anything to do; recorded: a recorded exchange shows it, else a test has an example.
    """

    name: str
    to: tuple[str, ...]
    within: frozenset[Kind]
    what: str
    why: str
    loss: str
    change: Callable[[Crossing], bool]
    recorded: bool = True


OTHERS: Final = ("openai", "responses", "anthropic")

# In this order: what is left out first, what is put elsewhere last.
DIFFERENCES: Final = (
    Difference(
        "hosted-tools-choice", ("openai", "anthropic"), ASKS,
        "a choice of tools is left out where no tool is left to choose from",
        "a choice among no tools is refused there; that the hosted tools are gone is noted",
        "", ask.drop_choice,
    ),
    Difference(
        "choice-of-some", ("anthropic",), ASKS,
        "a choice that is limited to some of the tools is one of all",
        "the dialect can name one tool or none",
        "cannot be limited", ask.widen_choice,
    ),
    Difference(
        "parallel-choice", ("anthropic",), ASKS,
        "a choice `auto` is said where the request forbids or allows calls in parallel",
        "the dialect says that inside the choice; auto is what holds anyway",
        "", ask.add_choice,
    ),
    Difference(
        "json-without-schema", ("anthropic",), ASKS,
        "any JSON is not asked for",
        "the dialect knows JSON by a schema only",
        "JSON without a schema", ask.drop_json,
    ),
    Difference(
        "schema-type", ("anthropic",), ASKS,
        'a tool\'s schema without a type is given `"type": "object"`',
        "the dialect wants it said; arguments are an object in every dialect",
        "", ask.type_schemas,
    ),
    Difference(
        "schema-object", ("responses",), ASKS,
        'a tool\'s schema `true` becomes `{"type": "object"}`',
        "a schema is an object there",
        "a schema is an object there", ask.object_schemas,
    ),
    Difference(
        "free-tools", ("anthropic",), ASKS,
        "a tool that takes free text becomes a function of one text, `input`",
        "the dialect has functions only",
        "free text is sent as a function", ask.function_tools,
    ),
    Difference(
        "free-arguments", ("anthropic", "gemini"), ALL,
        'arguments that are no JSON object, or free text, are the object `{"input": text}`',
        "the dialect holds an object, not text; cut and free arguments come so",
        "input", both.hold_arguments,
    ),
    Difference(
        "unsealed-thought", ("anthropic",), ASKS,
        "thought without a signature is left out of the history, and so is a summary beside sealed thought",
        "the provider refuses thought that it did not sign",
        "thought", ask.drop_unsealed,
    ),
    Difference(
        "result-media", ("openai",), ASKS,
        "images and files in a tool's result are left out",
        "a tool message holds text only there",
        "holds text only", ask.drop_result_media,
    ),
    Difference(
        "kinds-of-media", OTHERS, ASKS,
        "video is left out, sound too for Anthropic, and for responses sound that is not WAV or MP3 or comes by URL",
        "the provider takes no such thing",
        "(audio|video).*(not taken|no counterpart)", ask.drop_kinds,
    ),
    Difference(
        "files-by-url", ("openai",), ASKS,
        "a file or sound by URL is left out",
        "the dialect takes their data only",
        "by URL is not taken", ask.drop_linked,
    ),
    Difference(
        "files", (*OTHERS, "gemini"), ASKS,
        "a file or image by its id at another provider is left out; between chat and responses ids of files are kept",
        "the provider knows only its own",
        "lives at another provider|is known only to the provider", ask.drop_files,
    ),
    Difference(
        "kind-by-type", ("gemini",), ALL,
        "a file whose media type is a sound, image or video comes back as that",
        "the dialect has one form for all media, told apart by their type",
        "", both.kind_by_type,
    ),
    Difference(
        "made-media", ("anthropic",), ANSWERS,
        "images and sound that the model made are left out",
        "answers of that dialect hold none",
        "by the model", answer.drop_made,
    ),
    Difference(
        "made-ids", OTHERS, ALL,
        "a call without an id gets `call_poise_N`, and a result without one that of its call",
        "the dialect ties results to calls by id (rule 5)",
        "", both.make_ids,
    ),
    Difference(
        "ids-alphabet", ("anthropic",), ASKS,
        "characters of a call's id other than letters, digits, `_` and `-` become `_`, in its result too",
        "the provider refuses them",
        "", ask.plain_ids,
    ),
    Difference(
        "one-answer", ("responses", "anthropic"), ANSWERS,
        "of several answers the first is told",
        "there is room for one",
        "one answer only", answer.first_choice,
    ),
    Difference(
        "no-answer", OTHERS, WHOLES,
        "an answer without any candidate is one that said nothing and is unfinished",
        "clients look at the first answer",
        "", answer.some_choice,
    ),
    Difference(
        "refusal-text", ("anthropic", "gemini"), ALL,
        "a refusal's words are plain text",
        "the dialect has no part for them; how it ended is kept where there is a word",
        "refusal", both.refusal_text,
    ),
    Difference(
        "stop-sequence", ("responses", "gemini"), ANSWERS,
        "`stop_sequence` is told as `stop`",
        "there is no word for it",
        "stop_sequence", answer.plain_stop,
    ),
    Difference(
        "filter-refusal", ("anthropic",), ANSWERS,
        "`content_filter` is told as `refusal`",
        "there is one word for both",
        "content_filter", answer.filter_as_refusal,
    ),
    Difference(
        "refusal-filter", ("responses", "gemini"), ANSWERS,
        "`refusal` is told as `content_filter`; in responses only where no words of refusal came",
        "there is no word for it",
        "refusal", answer.refusal_as_filter,
    ),
    Difference(
        "malformed-call", ("anthropic",), ANSWERS,
        "`malformed_call` is told as `stop`",
        "there is no word for it",
        "malformed_call", answer.malformed_as_stop,
    ),
    Difference(
        "broken-off", ("responses", "anthropic", "gemini"), ANSWERS,
        "an answer that the provider broke off is a failure, in Anthropic's form a whole one is unfinished; one that was "
        "cancelled is unfinished there, and an error in Gemini's; what is unfinished never completes a stream of Gemini's",
        "few words end an answer there, and a client must not take it for whole",
        "", answer.fail,
    ),
    Difference(
        "settled-calls", ("openai", "responses", "gemini"), ANSWERS,
        "an answer that ended with `stop` though calls stand in it is told as waiting for tools",
        "calls that a provider's own sandbox made and answered look like any other elsewhere",
        "", answer.calls_wait,
    ),
    Difference(
        "usage-zero", ("anthropic",), ANSWERS,
        "usage that is not known is told as 0",
        "the dialect's clients want the figures",
        "", answer.zero_usage,
    ),
    Difference(
        "cache-write", ("gemini",), ANSWERS,
        "tokens that were written to a cache are counted with the rest of the prompt",
        "the dialect does not tell them apart",
        "written to a cache", answer.count_writes,
    ),
    Difference(
        "order", ("openai",), ASKS | WHOLES,
        "parts of one message by the assistant are told as thought, text, refusal, media, calls; its texts are one",
        "the dialect knows no order between them (rule 7)",
        "", both.chat_order,
    ),
    Difference(
        "late-calls", ("gemini",), STREAMS,
        "a call is told when it is complete: after text that came while its arguments grew",
        "the dialect's calls come whole; chat says that calls are complete at the end only",
        "", answer.calls_last,
    ),
    Difference(
        "one-thought", ("gemini",), STREAMS,
        "thoughts that follow each other are one",
        "nothing in that dialect's stream ends a thought but another kind of part, or its signature",
        "", answer.join_thoughts,
    ),
    Difference(
        "result-order", ("gemini",), ASKS,
        "in a tool's result the texts are one and come first, media after them",
        "a result is an object there, with media beside it",
        "", ask.result_order, recorded=False,
    ),
    Difference(
        "system-first", ("anthropic", "gemini"), ASKS,
        "system text amid the conversation is moved to its beginning",
        "the dialect has one field for it",
        "system text", ask.system_first,
    ),
    Difference(
        "system-alone", ("gemini",), ASKS,
        "system text without any turn is sent as the user's",
        "a request without a turn is refused there",
        "system text alone", ask.system_as_user,
    ),
)  # fmt: skip

_NAMES: Final = {"openai": "chat", "responses": "responses", "anthropic": "messages", "gemini": "Gemini"}


def markdown() -> str:
    """The list as the table of docs/dialects.md."""
    lines = ["| name | into | in | what changes | why | noted |", "|---|---|---|---|---|---|"]
    for one in DIFFERENCES:
        into = ", ".join(_NAMES[name] for name in one.to)
        within = "all" if one.within == ALL else ", ".join(_WITHIN[kind] for kind in _WITHIN if kind in one.within)
        noted = "yes" if one.loss else "no"
        lines.append(f"| `{one.name}` | {into} | {within} | {one.what} | {one.why} | {noted} |")
    return "\n".join(lines) + "\n"


_WITHIN: Final[dict[Kind, str]] = {"ask": "requests", "answer": "whole answers", "stream": "streams"}
