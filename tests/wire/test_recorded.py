"""Real vendors' traffic through the OpenAI dialect: same in, same out, and what it counted is known."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from poise.errors import AttemptFailed
from poise.target import Target
from poise.wire.call import StreamReader
from poise.wire.openai import OpenAI
from poise.wire.sse import Splitter
from tests.recordings import exchanges, streams

CHAT = [
    "openai.chat",
    "azure.chat",
    "deepseek.chat",
    "groq.chat",
    "mistral.chat",
    "openrouter.chat",
    "xai.chat",
    "together.chat",
    "fireworks.chat",
    "cerebras.chat",
    "qwen.chat",
    "vllm.chat",
    "llamacpp.chat",
    "ollama.openai_chat",
    "huggingface.chat",
    "perplexity.chat",
    "zai.chat",
]
TARGET = Target("m@p", "m", "p", "openai", "us", "the-target-s-own-name")


def _pass(body: bytes, cuts: list[int], *, injected: bool) -> tuple[bytes, StreamReader]:
    call = OpenAI().read_call("chat", b'{"model":"m","messages":[],"stream":true}')
    call.asks_usage = not injected
    reader, splitter, out = OpenAI().stream_reader(call), Splitter(), b""
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        events = splitter.feed(body[start:end])
        if events:
            out += reader.feed(events)
    return out + splitter.tail, reader


def _usage_by_hand(body: bytes) -> tuple[int, int] | None:
    last = None
    for line in body.decode().splitlines():
        if line.startswith("data:") and "{" in line:
            try:
                usage = json.loads(line[5:]).get("usage")
            except (json.JSONDecodeError, AttributeError):
                continue
            if usage and usage.get("prompt_tokens") is not None:
                written = usage.get("completion_tokens") or 0
                thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
                if usage.get("total_tokens") == usage["prompt_tokens"] + written + thought:
                    written += thought  # beside what was written, not within it
                last = usage["prompt_tokens"], written
    return last


@pytest.mark.parametrize("endpoint", CHAT)
def test_streams_pass_byte_for_byte_however_they_are_cut(endpoint: str) -> None:
    """A client that asked for usage gets the vendor's bytes; where they are cut into segments changes nothing."""
    dice = random.Random(endpoint)
    seen = 0
    for name, body in streams(endpoint):
        if b'"error"' in body:
            continue
        whole, reader = _pass(body, [], injected=False)
        cuts = sorted(dice.sample(range(len(body)), min(40, len(body) - 1)))
        pieces, _ = _pass(body, cuts, injected=False)
        seen += 1

        assert body == whole, name
        assert body == pieces, name
        assert reader.finished, name
        usage = reader.usage
        assert _usage_by_hand(body) == (None if usage is None else (usage.input_tokens, usage.output_tokens)), name
    assert seen > 0


@pytest.mark.parametrize("endpoint", ["openai.chat", "azure.chat", "vllm.chat"])
def test_the_usage_chunk_is_taken_out_again(endpoint: str) -> None:
    """A client that did not ask sees neither the usage chunk nor ``usage: null``, and every other event is unchanged."""
    taken = 0
    for name, body in streams(endpoint):
        if b'"error"' in body:
            continue
        out, reader = _pass(body, [], injected=True)
        chunks = [json.loads(line[5:]) for line in out.decode().splitlines() if line.startswith("data: {")]
        before = [json.loads(line[5:]) for line in body.decode().splitlines() if line.startswith("data: {")]
        only_usage = [c for c in before if c.get("usage") and not c.get("choices")]
        taken += len(only_usage)

        assert len(before) - len(only_usage) == len(chunks), name
        assert all(c.get("choices") or not c.get("usage") for c in chunks), name
        assert (reader.usage is None) == (_usage_by_hand(body) is None), name
    assert taken > 0


@pytest.mark.parametrize("endpoint", CHAT)
def test_requests_keep_every_field_but_the_model(endpoint: str) -> None:
    """Unknown fields, tools, images, schemas: what the recorded client sent is what the upstream is sent."""
    dialect = OpenAI()
    seen = 0
    for row in exchanges(endpoint):
        sent = row["request"]["body"]
        if not isinstance(sent, dict) or not isinstance(sent.get("model"), str) or "messages" not in sent:
            continue
        call = dialect.read_call("chat", json.dumps(sent).encode())
        got = json.loads(dialect.upstream_body(call, TARGET))
        wanted = {**sent, "model": "the-target-s-own-name"}
        if sent.get("stream") and not (sent.get("stream_options") or {}).get("include_usage"):
            wanted["stream_options"] = {**(sent.get("stream_options") or {}), "include_usage": True}
        seen += 1

        assert wanted == got, row["id"]
    assert seen > 0 or endpoint in {"together.chat", "fireworks.chat", "zai.chat"}


@pytest.mark.parametrize("endpoint", CHAT)
def test_whole_answers_are_read(endpoint: str) -> None:
    """Usage and model of every recorded whole answer; every recorded error is classified, none raises anything else."""
    dialect = OpenAI()
    call = dialect.read_call("chat", b'{"model":"m","messages":[]}')
    for row in exchanges(endpoint):
        status, body = row["response"]["status"], row["response"]["body"]
        raw = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
        if status != 200:
            failure = dialect.failure(status, {}, raw)
            assert status == failure.status, row["id"]
            assert failure.text, row["id"]
        elif not row["stream"] and isinstance(body, dict) and "choices" in body:
            answer = dialect.read_answer(call, raw)
            usage = body.get("usage") or {}
            assert (body.get("model") or "") == answer.model, row["id"]
            if usage.get("prompt_tokens"):
                assert answer.usage is not None, row["id"]
                assert usage["prompt_tokens"] == answer.usage.input_tokens, row["id"]


def test_an_error_inside_a_200_is_a_failure() -> None:
    """A whole answer that holds an error instead of choices is classified by what it says, not by its status."""
    dialect = OpenAI()
    call = dialect.read_call("chat", b'{"model":"m","messages":[]}')
    with pytest.raises(AttemptFailed) as caught:
        dialect.read_answer(call, b'{"error":{"message":"no more money","code":"insufficient_quota"}}')

    assert "quota" == caught.value.failure
