"""Against botocore: bodies its model makes are read and written back equal; what is written validates; streams agree."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.errors import Error, Failure
from poise.wire.bedrock.codec import CODEC, path_of
from poise.wire.bedrock.ending import ENDINGS
from poise.wire.bedrock.failure import STATUSES, error_body, error_event, meaning, read
from poise.wire.bedrock.frames import Splitter
from poise.wire.conversation.answer import Answer, Ending
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.event import Done, Event, Fault
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Part, Reasoning, Text, ToolCall
from tests.wire.bedrock import vendor
from tests.wire.crossing import strategies as made

CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
ANSWERS = made.answers(
    "other",
    signed=True,
    endings=(Ending.STOP, Ending.LENGTH, Ending.CONTENT_FILTER),
    buckets=("cached", "cache_write", "cache_write_long"),
)


@SLOW
@given(st.data(), st.sampled_from(["ConverseRequest", "ConverseStreamRequest"]))
def test_every_request_of_the_model_is_written_back_equal(data: st.DataObject, name: str) -> None:
    """Whatever the service model allows."""
    body = data.draw(vendor.values(vendor.shape(name)))
    raw = json.dumps(body).encode()
    lost = Lost()

    assert body == json.loads(CODEC.write_ask(CODEC.read_ask(raw, model=CLAUDE), lost, Manner()))
    assert [] == lost.losses


@SLOW
@given(st.data())
def test_every_message_of_the_model_is_written_back_equal(data: st.DataObject) -> None:
    """Content above all."""
    body = {"messages": data.draw(vendor.values(vendor.shape("Messages"), 9))}

    assert body == json.loads(CODEC.write_ask(CODEC.read_ask(json.dumps(body).encode()), Lost(), Manner()))


@SLOW
@given(st.data())
def test_every_answer_of_the_model_is_written_back_equal(data: st.DataObject) -> None:
    """Traces of guardrails and all."""
    body = data.draw(vendor.values(vendor.shape("ConverseResponse"), 6))
    if "message" not in body["output"]:
        return
    lost = Lost()
    assert body == json.loads(CODEC.write_answer(CODEC.read_answer(json.dumps(body).encode()), lost))
    assert [] == lost.losses


@SLOW
@given(st.data())
def test_an_answer_is_read_as_botocore_reads_it(data: st.DataObject) -> None:
    """The same bytes to both: texts, thoughts, calls, stop reason and tokens."""
    said = data.draw(vendor.values(vendor.shape("ConverseResponse"), 6))
    content = data.draw(vendor.values(vendor.shape("ContentBlocks"), 6))
    said["output"] = {"message": {"role": "assistant", "content": content}}
    raw = json.dumps(said).encode()
    ours, theirs = CODEC.read_answer(raw), vendor.parsed(raw)

    assert [row for block in theirs["output"]["message"]["content"] for row in _theirs(block)] == [
        row for part in ours.choices[0].parts for row in _ours(part)
    ]
    assert theirs["stopReason"] == ours.choices[0].said
    assert ours.usage is not None
    told = theirs["usage"]
    assert (told["inputTokens"], told["outputTokens"]) == (ours.usage.input, ours.usage.output)
    assert told.get("cacheReadInputTokens", 0) == ours.usage.cached
    assert told.get("cacheWriteInputTokens", 0) == ours.usage.cache_written


def _theirs(block: dict[str, Any]) -> list[tuple[object, ...]]:
    if "text" in block:
        return [("text", block["text"])]
    if "toolUse" in block and "type" not in block["toolUse"]:
        return [("call", block["toolUse"]["toolUseId"], block["toolUse"]["name"], block["toolUse"]["input"])]
    if "reasoningText" in block.get("reasoningContent", {}):
        return [("thought", block["reasoningContent"]["reasoningText"]["text"])]
    return []


def _ours(part: Part) -> list[tuple[object, ...]]:
    if isinstance(part, Text) and not part.rest:
        return [("text", part.text)]
    if isinstance(part, ToolCall):
        return [("call", part.id, part.name, json.loads(part.arguments))]
    return [("thought", part.text)] if isinstance(part, Reasoning) and not part.sealed else []


@settings(max_examples=60, deadline=None)
@given(
    made.asks("other", result_media=True, system=("system", "developer")),
    st.sampled_from([CLAUDE, "amazon.nova-pro-v1:0", "openai.gpt-oss-120b-1:0", "meta.llama3-3-70b-instruct-v1:0"]),
)
def test_what_is_written_for_another_dialect_validates(ask: Ask, model: str) -> None:
    """By ParamValidator, by enums and patterns, and as botocore would serialize it."""
    ask.model = model
    vendor.assert_valid(CODEC.write_ask(ask, Lost(), Manner()), model)


@settings(max_examples=60, deadline=None)
@given(ANSWERS)
def test_an_answer_that_is_written_is_read_by_botocore(answer: Answer) -> None:
    """Texts, calls, the ending and the usage."""
    raw = CODEC.write_answer(answer, Lost())
    theirs = vendor.parsed(raw)
    ours = CODEC.read_answer(raw).choices[0]

    vendor.check({k: v for k, v in theirs.items() if k != "ResponseMetadata"}, vendor.shape("ConverseResponse"))
    content = theirs["output"]["message"]["content"]
    assert "".join(getattr(part, "text", "") for part in ours.parts) == "".join(_words(block) for block in content)
    assert ours.said == theirs["stopReason"]


def _words(block: dict[str, Any]) -> str:
    said: str = block.get("text", "") or block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
    return said


@settings(max_examples=60, deadline=None)
@given(made.event_lists(ANSWERS, parallel=True), st.data())
def test_a_stream_that_is_written_is_read_by_botocore(events: list[Event], data: st.DataObject) -> None:
    """However it is cut: the same texts and arguments as in the answer it came from."""
    raw = CODEC.event_writer(Ask(spoken="bedrock", messages=[])).write(events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    theirs = vendor.streamed(raw, cuts)

    for event in theirs:
        vendor.check(event, vendor.shape("ConverseStreamOutput"))
    deltas = [event["contentBlockDelta"]["delta"] for event in theirs if "contentBlockDelta" in event]
    whole = _whole(events).choices[0]
    assert "".join(part.text for part in whole.parts if hasattr(part, "text")) == "".join(
        delta.get("text", "") + delta.get("reasoningContent", {}).get("text", "") for delta in deltas
    )
    arguments = [part.arguments for part in whole.parts if hasattr(part, "arguments")]
    assert sorted("".join(arguments)) == sorted("".join(d["toolUse"]["input"] for d in deltas if "toolUse" in d))
    assert ["messageStop", "metadata"] == [next(iter(event)) for event in theirs[-2:]]


def _whole(events: list[Event]) -> Answer:
    assembler = Assembler("bedrock")
    assembler.feed(events)
    return assembler.finish()


@SLOW
@given(st.data())
def test_any_stream_of_the_models_events_is_read_without_surprise(data: st.DataObject) -> None:
    """In whatever order: at most one end, and nothing raised; botocore reads each message too."""
    names = ["contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]
    output = vendor.shape("ConverseStreamOutput")
    said = data.draw(
        st.lists(
            st.sampled_from(names).flatmap(
                lambda name: vendor.values(output.members[name], 5).map(lambda value: (name, value))
            ),
            max_size=6,
        )
    )
    raw = b"".join(vendor.frame(name, payload) for name, payload in [("messageStart", {"role": "assistant"}), *said])
    reader, splitter = CODEC.event_reader(), Splitter()
    events = [*reader.feed(splitter.feed(raw)), *reader.close()]

    assert len(said) + 1 == len(vendor.streamed(raw))
    assert 1 >= sum(isinstance(event, Done | Fault) for event in events)
    Assembler("bedrock").feed(events)


def test_every_stop_reason_of_the_model_is_known() -> None:
    """A new one fails here first."""
    assert set(vendor.shape("StopReason").enum) <= set(ENDINGS)


@pytest.mark.parametrize("operation", ["Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream"])
def test_every_exception_of_the_model_is_known(operation: str) -> None:
    """By name, and with the status the model gives it."""
    for error in vendor.model().operation_model(operation).error_shapes:
        status = error.metadata["error"]["httpStatusCode"]
        assert status == STATUSES[error.name]
        assert meaning(error.name, "", 200) in Failure


@pytest.mark.parametrize(
    "model", [CLAUDE, "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a.b-c"]
)
@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
def test_the_path_is_that_of_botocore(model: str, operation: str) -> None:
    """Escaped as there, since it is signed."""
    sent = vendor.serialized({"modelId": model, "messages": []}, operation)["url_path"]

    assert sent.encode() == path_of(model, operation == "ConverseStream")


def test_an_error_of_ours_is_an_exception_to_botocore() -> None:
    """Whole and inside a stream."""
    error = Error("upstream_rate_limited", "too fast", hint="wait")
    whole = vendor.parsed(error_body(error, "d1"), status=error.status)
    assert ("ThrottlingException", "too fast. Hint: wait") == (whole["Error"]["Code"], whole["Error"]["Message"])
    with pytest.raises(Exception, match="throttlingException") as raised:
        vendor.streamed(error_event(error, ""))
    assert "EventStreamError" == type(raised.value).__name__
    assert Failure.RATE is read(429, {}, error_body(error, "d1")).failure
