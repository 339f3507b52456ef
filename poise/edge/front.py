"""What a message asks for and whether its sender may: routes, keys, facts. Speaks HTTP to the left, requests to the right."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from poise.clock import Clock
from poise.decision import Outcome
from poise.edge import tensors
from poise.edge.doors import THROUGH, Door, door_at, is_oip, keys_in, list_at
from poise.edge.http.message import Message
from poise.edge.http.reply import BLANK, Reply
from poise.edge.listing import listed, one
from poise.edge.passing import METHODS, Passing
from poise.edge.snapshot import Grant, Snapshot, hash_secret
from poise.errors import Error
from poise.path.fleet import Lane, Route
from poise.path.service import Recorder, Request, Service, Sink
from poise.request import Facts
from poise.rules.prepare import PASSTHROUGH
from poise.wire.call import Call, Dialect
from poise.wire.counting import NOTE, SURFACES, estimate
from poise.wire.dialects import DIALECTS
from poise.wire.images import EDIT_FORM, read_form
from poise.wire.multipart import boundary_of
from poise.wire.oip.request import lines_of

_SIGNS: Final = {"gemini": BLANK, "gemini-array": b""}
_JSON: Final = b"content-type: application/json\r\n"
_FORWARDED: Final = (b"openai-beta", b"idempotency-key", b"traceparent", b"tracestate")
_STRICT: Final = {b"true": True, b"1": True, b"yes": True, b"false": False, b"0": False, b"no": False}
_PRIORITIES: Final = ("interactive", "standard", "background")
_UNITS_US: Final = {"us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000}
MAX_FACT_CHARS: Final = 256
MAX_LABELS: Final = 16
MAX_KNOWN: Final = 4096


class Front:
    """Turns messages into requests. snapshot and routes are replaced together on reload; a request keeps what it began with."""

    def __init__(
        self,
        serve: Service[Request, Sink, Outcome],
        recorder: Recorder,
        clock: Clock,
        load: Callable[[Snapshot], dict[str, Route]],
        snapshot: Snapshot,
        passing: Passing | None = None,
    ) -> None:
        self._passing = passing
        self._serve = serve
        self._recorder = recorder
        self._clock = clock
        self._load = load
        self.epoch = 0
        self.draining = False
        self.update(snapshot)

    def update(self, snapshot: Snapshot) -> None:
        """From now on serve by this snapshot."""
        self._routes = self._load(snapshot)
        self._snapshot = snapshot
        self.epoch += 1
        self._models: dict[tuple[str, str], bytes] = {}
        self._lanes = tensors.every_lane(self._routes)
        # Whole header values that were found good, so as many as there are keys (times spellings of Bearer and spaces).
        self._known: dict[bytes | None, Grant] = {}

    # -- what the server asks ---------------------------------------------------------------------------------------

    def screen(self, message: Message) -> None:
        """Route and key, before a body is read."""
        try:
            self._route(message)
            message.grant = self._grant(message)
            message.epoch = self.epoch
            headers = message.headers
            if message.door is THROUGH:
                assert self._passing is not None
                message.forward = self._passing.screen(message, message.grant)
                return
            message.forward = b"".join(b"%b: %b\r\n" % (name, headers[name]) for name in _FORWARDED if name in headers)
        except Error as error:
            message.refusal = error
            if message.method == b"HEAD":  # its answer must have no body and ours has one: let nothing follow it
                message.keep_alive = False

    def answer(self, message: Message, reply: Reply) -> Coroutine[object, None, object] | None:
        """Raises Error where the request is not to be served."""
        grant = message.grant
        assert grant is not None
        door = message.door
        if door is not None and door.beside:
            return self._beside(message, reply, grant, door)
        if message.method == b"GET" and (door is None or door.surface != "metadata"):
            if door is None:
                self._list_models(message, reply, grant)
            else:
                self._tell(door, reply, grant)
            return None
        assert door is not None
        if door.dialect in _SIGNS:
            reply.sign = _SIGNS[door.dialect]
        request = self._request(message, reply, grant, door)
        surface = request.call.surface
        if surface in SURFACES and not _counts(request.route, surface):
            reply.whole(200, _JSON + NOTE, estimate(surface, request.call.tokens))
            return None
        return self._serve(request, reply)

    def error_body(self, error: Error, decision: str, path: bytes) -> bytes:
        """An error in the caller's dialect."""
        return dialect_at(path).error_body(error, decision)

    def error_event(self, error: Error, decision: str, path: bytes) -> bytes:
        """An error inside a stream."""
        return dialect_at(path).error_event(error, decision)

    def turned_away(self, error: Error, decision: int) -> None:
        """Keep the record of a request that was refused before a decision."""
        self._recorder.refused(decision, error.code, "", "", error.status)

    # -- from message to request ------------------------------------------------------------------------------------------

    def _route(self, message: Message) -> None:
        path, method = message.path, message.method
        door = message.door = door_at(path, message.url)
        if door is not None and method == door.method and (door is not THROUGH or self._passing is not None):
            return
        if door is THROUGH and self._passing is not None:
            if method in METHODS:
                return
            shown = method.decode("ascii", "replace")
            raise Error(
                "method_not_allowed", f"{shown} is not passed through", hint="use GET, POST, PUT, PATCH or DELETE"
            )
        door = None if door is THROUGH else door
        known = door is not None or list_at(path, message.headers) is not None
        if not known:
            shown = path[:100].decode("ascii")
            raise Error(
                "not_found",
                f"there is nothing at {shown}",
                hint="try /v1/chat/completions, /v1/responses, /v1/messages, /v1/embeddings, /v1/images/generations, /v1/models "
                "or /v2/models/...",
            )
        wanted = door.method if door is not None else b"GET"
        if method != wanted:
            raise Error(
                "method_not_allowed",
                f"{method.decode('ascii', 'replace')} is not for this path",
                hint=f"use {wanted.decode()}",
            )

    def _grant(self, message: Message) -> Grant:
        """By the bearer, which is what Poise documents, else by the first vendor's key that is known: what stands before it
        may be another's (an egress proxy's ``authorization``). As many hashes as there are keys, at most five.
        """
        snapshot = self._snapshot
        given = message.headers.get(b"authorization")
        if given is not None:
            known = self._known.get(given)
            if known is not None:
                return known
            if given[:7].lower() == b"bearer ":
                name = snapshot.keys.get(hash_secret(given[7:].strip(), snapshot.salt))
                if name is not None:
                    grant = snapshot.grants[name]
                    if len(self._known) < MAX_KNOWN:
                        self._known[given] = grant  # by this value alone: never by one that another key stood beside
                    return grant
        secrets = keys_in(message.headers, message.url)
        for secret in secrets:
            name = snapshot.keys.get(hash_secret(secret, snapshot.salt))
            if name is not None:
                return snapshot.grants[name]
        if snapshot.open_grant:
            return snapshot.grants[snapshot.open_grant]
        if message.door is not None and message.door.surface in tensors.PROBES:
            return tensors.ANYBODY
        text = "this key is not known" if given is not None or secrets else "no key was sent"
        raise Error("invalid_api_key", text, hint="send 'authorization: Bearer <key>' with a key of poise.yaml")

    def _beside(
        self, message: Message, reply: Reply, grant: Grant, door: Door
    ) -> Coroutine[object, None, object] | None:
        """What is passed through, and what comes as a form: its head, too, goes on."""
        if door is THROUGH:
            return self._through(message, reply, grant)
        kind = message.headers.get(b"content-type", b"")
        if not kind.lower().startswith(b"multipart/"):
            return self._serve(self._request(message, reply, grant, door), reply)
        call = read_form(EDIT_FORM, message.whole_body(), boundary_of(kind))
        forward = b"%bcontent-type: %b\r\n" % (message.forward, kind)
        return self._serve(self._routed(message, reply, grant, DIALECTS[EDIT_FORM], call, forward), reply)

    def _through(self, message: Message, reply: Reply, grant: Grant) -> Coroutine[object, None, object]:
        passing = self._passing
        assert passing is not None
        route, call = passing.read(message, grant)
        facts = self._facts(message, call, route, grant.name, 1)
        facts.labels[PASSTHROUGH] = passing.label(message)
        data = passing.request_bytes(message, reply.decision)
        arrived_us = reply.decision >> 12
        deadline_us = arrived_us + self._deadline_us(message, route)
        return passing.serve(
            Request(reply.decision, call, facts, route, DIALECTS["openai"], arrived_us, deadline_us, data), reply
        )

    def _request(self, message: Message, reply: Reply, grant: Grant, door: Door) -> Request:
        dialect = DIALECTS[door.dialect]
        forward = message.forward
        try:
            if door.dialect == "oip":
                call = tensors.read(door, message)
                forward += lines_of(message.headers)
            else:
                call = dialect.read_call(door.surface, message.whole_body(), door.model, door.stream)
        except RecursionError as bad:  # just below the parser's own bound, a second look from one frame deeper fails
            raise Error("invalid_json", "the body is nested too deep", hint="keep JSON under 900 levels") from bad
        request = self._routed(message, reply, grant, dialect, call, forward)
        where = request.route.pins
        if where is not None:
            spoken, seals = door.dialect, where.chat_seals
            if spoken == "responses" or (where.learns and (spoken != "openai" or call.modalities or seals)):
                request.pins = where.read(spoken, call, message.whole_body())
        return request

    def _routed(
        self, message: Message, reply: Reply, grant: Grant, dialect: Dialect, call: Call, forward: bytes
    ) -> Request:
        arrived_us = reply.decision >> 12  # the id was made of the time when the message was complete
        route = self._routes.get(call.model)
        scope = grant.scopes.get(call.model)
        if route is None or scope is None:
            raise self._unknown(call.model, grant, known=route is not None)
        deadline_us = self._deadline_us(message, route)
        if message.marked and (left := message.headers.get(b"x-poise-attempts-left")) is not None:
            call.attempts = _attempts(left)
        call.strict = message.marked and _strict(message.headers.get(b"x-poise-strict", b"false"))
        facts = self._facts(message, call, route, grant.name, scope)
        return Request(reply.decision, call, facts, route, dialect, arrived_us, arrived_us + deadline_us, forward)

    def _deadline_us(self, message: Message, route: Route) -> int:
        """The policy's, or the caller's own where that is shorter."""
        deadline_us = route.policy.objective.deadline_us
        if message.marked and (said := message.headers.get(b"x-poise-deadline")) is not None:
            return min(deadline_us, duration_us(said, "x-poise-deadline"))
        return deadline_us

    def _facts(self, message: Message, call: Call, route: Route, key: str, scope: int) -> Facts:
        headers = message.headers
        policy = route.policy
        conversation = channel = ""
        user = call.user
        priority: str = policy.priority
        labels: dict[str, str] = {}
        if message.marked:
            conversation = _fact(headers, b"x-poise-conversation")
            channel = _fact(headers, b"x-poise-channel")
            user = _fact(headers, b"x-poise-user") or user
            priority = _priority(headers, priority)
            labels = _labels(message)
        return Facts(
            policy.workflow,
            call.surface,
            call.tokens,
            call.max_output,
            call.modalities,
            call.tools,
            call.stream,
            call.json_output,
            key,
            scope,
            conversation,
            channel,
            user,
            labels,
            priority,
        )

    def _unknown(self, model: str, grant: Grant, *, known: bool) -> Error:
        names = sorted(grant.scopes)
        shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
        hint = f"this key may use: {shown or 'nothing'}"
        if known:
            return Error("key_not_allowed", f"this key may not use {model[:100]!r}", hint=hint)
        return Error("unknown_model", f"there is no model or workflow {model[:100]!r}", hint=hint)

    def _tell(self, door: Door, reply: Reply, grant: Grant) -> None:
        """What the gateway itself answers at a door of the Open Inference Protocol. Raises Error unknown_model."""
        if door.surface == "server":
            reply.whole(200, _JSON, tensors.server())
            return
        lanes: Sequence[Lane] = self._lanes
        if door.model:
            route, scope = self._routes.get(door.model), grant.scopes.get(door.model)
            if route is None or scope is None:
                raise self._unknown(door.model, grant, known=route is not None)
            lanes = tensors.serving(route, scope)
        ready = door.surface == "live" or (not self.draining and tensors.healthy(lanes, self._clock.now_us()))
        status, body = tensors.state(door, lanes, ready=ready)
        reply.whole(status, _JSON, body)

    def _list_models(self, message: Message, reply: Reply, grant: Grant) -> None:
        found = list_at(message.path, message.headers)
        assert found is not None
        dialect, name = found
        if name:
            if name not in grant.scopes:
                raise self._unknown(name, grant, known=False)
            reply.whole(200, _JSON, one(dialect, name, self._routes[name].policy))
            return
        body = self._models.get((dialect, grant.name))
        if body is None:
            body = listed(dialect, [(name, self._routes[name].policy) for name in sorted(grant.scopes)])
            self._models[(dialect, grant.name)] = body
        reply.whole(200, _JSON, body)


def _counts(route: Route, surface: str) -> bool:
    """Whether a candidate counts tokens for this API."""
    return any(surface in option.surfaces for option in route.prepared.options)


def dialect_at(path: bytes) -> Dialect:
    """The dialect spoken at a path, with or without its query; OpenAI's where there is no door."""
    door = door_at(path.partition(b"?")[0], path)
    if door is not None:
        return DIALECTS[door.dialect]
    return DIALECTS["oip" if is_oip(path) else "openai"]


def duration_us(raw: bytes, name: str) -> int:
    """``5s``, ``800ms`` as microseconds. Raises Error invalid_field."""
    text = raw.decode("ascii", "replace").strip()
    for unit, scale in sorted(_UNITS_US.items(), key=lambda pair: -len(pair[0])):
        number = text.removesuffix(unit)
        if number != text and number.replace(".", "", 1).isdigit() and len(number) < 12:
            return int(float(number) * scale)
    raise Error("invalid_field", f"{name} is {text[:40]!r}, not a duration", hint="send 800ms, 5s or 2m")


def _strict(raw: bytes) -> bool:
    """Who misspells it would be answered with losses that were not wanted."""
    strict = _STRICT.get(raw.strip().lower())
    if strict is None:
        raise Error("invalid_field", f"x-poise-strict is {raw[:40].decode('latin-1')!r}", hint="send true or false")
    return strict


def _attempts(raw: bytes) -> int:
    """How many attempts a gateway above leaves us. It may lower our own number, never raise it."""
    if not raw.isdigit() or len(raw) > 3 or not int(raw):
        raise Error(
            "invalid_field",
            f"x-poise-attempts-left is {raw[:40].decode('ascii', 'replace')!r}, not 1 to 999",
            hint="leave it out, unless you are a gateway that counts attempts",
        )
    return int(raw)


def _fact(headers: dict[bytes, bytes], name: bytes) -> str:
    raw = headers.get(name, b"")
    if len(raw) > MAX_FACT_CHARS:
        raise Error(
            "invalid_field", f"{name.decode()} has {len(raw)} bytes, at most {MAX_FACT_CHARS}", hint="shorten it"
        )
    return raw.decode("utf-8", "replace")


def _priority(headers: dict[bytes, bytes], own: str) -> str:
    """A caller may lower its priority, never raise it."""
    raw = headers.get(b"x-poise-priority")
    if raw is None:
        return own
    asked = raw.decode("ascii", "replace")
    if asked not in _PRIORITIES:
        raise Error(
            "invalid_field", f"x-poise-priority is {asked[:40]!r}", hint=f"send one of {', '.join(_PRIORITIES)}"
        )
    return max(asked, own, key=_PRIORITIES.index)


def _labels(message: Message) -> dict[str, str]:
    first = message.headers.get(b"x-poise-label")
    if first is None:
        return {}
    labels: dict[str, str] = {}
    for raw in (first, *message.labels):
        for pair in raw.split(b","):
            name, equals, value = pair.strip().decode("utf-8", "replace").partition("=")
            if not equals or not name or len(pair) > MAX_FACT_CHARS or len(labels) >= MAX_LABELS:
                hint = f"send k=v, at most {MAX_LABELS} of {MAX_FACT_CHARS} bytes"
                raise Error("invalid_field", f"x-poise-label {pair[:40]!r} is not a label", hint=hint)
            labels[name] = value
    return labels
