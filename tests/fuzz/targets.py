"""Every parser, as the gateway calls it: what it is fed, and with what it may refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from poise.edge.config.load import load
from poise.edge.config.problem import Problems
from poise.edge.config.resolve import resolve
from poise.edge.doors import door_at, keys_in
from poise.errors import AttemptFailed, Error
from poise.wire import failures
from poise.wire.anthropic import failure as anthropic_failure
from poise.wire.bedrock import failure as bedrock_failure
from poise.wire.bedrock import frames
from poise.wire.bedrock.invoke import ChunkReader
from poise.wire.conversation.codec import Codec, EventReader, Manner
from poise.wire.conversation.joined import joined
from poise.wire.conversation.lost import Lost
from poise.wire.dialects import DIALECTS
from poise.wire.gemini import failure as gemini_failure
from poise.wire.gemini.array import Elements
from poise.wire.oip import answer as oip_answer
from poise.wire.oip import failure as oip_failure
from poise.wire.oip.request import HEADER, read_infer
from poise.wire.openai import failure as openai_failure
from poise.wire.openai import request
from poise.wire.skim import ANTHROPIC, GEMINI, RESPONSES, Shape, skim
from poise.wire.sse import Splitter, TooLong
from tests.config.sample import GOOD, MINIMAL
from tests.fuzz import seeds
from tests.fuzz.engine import Target
from tests.fuzz.mutate_json import json_change
from tests.fuzz.mutate_stream import frames_change, sse_change
from tests.fuzz.mutate_text import line_change, yaml_change

_STATUSES: Final = (200, 204, 301, 400, 401, 403, 404, 408, 413, 422, 429, 499, 500, 502, 503, 504, 529, 599, 0)
_WAITS: Final = (
    b"",
    b"1",
    b"-1",
    b"1e400",
    b"nan",
    b"9" * 400,
    b"Wed, 21 Oct 2026 07:28:00 GMT",
    b"\xff",
    b"inf",
    b"0.5",
)
_CODES: Final = {"invalid_json", "invalid_field", "duplicate_field"}
_WHOLE_S: Final = 3.0  # a body of a megabyte, read once and written in each dialect
_STREAM_S: Final = 6.0  # thousands of events, in many pieces, read and written


def targets(folder: Path) -> list[Target]:
    """All of them; folder is an empty one, for what is read from files."""
    found = [
        Target("skim anthropic", _skim(ANTHROPIC), seeds.of("anthropic", "ask"), json_change, (Error,)),
        Target("skim responses", _skim(RESPONSES), seeds.of("responses", "ask"), json_change, (Error,)),
        Target("skim gemini", _skim(GEMINI), seeds.of("gemini", "ask"), json_change, (Error,)),
        Target("request chat", _chat("chat"), seeds.of("openai", "ask"), json_change, (Error,)),
        Target("request embeddings", _chat("embeddings"), [b'{"model":"m","input":["a"]}'], json_change, (Error,)),
        Target("invoke chunks", _chunks, seeds.of("bedrock", "stream"), frames_change, _FRAMED, _STREAM_S),
        Target("gemini array", _elements, seeds.of("gemini", "answer"), json_change, (TooLong,)),
        Target("doors", _door, seeds.LINES, line_change),
        Target("config", _Config(folder).run, [GOOD.encode(), MINIMAL.encode()], yaml_change, (Problems,), 30.0),
        Target("oip infer", _tensors, seeds.TENSORS, json_change, (Error,)),
        Target("oip answer", _tensors_answered, seeds.TENSORS_ANSWERED, json_change, (AttemptFailed,)),
        Target("failures.classify", _failure(_classified), seeds.FAILURES, json_change),
    ]
    for name, codec in seeds.ALL.items():
        found.append(Target(f"ask {name}", _ask(codec), seeds.of(name, "ask"), json_change, (Error,), _WHOLE_S))
        found.append(
            Target(f"answer {name}", _answer(codec), seeds.of(name, "answer"), json_change, (AttemptFailed,), _WHOLE_S)
        )
        if name == "gemini-array":
            continue  # as a target it speaks as gemini does
        framed = name == "bedrock"
        change, refuses = (frames_change, _FRAMED) if framed else (sse_change, (TooLong,))
        found.append(
            Target(f"stream {name}", _stream(name, codec), seeds.of(name, "stream"), change, refuses, _STREAM_S)
        )
    for name, read in _READERS.items():
        found.append(Target(f"failure {name}", _failure(read), seeds.FAILURES, json_change))
    return found


_FRAMED: Final = (TooLong, frames.Corrupt)
_READERS: Final = {
    "openai": openai_failure.read,
    "anthropic": anthropic_failure.read,
    "gemini": gemini_failure.read,
    "bedrock": bedrock_failure.read,
    "oip": oip_failure.read,
}


def _declared(error: Error) -> Error:
    assert error.code in _CODES, f"an ask was refused with {error.code}"
    assert error.hint, "an ask was refused without a hint"
    str(error).encode()  # as it goes on the wire
    return error


def _skim(shape: Shape) -> Callable[[bytes, Random], None]:
    def run(data: bytes, rng: Random) -> None:
        try:
            call = skim(shape, "chat", data, model="m")
        except Error as error:
            raise _declared(error) from None
        assert call.tokens > 0 <= call.max_output, "a size below nothing"

    return run


def _chat(surface: str) -> Callable[[bytes, Random], None]:
    def run(data: bytes, rng: Random) -> None:
        try:
            call = request.read(surface, data)
        except Error as error:
            raise _declared(error) from None
        assert call.tokens > 0 <= call.max_output, "a size below nothing"
        request.write(call, call.fields["model"])

    return run


def _tensors(data: bytes, rng: Random) -> None:
    try:
        call = read_infer(data, rng.choice((-1, 0, len(data), len(data) // 2)), model="m")
    except Error as error:
        raise _declared(error) from None
    assert data == call.body, "a body did not stay as it was"


def _tensors_answered(data: bytes, rng: Random) -> None:
    said = rng.choice((b"", b"%d" % (len(data) // 2), b"%d" % (len(data) + 1), data[:9]))
    answered = [(HEADER, said)] if rng.random() < 0.5 else []
    assert len(oip_answer.read_infer(data, answered)) <= 256, "a name without bound"
    oip_answer.named(data, "m")


def _ask(codec: Codec) -> Callable[[bytes, Random], None]:
    """What is accepted can be written in every dialect."""

    def run(data: bytes, rng: Random) -> None:
        try:
            ask = codec.read_ask(data, model="m", stream=rng.random() < 0.5)
        except Error as error:
            raise _declared(error) from None
        codec.write_ask(ask, Lost(), Manner())
        ask = joined(ask, pieces=ask.spoken == "gemini")
        for other in seeds.ALL.values():
            lost = Lost()
            other.write_ask(ask, lost, Manner(schema=rng.random() < 0.5))
            lost.line()
            " ".join(lost.told()).encode()

    return run


def _answer(codec: Codec) -> Callable[[bytes, Random], None]:
    def run(data: bytes, rng: Random) -> None:
        answer = codec.read_answer(data)
        for other in seeds.ALL.values():
            other.write_answer(answer, Lost())

    return run


def _pieces(data: bytes, rng: Random) -> list[bytes]:
    """The bytes as they might come: cut anywhere, never into more than a few hundred."""
    size = max(rng.choice((1, 7, 100, 1_500, 65_536, 1 << 20)), len(data) // 300)
    found = []
    at = 0
    while at < len(data):
        end = at + rng.randint(1, 2 * size)
        found.append(data[at:end])
        at = end
    return found


def _stream(name: str, codec: Codec) -> Callable[[bytes, Random], None]:
    """Reading as the gateway does it, and writing in some dialect what was read."""
    asks = [each.read_ask(seeds.of(other, "ask")[0], model="m", stream=True) for other, each in seeds.ALL.items()]
    writers = list(zip(seeds.ALL.values(), asks, strict=True))

    def run(data: bytes, rng: Random) -> None:
        splitter = frames.Splitter() if name == "bedrock" else Splitter()
        reader = codec.event_reader()
        own = DIALECTS["openai"].stream_reader(request.read("chat", seeds.of("openai", "ask")[0]))
        other, ask = rng.choice(writers)
        writer = other.event_writer(ask, Lost())
        for piece in _pieces(data, rng):
            whole = splitter.feed(piece)
            if whole:
                writer.write(reader.feed(whole))
                if name == "openai":
                    own.feed(whole)
        if splitter.tail:
            writer.write(reader.feed(splitter.tail))
        writer.write(reader.close())
        if name == "openai":
            own.close(splitter.tail)

    return run


def _chunks(data: bytes, rng: Random) -> None:
    splitter = frames.Splitter()
    reader: EventReader = ChunkReader(seeds.ALL["anthropic"].event_reader())
    for piece in _pieces(data, rng):
        whole = splitter.feed(piece)
        if whole:
            reader.feed(whole)
    reader.close()


def _elements(data: bytes, rng: Random) -> None:
    elements = Elements()
    for piece in _pieces(b"[" + data + b",\r\n" + data + b"]", rng):
        elements.feed(piece)


def _classified(status: int, headers: dict[bytes, bytes], body: bytes) -> AttemptFailed:
    return failures.classify(status, headers, body, ("", "openrouter", "openai", "zai")[status % 4])


def _failure(read: Callable[[int, dict[bytes, bytes], bytes], AttemptFailed]) -> Callable[[bytes, Random], None]:
    def run(data: bytes, rng: Random) -> None:
        headers = {b"retry-after": rng.choice(_WAITS), b"x-amzn-errortype": data[:40]}
        if rng.random() < 0.5:
            headers[b"retry-after-ms"] = rng.choice(_WAITS)
        failed = read(rng.choice(_STATUSES), headers, data)
        wait_s = failed.retry_after_s
        assert wait_s is None or (math.isfinite(wait_s) and 0 <= wait_s <= openai_failure.MAX_WAIT_S), f"wait {wait_s}"

    return run


def _door(data: bytes, rng: Random) -> None:
    door_at(data.partition(b"?")[0], data)
    keys_in({b"x-api-key": data} if rng.random() < 0.1 else {}, data)


class _Config:
    """A file is what the loader reads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "poise.yaml"

    def run(self, data: bytes, rng: Random) -> None:
        self._path.write_bytes(data)
        resolve(load(self._path, {"A": "x"}))
