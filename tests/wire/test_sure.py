"""Figures that contradict each other, or are none, are not sure; every vendor's own way of adding up is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from poise.wire.anthropic import usage as anthropic
from poise.wire.bedrock import usage as bedrock
from poise.wire.conversation.answer import Usage
from poise.wire.gemini import usage as gemini
from poise.wire.interpret import brief
from poise.wire.openai import usage as chat
from poise.wire.openai.answer import read_usage as read_chat
from poise.wire.responses.usage import read_usage as read_responses
from tests.recordings import FOLDER, exchanges

Obj = dict[str, Any]
Read = Callable[[Any], Usage | None]

READERS: dict[str, tuple[Read, str]] = {
    "chat": (chat.read, "usage"),
    "responses": (read_responses, "usage"),
    "messages": (anthropic.read, "usage"),
    "generateContent": (gemini.read, "usageMetadata"),
    "streamGenerateContent": (gemini.read, "usageMetadata"),
    "converse": (bedrock.read, "usage"),
}


def _documents(body: object) -> Iterator[Obj]:
    if isinstance(body, dict):
        yield body
    for line in body.splitlines() if isinstance(body, str) else ():
        if line.startswith("data:") and line.rstrip().endswith("}"):
            try:
                said = json.loads(line[5:])
            except ValueError:  # one recording ends in the middle
                continue
            yield said.get("response", said) if isinstance(said, dict) else {}


def test_what_real_vendors_count_is_sure() -> None:
    """Thoughts inside or beside, sound beside the prompt, caches inside or outside: all of it adds up."""
    unsure, looked = [], 0
    for path in sorted(FOLDER.glob("*.jsonl")):
        kind = path.stem.rpartition(".")[2]
        if kind not in READERS:
            continue
        read, field = READERS[kind]
        for row in exchanges(path.stem):
            told = [said[field] for said in _documents(row["response"]["body"]) if isinstance(said.get(field), dict)]
            if told and (usage := read(told[-1])) is not None:
                looked += 1
                unsure += [] if usage.sure else [row["id"]]
                if path.stem.endswith(".chat"):
                    quick = read_chat(json.dumps(told[-1]).encode())
                    unsure += [] if quick is None or quick.sure else [f"{row['id']} quickly"]
    if not looked:
        pytest.skip(f"no recordings at {FOLDER}: set POISE_RECORDINGS")

    assert [] == unsure
    assert looked > 500


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (chat.read, {"prompt_tokens": 3, "completion_tokens": 80, "total_tokens": 3}),
        (chat.read, {"prompt_tokens": 3, "completion_tokens": -1}),
        (chat.read, {"prompt_tokens": 3.5, "completion_tokens": 1}),
        (read_responses, {"input_tokens": 3, "output_tokens": 80, "total_tokens": 3}),
        (read_responses, {"input_tokens": "3", "output_tokens": 8, "total_tokens": 8}),
        (anthropic.read, {"input_tokens": 3, "output_tokens": -80}),
        (gemini.read, {"promptTokenCount": 3, "candidatesTokenCount": 80, "totalTokenCount": 3}),
        (gemini.read, {"promptTokenCount": 3, "candidatesTokenCount": -80}),
        (bedrock.read, {"inputTokens": 3, "outputTokens": 80, "totalTokens": 3}),
        (bedrock.read, {"inputTokens": -3, "outputTokens": 80}),
    ],
)
def test_what_cannot_be_true_is_not_sure(read: Read, said: Obj) -> None:
    """The figures stand, for they may be near; the record says that they are an estimate."""
    counted = read(said)
    assert counted is not None
    kept = brief(counted)

    assert not counted.sure
    assert kept is not None
    assert not kept.sure


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (chat.read, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
        (read_responses, {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}),
        (anthropic.read, {"input_tokens": 0, "output_tokens": 0}),
        (gemini.read, {"promptTokenCount": -1, "candidatesTokenCount": 0}),
        (bedrock.read, {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}),
    ],
)
def test_nothing_at_all_is_no_count(read: Read, said: Obj) -> None:
    """No answer costs no token: what it did cost is estimated."""
    counted = read(said)

    assert counted is not None
    assert brief(counted) is None


@pytest.mark.parametrize(
    ("said", "sure", "figures"),
    [
        (b'{"prompt_tokens":3,"completion_tokens":20,"total_tokens":23}', True, (3, 20)),
        (b'{"prompt_tokens":3,"completion_tokens":20}', True, (3, 20)),
        (
            b'{"prompt_tokens":3,"completion_tokens":5,"total_tokens":23,"completion_tokens_details":{"reasoning_tokens":15}}',
            True,
            (3, 20),
        ),
        (
            b'{"prompt_tokens":3,"completion_tokens":5,"total_tokens":18,"prompt_tokens_details":{"audio_tokens":10}}',
            True,
            (3, 5),
        ),
        (b'{"prompt_tokens":3,"completion_tokens":80,"total_tokens":3}', False, (3, 80)),
    ],
)
def test_the_quick_reader_of_chat_agrees(said: bytes, sure: bool, figures: tuple[int, int]) -> None:
    """It reads what goes on as it came; xAI's thoughts stand beside the figures, and Mistral's sound beside the prompt."""
    quick = read_chat(said)
    slow = chat.read(json.loads(said))
    assert quick is not None and slow is not None

    assert (sure, figures) == (quick.sure, (quick.input_tokens, quick.output_tokens))
    assert (sure, figures) == (slow.sure, (slow.prompt - slow.audio_input, slow.completion))


def test_nothing_at_all_is_no_count_there_either() -> None:
    assert read_chat(b'{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}') is None
