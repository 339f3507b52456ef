"""A call as any dialect reads it, and what any dialect must be able to do: the seam where further dialects fit in."""

from __future__ import annotations

from typing import Protocol

import msgspec

from poise.decision import Usage
from poise.errors import AttemptFailed, Error, Failure
from poise.target import Target
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.lost import Lost


class Form:
    """A form as it came, but for the model's name that stood between before and after."""

    __slots__ = ("after", "before")

    def __init__(self, before: bytes, after: bytes) -> None:
        self.before = before
        self.after = after


class Call:
    """One decoded call. fields holds the top level of the body, each value still raw.

    asks_usage: the client wants the usage chunk. choices is how many answers are asked for at once (``n``). ask is the
    whole call as the conversation in the middle, None until it has to be translated; lost what the last translation
    could not carry; strict: rather refuse than lose something there. attempts is how many a gateway above still allows, 0
    where none said. form is the body where it is a form (fields are empty then). tensors: a call of the Open Inference
    Protocol, with the version of the model that it names ('' for none), its body as it came, and the head of the answer once
    there is one. served is what the target that is asked by a translation calls its model, for vendors whose answers name none. The
    remaining fields are what ``poise.request.Facts`` says of the same names.
    """

    stream: bool = False
    asks_usage: bool = False
    tokens: int = 0
    max_output: int = 0
    modalities: tuple[str, ...] = ()
    tools: bool = False
    json_output: bool = False
    user: str = ""
    choices: int = 1
    strict: bool = False
    attempts: int = 0
    tensors: bool = False
    version: str = ""
    served: str = ""
    body: bytes  # of tensors only, as head: there is nothing to set for a call without
    head: list[tuple[bytes, bytes]]

    def __init__(self, surface: str, fields: dict[str, msgspec.Raw], model: str) -> None:
        self.surface = surface
        self.fields = fields
        self.model = model
        self.ask: Ask | None = None
        self.lost: Lost | None = None
        self.form: Form | None = None

    def begin(self) -> None:
        """Another target is asked: what the last translation lost does not count."""
        self.lost = None


class Answer:
    """What is read of a whole answer: the model that says it answered, and what it counted.

    body is the answer in the caller's dialect where it was translated, b'' where it goes on as it came.
    """

    __slots__ = ("body", "model", "usage")

    def __init__(self, model: str = "", usage: Usage | None = None, body: bytes = b"") -> None:
        self.model = model
        self.usage = usage
        self.body = body


class StreamReader(Protocol):
    """Follows one streamed answer. Fed with whole events; keeps what was learnt."""

    started: bool  # a meaningful event has been seen: the answer may be committed
    finished: bool  # the answer is complete by the dialect's own terms
    over: bool  # and nothing may follow: the client need not wait until the connection ends
    model: str
    usage: Usage | None
    error: str  # the upstream's in-stream error, as text; '' while there is none
    fault: bytes  # the same as the body of an error answer; b'' where it is no error of theirs but one in the framing
    failure: Failure  # what the error means where there is no such body
    skipped: int  # events that no client could read, and that were left out of what goes on

    def feed(self, events: bytes) -> bytes:
        """The events that go on to the client: bookkeeping that it did not ask for is taken out."""

    def close(self, tail: bytes) -> bytes:
        """The bytes ended; tail is what came of an event that was not complete. What the client is still owed."""


class Dialect(Protocol):
    """One wire format, both directions, or a caller's and a target's with a translation between them; sans I/O."""

    name: str

    def read_call(self, surface: str, body: bytes, model: str = "", stream: bool = False) -> Call:
        """Decode a client's body; model and stream are the path's, for dialects that say them there.

        Raises Error (invalid_json, duplicate_field, invalid_field).
        """

    def upstream_path(self, surface: str, model: str, stream: bool) -> bytes:
        """The path behind a provider's base path, with its query."""

    def upstream_body(self, call: Call, target: Target) -> bytes:
        """The body as the target is sent it."""

    def read_answer(self, call: Call, body: bytes) -> Answer:
        """Read a 2xx whole answer. Raises AttemptFailed (MALFORMED, or what an error body inside a 200 says)."""

    def stream_reader(self, call: Call) -> StreamReader:
        """A fresh reader for one streamed answer."""

    def failure(self, status: int, headers: dict[bytes, bytes], body: bytes, vendor: str = "") -> AttemptFailed:
        """What a non-2xx answer means; status 200 is an error inside a success. vendor is its name in poise.yaml."""

    def error_body(self, error: Error, decision: str) -> bytes:
        """An error as a client of this dialect expects it."""

    def error_event(self, error: Error, decision: str) -> bytes:
        """An error inside a stream that has begun: what the stock clients raise on."""
