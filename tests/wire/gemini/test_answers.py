"""What is particular about Gemini's answers: endings, usage, sources, streams that end without a mark, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poise.errors import AttemptFailed, Failure
from poise.wire.conversation.answer import Answer, Choice, Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.codec import Codec, EventReader, EventWriter
from poise.wire.conversation.event import Close, Counted, Done, End, Event, Fault, Grow, Open, Seal, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Citation, Json, Kept, Part, Reasoning, Text, ToolCall
from poise.wire.gemini import Gemini, usage
from poise.wire.gemini.endings import ENDINGS, ending_of, word_for
from poise.wire.gemini.partial import PartialArgs, steps_of
from poise.wire.gemini.whole import seconds_of
from poise.wire.sse import MAX_EVENT_BYTES

CODEC = Gemini()
SEAM: Codec = CODEC  # the type checker's proof that the dialect satisfies the protocol
TEXT: dict[str, object] = {"candidates": [{"content": {"parts": [{"text": "a"}]}}]}
END: dict[str, object] = {"candidates": [{"finishReason": "STOP"}]}


def _sse(*chunks: object, ends: bytes = b"\r\n\r\n") -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + ends for chunk in chunks)


def _events(raw: bytes) -> list[Event]:
    reader = CODEC.event_reader()
    return [*reader.feed(raw), *reader.close()]


def _parts(*parts: object, **more: object) -> dict[str, object]:
    return {"candidates": [{"content": {"parts": list(parts), "role": "model"}, **more}]}


def _assembled(raw: bytes) -> Answer:
    assembler = Assembler("gemini")
    assembler.feed(_events(raw))
    return assembler.finish()


@pytest.mark.parametrize("word", ENDINGS)
def test_every_word_means_one_ending(word: str) -> None:
    """Whole and streamed alike; STOP with calls in it waits for tools."""
    whole = CODEC.read_answer(json.dumps(_parts({"text": "a"}, finishReason=word)).encode())
    streamed = _assembled(_sse(_parts({"text": "a"}, finishReason=word)))

    assert ENDINGS[word] == whole.choices[0].ending == streamed.choices[0].ending
    assert word == whole.choices[0].said == streamed.choices[0].said
    assert (Ending.TOOL_CALLS if word == "STOP" else ENDINGS[word]) == ending_of(word, calls=True, parts=True)


def test_every_ending_has_a_word() -> None:
    """Only what has not ended has none; a word that nobody knows is read by what came with it."""
    assert {ending for ending in Ending if not word_for(ending)} == {Ending.UNFINISHED}
    assert Ending.STOP == ending_of("NEW_WORD", calls=False, parts=True)
    assert Ending.ERROR == ending_of("NEW_WORD", calls=False, parts=False)


def test_a_blocked_prompt_is_a_filtered_answer() -> None:
    """There are no candidates then; whole and streamed it says so."""
    said = {"promptFeedback": {"blockReason": "SAFETY"}}
    answer = CODEC.read_answer(json.dumps(said).encode())

    assert [(Ending.CONTENT_FILTER, "SAFETY")] == [(choice.ending, choice.said) for choice in answer.choices]
    assert said == json.loads(CODEC.write_answer(answer, Lost()))
    assert [Start(spoken="gemini"), End(Ending.CONTENT_FILTER, "SAFETY"), Done()] == _events(_sse(said))


def test_tokens_are_counted_once() -> None:
    """Cached ones are inside the prompt, thoughts beside the answer, what Google's tools read beside the prompt."""
    said = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 40,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 70}, {"modality": "AUDIO", "tokenCount": 30}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 10}],
        "candidatesTokenCount": 20,
        "candidatesTokensDetails": [{"modality": 2, "tokenCount": 15}],
        "thoughtsTokenCount": 7,
        "toolUsePromptTokenCount": 3,
        "totalTokenCount": 130,
    }
    read = usage.read(json.loads(json.dumps(said)))
    assert read is not None

    assert (43, 40, 20, 5, 15, 7) == (
        read.input,
        read.cached,
        read.audio_input,
        read.output,
        read.image_output,
        read.reasoning,
    )
    assert 130 == read.total
    again = usage.read(usage.write(read, Lost()))
    assert again is not None
    assert (read.prompt, read.completion, read.cached) == (again.prompt, again.completion, again.cached)
    assert 130 == again.total


def test_sources_belong_to_their_text() -> None:
    """Google counts bytes of UTF-8; the model counts characters. Another dialect's sources are read as they were."""
    said = _parts(
        {"text": "é is a letter"},
        finishReason="STOP",
        groundingMetadata={
            "groundingChunks": [{"web": {"uri": "https://a.org", "title": "A"}}],
            "groundingSupports": [
                {"segment": {"startIndex": 3, "endIndex": 5, "text": "is"}, "groundingChunkIndices": [0, 9]}
            ],
        },
    )
    part = CODEC.read_answer(json.dumps(said).encode()).choices[0].parts[0]

    assert isinstance(part, Text)
    assert [Citation(url="https://a.org", title="A", quoted="is", start=2, end=4)] == part.citations
    other = Answer(spoken="other", choices=[Choice(parts=[part], ending=Ending.STOP)])
    read = CODEC.read_answer(CODEC.write_answer(other, Lost())).choices[0].parts[0]
    assert isinstance(read, Text)
    assert part.citations == read.citations


def test_sources_of_a_stream_come_before_their_text_ends() -> None:
    """Said with every chunk or with the last: each is told once."""
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a.org"}}],
        "groundingSupports": [{"segment": {"endIndex": 2}, "groundingChunkIndices": [0]}],
    }
    chunks = [_parts({"text": "ab"}, groundingMetadata=grounding), _parts({"text": "c"}, groundingMetadata=grounding)]
    part = _assembled(_sse(*chunks, END)).choices[0].parts[0]

    assert isinstance(part, Text)
    assert ("abc", [Citation(url="https://a.org", start=0, end=2)]) == (part.text, part.citations)


def test_what_an_answer_loses_is_said() -> None:
    """Endings without a word, refusals, sources that are no page."""
    text = Text(text="a", citations=[Citation(quoted="b")])
    choice = Choice(parts=[text], ending=Ending.STOP_SEQUENCE, rest={"logprobs": {"content": [1]}})
    lost = Lost()
    CODEC.write_answer(Answer(spoken="other", choices=[choice], rest={"system_fingerprint": "f"}), lost)

    assert {"choices[0].ending", "choices[0].parts[0].citations", "choices[0].logprobs", "system_fingerprint"} == {
        loss.where for loss in lost.losses
    }


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"{}", b'{"candidates":3}', b'{"candidates":[3]}', b"<html>"])
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    """However it came to be."""
    with pytest.raises(AttemptFailed) as caught:
        CODEC.read_answer(body)

    assert Failure.MALFORMED == caught.value.failure


@pytest.mark.parametrize("wrap", ["%s", "[%s]"])
def test_an_error_inside_a_success_is_that_failure(wrap: str) -> None:
    """As an object, or as the list that a stream without SSE sends."""
    said = '{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}'
    with pytest.raises(AttemptFailed) as caught:
        CODEC.read_answer((wrap % said).encode())

    assert Failure.OVERLOAD == caught.value.failure


@pytest.mark.parametrize("chunk", [b"\xef\xbb\xbf", b": ping\r\n\r\n", b"event: x\r\n\r\n", b"\r\n"])
def test_what_says_nothing_is_passed_over(chunk: bytes) -> None:
    """A byte order mark, comments, other fields, empty lines."""
    events = _events(chunk + _sse(TEXT, END))

    assert [Open(0, Text(text="")), Grow(0, "a"), Close(0), End(Ending.STOP, "STOP"), Done()] == events[1:]


@pytest.mark.parametrize("ends", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n"])
def test_any_line_end_will_do(ends: bytes) -> None:
    """Whoever stands between may have changed them; the last may be missing."""
    raw = _sse(TEXT, END, ends=ends)

    assert Done() == _events(raw)[-1]
    assert _events(raw) == _events(raw.rstrip())


def test_each_candidate_must_end() -> None:
    """Two were begun, one said STOP: that is no whole answer."""
    both = {"candidates": [{"index": 0, "finishReason": "STOP"}, {"index": 1, "content": {"parts": [{"text": "b"}]}}]}

    assert Done() not in _events(_sse(TEXT, both))
    assert Done() in _events(_sse(TEXT, both, {"candidates": [{"index": 1, "finishReason": "STOP"}]}))


def test_stop_before_a_result_is_no_end() -> None:
    """Gemini says STOP with the code that it runs, and goes on with what the code said."""
    code = _parts({"executableCode": {"language": "PYTHON", "code": "1"}}, finishReason="STOP")
    result = _parts({"codeExecutionResult": {"outcome": "OUTCOME_OK"}})

    assert Done() not in _events(_sse(TEXT, code))
    assert Done() not in _events(_sse(TEXT, code, result))
    assert Done() in _events(_sse(TEXT, code, result, END))


@pytest.mark.parametrize("shape", [b"data: %s\r\n\r\n", b"%s\n", b"%s"])
@pytest.mark.parametrize("before", [b"", _sse(TEXT)])
def test_an_error_in_the_stream_is_a_fault(shape: bytes, before: bytes) -> None:
    """As an event or bare, behind events or alone; nothing is complete after it."""
    error = b'{\n "error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}\n}'
    reader = CODEC.event_reader()
    events = [*(reader.feed(before) if before else []), *reader.feed(shape.replace(b"%s", error.replace(b"\n", b"")))]
    events += [*reader.feed(_sse(END)), *reader.close()]

    assert Fault("no", "UNAVAILABLE", 503) == events[-1]


def test_an_event_without_end_is_a_fault() -> None:
    """An element of an array that grows past every bound does not fill the memory."""
    reader = CODEC.event_reader()
    reader.feed(b'[{"x": "')
    events: list[Event] = []
    for _ in range(2 * MAX_EVENT_BYTES // 65536):
        events += reader.feed(b"y" * 65536)

    assert ["too_long"] == [event.code for event in events if isinstance(event, Fault)]


@pytest.mark.parametrize("text", ['"]}', "\\", '\\"', "{[", "é\n"])
def test_an_array_is_cut_at_its_elements(text: str) -> None:
    """Whatever the text looks like, and wherever the bytes were cut: backslashes, quotes, brackets."""
    raw = json.dumps([_parts({"text": text}), END]).encode()
    whole = _events(raw)

    assert Done() == whole[-1]
    for cut in range(1, len(raw)):
        reader = CODEC.event_reader()
        assert whole == [*reader.feed(raw[:cut]), *reader.feed(raw[cut:]), *reader.close()], cut
        reader = CODEC.event_reader()
        assert Done() not in [*reader.feed(raw[:cut]), *reader.close()], cut


def test_a_call_in_pieces_is_put_together() -> None:
    """Strings grow, other values come whole, lists and objects are made on the way; a signature may come with any."""
    pieces: list[Any] = [
        {"functionCall": {"name": "f", "id": "1", "willContinue": True}, "thoughtSignature": "c2ln"},
        {"functionCall": {"partialArgs": [{"jsonPath": "$.a[1].b", "stringValue": "x"}], "willContinue": True}},
        {"functionCall": {"partialArgs": [{"jsonPath": "$.a[1].b", "stringValue": "y"}], "willContinue": True}},
        {
            "functionCall": {
                "partialArgs": [
                    {"jsonPath": "$.n", "numberValue": 1},
                    {"jsonPath": "$['a b']", "boolValue": True},
                    {"jsonPath": "$.z", "nullValue": "NULL_VALUE"},
                ],
                "willContinue": True,
            }
        },
        {"functionCall": {}},
    ]
    answer = _assembled(_sse(*(_parts(piece) for piece in pieces), END))
    (call,) = answer.choices[0].parts

    assert isinstance(call, ToolCall)
    assert ("f", "1", "c2ln") == (call.name, call.id, call.signature)
    assert {"a": [None, {"b": "xy"}], "n": 1, "a b": True, "z": None} == json.loads(call.arguments)
    assert Ending.TOOL_CALLS == answer.choices[0].ending
    assert Done() not in _events(_sse(*(_parts(piece) for piece in pieces[:-1]), END))


@pytest.mark.parametrize("path", ["a", "$", "$.a[x]", "$['a", "$x", "$[99999999]", "$" + ".a" * 70])
def test_a_path_that_leads_nowhere_is_a_fault(path: str) -> None:
    """It is the vendor's mistake, and no reason to guess."""
    first = _parts({"functionCall": {"name": "f", "willContinue": True}})
    events = _events(_sse(first, _parts({"functionCall": {"partialArgs": [{"jsonPath": path, "numberValue": 1}]}})))

    assert "malformed_call" == next(event.code for event in events if isinstance(event, Fault))


def test_arguments_have_a_bound() -> None:
    """A call that never ends does not fill the memory; steps are read as they are written."""
    long: list[Json] = [{"jsonPath": "$.a", "stringValue": "x" * 100_000}] * 20
    wide: list[Json] = [{"jsonPath": f"$.a[{n}][9999]", "numberValue": 1} for n in range(200)]
    for pieces in (long, wide):
        with pytest.raises(ValueError, match="more than"):
            PartialArgs().add(pieces)

    assert ["a", 0, "b c"] == steps_of("$.a[0]['b c']")


def test_seals_end_a_part() -> None:
    """A signature alone belongs to the text before it; what follows is a part of its own."""
    chunks = [_parts({"text": "a"}), _parts({"text": "", "thoughtSignature": "c2ln"}), _parts({"text": "b"})]
    parts = _assembled(_sse(*chunks, END)).choices[0].parts

    assert [Text(text="a", signature="c2ln"), Text(text="b")] == parts


def test_calls_are_written_whole_and_in_order() -> None:
    """Google's clients know no pieces; the one that was opened first is said first."""
    writer = CODEC.event_writer(Ask(spoken="gemini", messages=[]))
    begun = writer.write(
        [Start("i", "m"), *(Open(n, ToolCall(name=name, arguments="")) for n, name in enumerate("ab"))]
    )
    second = writer.write([Grow(0, '{"x"'), Grow(1, "{}"), Close(1)])
    both = writer.write([Grow(0, ":1}"), Seal(0, "c2ln"), Close(0)])

    assert (b"", b"") == (begun, second)
    said = [chunk["candidates"][0]["content"]["parts"][0] for chunk in _json_of(both)]
    assert [{"name": "a", "args": {"x": 1}}, {"name": "b", "args": {}}] == [part["functionCall"] for part in said]
    assert "c2ln" == said[0]["thoughtSignature"]


def _json_of(raw: bytes) -> list[Any]:
    return [json.loads(frame[6:]) for frame in raw.split(b"\r\n\r\n")[:-1]]


def test_usage_and_endings_are_said_last() -> None:
    """In one chunk, with an empty text, as Gemini does: clients join the texts of all chunks."""
    writer = CODEC.event_writer(Ask(spoken="gemini", messages=[]))
    raw = writer.write([Start("i", "m"), End(Ending.LENGTH), Counted(Usage(input=1, output=2)), Done()])
    (last,) = _json_of(raw)

    assert {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3} == last["usageMetadata"]
    assert [{"content": {"parts": [{"text": ""}], "role": "model"}, "index": 0, "finishReason": "MAX_TOKENS"}] == last[
        "candidates"
    ]
    assert ("m", "i") == (last["modelVersion"], last["responseId"])


def test_a_signature_that_google_cannot_decode_is_not_said() -> None:
    """Its clients refuse the whole chunk otherwise. Thought is marked as thought."""
    writer = CODEC.event_writer(Ask(spoken="gemini", messages=[]))
    raw = writer.write([Open(0, Reasoning(text="t")), Seal(0, "no base64!"), Close(0)])

    assert [{"text": "t", "thought": True}] == [c["candidates"][0]["content"]["parts"][0] for c in _json_of(raw)]


def test_only_its_own_dialects_parts_are_said_again() -> None:
    """What another vendor's tool said means nothing to a client of Google's."""
    code: Part = Kept(what="executableCode", value={"executableCode": {"code": "1"}})
    own = CODEC.event_writer(Ask(spoken="gemini", messages=[])).write([Start(spoken="gemini"), Open(0, code)])
    other = CODEC.event_writer(Ask(spoken="gemini", messages=[])).write([Start(spoken="other"), Open(0, code)])

    assert b"executableCode" in own
    assert b"" == other


def test_a_faulty_stream_is_written_no_further() -> None:
    """Whoever decides that it is final says what went wrong; the writer only never says that it was whole."""
    writer: EventWriter = CODEC.event_writer(Ask(spoken="gemini", messages=[]))

    assert b"" == writer.write([Fault("x"), End(Ending.STOP), Done()])
    assert b"" == writer.write([Done()])


def test_a_stream_that_is_done_hears_nothing_more() -> None:
    """Neither bytes nor a second end."""
    reader: EventReader = CODEC.event_reader()
    reader.feed(_sse(TEXT, END))

    assert Done() == reader.close()[-1]
    assert ([], []) == (reader.feed(_sse(TEXT)), reader.close())


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("2026-05-04T20:01:02.264968Z", 1777924862),
        ("2024-02-29T00:00:00Z", 1709164800),
        ("2000-03-01T00:00:00Z", 951868800),
        ("1970-01-01T00:00:00Z", 0),
        ("nonsense", 0),
        ("2026-13-01T00:00:00Z", 0),
        (None, 0),
    ],
)
def test_times_are_read(said: str | None, seconds: int) -> None:
    assert seconds == seconds_of(said)
