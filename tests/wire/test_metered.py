"""Usage is found in answers that nobody translates, in each of the known shapes, and in no other."""

from __future__ import annotations

import contextlib
import json
import random

import pytest

from poise.decision import Usage
from poise.wire.conversation.answer import Usage as Counted
from poise.wire.interpret import brief
from poise.wire.metered import MAX_WHOLE_BYTES, Meter
from tests.recordings import FOLDER, exchanges

SSE = b"text/event-stream; charset=utf-8"


def heard(kind: bytes, *pieces: bytes) -> Meter:
    """A meter that has heard these."""
    meter = Meter(kind)
    for piece in pieces:
        meter.feed(piece)
    meter.close()
    return meter


def tells_usage(body: str, kind: str) -> bool:
    """Whether an event of this kind is whole and has figures; some recordings were edited by hand, and are not JSON."""
    for line in body.splitlines():
        if line.startswith("data: {") and f'"{kind}"' in line and '"output_tokens":' in line:
            with contextlib.suppress(json.JSONDecodeError):
                return bool(json.loads(line[6:]))
    return False


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 3}, (7, 3)),
        ({"prompt_tokens": 7, "total_tokens": 7}, (7, 0)),
        ({"input_tokens": 7, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 2}}, (7, 3)),
        ({"input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 2}, (9, 3)),
        ({"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59}, (14, 45)),
        ({"input_tokens": 7, "output_tokens": 9, "output_tokens_details": {"image_tokens": 9}}, (7, 9)),
    ],
)
def test_usage_of_each_kind_is_read(said: dict[str, object], counted: tuple[int, int]) -> None:
    """OpenAI's chat and embeddings, responses, Anthropic's (cached beside), sound, pictures."""
    meter = heard(b"application/json", json.dumps({"model": "m", "usage": said}).encode())

    assert meter.usage is not None
    assert counted == (meter.usage.input_tokens, meter.usage.output_tokens)
    assert "m" == meter.model


def test_geminis_usage_is_read() -> None:
    """Which has another name for it, and for the model."""
    body = {"modelVersion": "g", "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3}}
    meter = heard(b"application/json; charset=UTF-8", json.dumps(body).encode())

    assert (Usage(7, 3), "g") == (meter.usage, meter.model)


# Tools were called by a program, no model was asked: every figure is zero, which is no count.
NOTHING = {"openai.responses-1badabd16c53"}


@pytest.mark.parametrize(
    ("endpoint", "usage_of"),
    [("anthropic.messages", "message_delta"), ("openai.chat", ""), ("openai.responses", "response.completed")],
)
def test_recorded_streams_are_counted_however_they_are_cut(endpoint: str, usage_of: str) -> None:
    """The same figures as a whole and in random pieces; every stream that tells its usage is counted."""
    assert FOLDER is not None
    dice = random.Random(endpoint)
    counted = 0
    for row in exchanges(endpoint):
        body = row["response"]["body"]
        if not row["stream"] or row["response"]["status"] != 200 or not isinstance(body, str):
            continue
        data = body.encode()
        cuts = sorted(dice.sample(range(len(data)), min(30, len(data) - 1)))
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        whole, cut = heard(SSE, data), heard(SSE, *pieces)
        counted += whole.usage is not None

        assert whole.usage == cut.usage, row["id"]
        if usage_of and tells_usage(body, usage_of) and row["id"] not in NOTHING:
            assert whole.usage is not None, row["id"]
    assert counted


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (b"audio/mpeg", b'{"usage":{"prompt_tokens":1}}'),
        (b"application/json", b'{"usage":{"prompt_tokens":1}'),
        (b"application/json", b'{"x":"\\"usage\\":{\\"prompt_tokens\\":1}"}'),
        (b"application/json", b'{"usage":{"seconds":3,"type":"duration"}}'),
        (b"application/json", b'{"usage":{"prompt_tokens":1}}' + b" " * MAX_WHOLE_BYTES),
        (b"application/json", b'{"usage":' * 5000),
        (SSE, b'data: {"usage":{"prompt_tokens":1}}'),
        (SSE, b"data: " + b"x" * (1 << 21) + b'\n\ndata: {"usage":{"prompt_tokens":1}}\n\n'),
    ],
)
def test_what_is_no_usage_or_too_long_is_not_counted(kind: bytes, data: bytes) -> None:
    """Another kind, broken, quoted, in another unit, beyond the bound, without an end."""
    half = len(data) // 2

    assert heard(kind, data[:half], data[half:]).usage is None


def test_figures_that_are_no_counts_are_nothing() -> None:
    """The record could not hold them."""
    assert brief(Counted(input=10**30, output=5)) is None
