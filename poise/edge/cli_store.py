"""What ``poise explain``, ``replay`` and ``status`` do: find, and print. Each returns the command's exit code."""

from __future__ import annotations

import http.client
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from poise.decision import Verdict, decode_decision, encode_decision, show_id
from poise.edge.admin import board_text, text
from poise.edge.admin.explain import explain as explained
from poise.edge.admin.explain import number
from poise.edge.admin.guard import read_token
from poise.edge.folder import read_state
from poise.errors import Error
from poise.rules.choose import REPLAYED, choose
from poise.rules.prepare import Prepared, prepare
from poise.store.query import Archive, Find, Stored
from poise.store.reader import positions
from poise.store.tail import FOLDER

Json = dict[str, Any]

IDENTICAL, DIFFERENT, MISUSED, OTHER_RULES = 0, 1, 2, 3

# The store is up to a quarter of a second behind; a decision that is asked for at once is waited for this long.
WAIT_S, LOOK_S = 1.0, 0.05
PAGE_ROWS = 2000
MOST_SHOWN = 10  # differences that are printed in full
REFRESH_S = 1.0
_EVERYWHERE = {"", "0.0.0.0", "[::]"}  # noqa: S104 - compared with, not bound to


def explain(ref: str, data: Path, conversation: str, json_: bool) -> int:
    """Print one decision: ``last``, an id, or the newest of a conversation. 1 where there is none."""
    try:
        if ref in {"", "last"} or conversation:
            _caught_up(data)
        row = _waited(data, lambda archive: _chosen(archive, ref, conversation))
        if row is None:
            what = f"conversation {conversation!r}" if conversation else f"decision {ref!r}"
            hint = "decisions are stored within a second and kept as `retention` says; is --data right?"
            raise Error("not_found", f"{what} is not in the store of {data}", hint=hint)
        with Archive(data) as archive:
            told = explained(row, archive.policy(row.policy) if row.policy else None)
    except Error as problem:
        return _failed(problem)
    _print(_json(told) if json_ else text.page(told))
    return 0


class Tried(NamedTuple):
    """How one decision replayed: ``identical``, ``different``, or why it could not be tried. now is the new verdict."""

    id: int
    how: str
    now: Verdict | None = None


def replay(refs: list[str], data: Path, *, last: int = 0, every: bool = False, json_: bool = False) -> int:
    """Choose again on recorded inputs and compare byte for byte.

    0: all identical; 1: one is different, cannot be found or has lost its detail; 3: one was decided by other rules.
    """
    if not (refs or last or every):
        return _failed(Error("invalid_field", "nothing to replay", hint="name ids, or say --last N or --all"))
    counts: dict[str, int] = {}
    shown: list[Json] = []
    try:
        _caught_up(data)
        with Archive(data) as archive:
            for tried in _replayed(archive, _rows(archive, refs, last)):
                counts[tried.how] = counts.get(tried.how, 0) + 1
                if tried.how not in {"identical", "refused before a decision"} and len(shown) < MOST_SHOWN:
                    shown.append(_shown(archive, tried))
    except Error as problem:
        return _failed(problem)
    if json_:
        _print(_json({"counts": counts, "not_identical": shown}))
    else:
        for row in shown:
            _print(f"{row['id']}: {row['how']}" + (f"\n  was {row['was']}\n  now {row['now']}" if row["now"] else ""))
        _print(", ".join(f"{amount} {how}" for how, amount in sorted(counts.items())) or "no decisions are stored")
    if counts.keys() & {"different", "policy not known", "detail not kept"}:
        return DIFFERENT
    return OTHER_RULES if "other rules" in counts else IDENTICAL


def status(data: Path, json_: bool, once: bool) -> int:
    """Print workflows, targets and the store's state, again every second on a terminal. 1 where nothing runs."""
    try:
        while True:
            told = _asked(data)
            if json_:
                _print(_json(told))
            else:
                board_text.show(told, clear=not once and sys.stdout.isatty())
            if once or json_ or not sys.stdout.isatty():
                return 0
            threading.Event().wait(REFRESH_S)
    except Error as problem:
        return _failed(problem)
    except KeyboardInterrupt:
        return 0


def _chosen(archive: Archive, ref: str, conversation: str) -> Stored | None:
    if conversation:
        return next(iter(archive.find(Find(conversation=conversation, limit=1))), None)
    if ref in {"", "last"}:
        return archive.last()
    return archive.get(number(ref, "decision"))


def _caught_up(data: Path) -> None:
    """Wait, up to WAIT_S, until what is in the journals now is in the store."""
    start = positions(data / FOLDER)

    def behind() -> bool:
        now = positions(data / FOLDER)
        return any(name in now and now[name][1] < written for name, (written, _) in start.items())

    for _ in range(int(WAIT_S / LOOK_S)):
        if not behind():
            return
        threading.Event().wait(LOOK_S)


def _waited(data: Path, look: Callable[[Archive], Stored | None]) -> Stored | None:
    """What look finds, tried again for WAIT_S while the store may be catching up."""
    tries, row = int(WAIT_S / LOOK_S), None
    for left in range(tries, -1, -1):
        try:
            with Archive(data) as archive:
                row = look(archive)
        except Error as problem:
            if problem.code == "invalid_field" or not left:
                raise
            row = None
        if row is not None and (row.outcome is not None or left < tries // 2):
            return row
        threading.Event().wait(LOOK_S)
    return row


def _rows(archive: Archive, refs: list[str], last: int) -> Iterator[Stored]:
    for ref in refs:
        row = archive.last() if ref == "last" else archive.get(number(ref, "decision"))
        if row is None:
            raise Error("not_found", f"{ref} is not in the store", hint="`poise explain last` shows the newest")
        yield row
    if refs:
        return
    if last:
        before = 0
        while last > 0 and (page := archive.find(Find(before=before, limit=min(last, PAGE_ROWS)))):
            yield from page
            before, last = page[-1].id, last - len(page)
        return
    after = -1
    while page := archive.page(after, PAGE_ROWS):
        yield from page
        after = page[-1].id


def _replayed(archive: Archive, rows: Iterator[Stored]) -> Iterator[Tried]:
    ready: dict[bytes, Prepared | None] = {}
    for row in rows:
        if row.decision is None:
            yield Tried(row.id, "detail not kept" if row.lost & 1 else "refused before a decision")
            continue
        decision = decode_decision(row.decision)
        inputs = decision.inputs
        if inputs.policy not in ready:
            policy = archive.policy(inputs.policy)
            ready[inputs.policy] = prepare(policy) if policy else None
        prepared = ready[inputs.policy]
        if inputs.rules not in REPLAYED:
            yield Tried(row.id, "other rules")
        elif prepared is None:
            yield Tried(row.id, "policy not known")
        else:
            verdict = choose(inputs, prepared)
            # The whole record, so that nothing of it - not even how it was encoded - can differ unseen.
            same = encode_decision(msgspec.structs.replace(decision, verdict=verdict)) == row.decision
            yield Tried(row.id, "identical") if same else Tried(row.id, "different", verdict)


def _shown(archive: Archive, tried: Tried) -> Json:
    row = archive.get(tried.id) if tried.now is not None else None
    was = decode_decision(row.decision).verdict if row is not None and row.decision else None
    now = None if tried.now is None else msgspec.to_builtins(tried.now)
    return {"id": show_id(tried.id), "how": tried.how, "was": msgspec.to_builtins(was), "now": now}


def _asked(data: Path) -> Json:
    """``/api/v1/status`` of the Poise that runs on a data folder. Raises Error where none answers."""
    state = read_state(data)
    hint = "start it with `poise serve`, or name its data folder with --data"
    if state is None or not state.admin:
        raise Error("not_found", f"no Poise runs on {data}", hint=hint)
    connection = _Unix(state.admin) if state.admin.startswith("unix:") else _tcp(state.admin)
    try:
        headers = {"authorization": f"Bearer {read_token(data)}", "host": "localhost"}
        connection.request("GET", "/api/v1/status", headers=headers)
        answer = connection.getresponse()
        body = answer.read(16 * 1024 * 1024)
        told: Json = msgspec.json.decode(body)
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as problem:
        raise Error(
            "not_found", f"the admin listener at {state.admin} does not answer: {problem}", hint=hint
        ) from problem
    finally:
        connection.close()
    if answer.status != 200:
        said = told.get("error", {})
        raise Error("internal", str(said.get("text", answer.status)), hint=str(said.get("hint", "")))
    return told


def _tcp(address: str) -> http.client.HTTPConnection:
    host, _, port = address.rpartition(":")
    if host in _EVERYWHERE:
        host = "localhost"  # a listener on every address is asked on this machine's own
    return http.client.HTTPConnection(host, int(port), timeout=3.0)


class _Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket: ``unix:/path``."""

    def __init__(self, address: str) -> None:
        super().__init__("localhost", timeout=3.0)
        self._path = address.removeprefix("unix:")

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _print(said: str) -> None:
    sys.stdout.write(said + "\n")


def _failed(problem: Error) -> int:
    sys.stderr.write(f"{problem}\n")
    return MISUSED if problem.code == "invalid_field" else 1
