"""The model that answered is named, also where the vendor's answers name none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poise.target import Target
from poise.wire.bedrock.frames import write
from poise.wire.conversation.codec import Manner
from poise.wire.dialects import BACKS, CODECS, DIALECTS, embeddings
from poise.wire.spoken import Interpreter

ID = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
TARGET = Target("sonnet@bedrock", "sonnet", "bedrock", "bedrock", "eu", ID, "bedrock")
MESSAGES = [{"role": "user", "content": "hi"}]
ASKED: dict[str, dict[str, Any]] = {
    "openai": {"model": "work", "messages": MESSAGES},
    "responses": {"model": "work", "input": "hi"},
    "anthropic": {"model": "work", "max_tokens": 9, "messages": MESSAGES},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}
SAID = {"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}, "stopReason": "end_turn"}
EVENTS = (
    write("messageStart", b'{"role":"assistant"}')
    + write("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"Hi"}}')
    + write("contentBlockStop", b'{"contentBlockIndex":0}')
    + write("messageStop", b'{"stopReason":"end_turn"}')
)
FIELDS = {"openai": '"model":', "responses": '"model":', "anthropic": '"model":', "gemini": '"modelVersion":'}
FRONTS = pytest.mark.parametrize("front", list(ASKED))


def _between(front: str) -> Interpreter:
    back = BACKS["bedrock"]
    return Interpreter(DIALECTS[front], CODECS[front], back.dialect, back.codec, back.manner or Manner())


@FRONTS
def test_a_whole_answer_names_the_model(front: str) -> None:
    """Converse says none: the id that was asked is it."""
    between = _between(front)
    call = between.read_call("chat", json.dumps(ASKED[front]).encode(), "work")
    between.upstream_body(call, TARGET)
    answer = between.read_answer(call, json.dumps(SAID).encode())

    assert ID == answer.model
    assert f'{FIELDS[front]}"{ID}"' in answer.body.decode()


@FRONTS
def test_a_stream_names_the_model(front: str) -> None:
    """In its first event, and for the record."""
    between = _between(front)
    call = between.read_call("chat", json.dumps(ASKED[front] | {"stream": True}).encode(), "work", stream=True)
    between.upstream_body(call, TARGET)
    reader = between.stream_reader(call)
    told = reader.feed(EVENTS) + reader.close(b"")

    assert ID == reader.model
    assert f'{FIELDS[front]}"{ID}"' in told.decode()


@pytest.mark.parametrize(
    ("back", "said"),
    [
        ("gemini", {"embeddings": [{"values": [1.0]}]}),
        ("gemini-vertex", {"predictions": [{"embeddings": {"values": [1.0]}}]}),
    ],
)
def test_embeddings_name_the_model(back: str, said: dict[str, object]) -> None:
    """Google's say none; the workflow that the caller named made nothing."""
    between = embeddings("embeddings", back)
    call = between.read_call("embeddings", b'{"model": "work", "input": "a"}')
    between.upstream_body(call, Target("e@g", "e", "g", "gemini", "eu", "gemini-embedding-001", "gemini"))

    assert "gemini-embedding-001" == json.loads(between.read_answer(call, json.dumps(said).encode()).body)["model"]
