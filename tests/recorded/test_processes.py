"""The same through ``poise serve``: real processes, a file of configuration, the journal and the store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import uvloop

from poise.decision import decode_outcome, read_id
from poise.sim.processes import Gateway, free_port
from poise.store.query import Archive
from tests.attack.clock import Bell
from tests.attack.upstream import Seen, Upstream, UpstreamSocket
from tests.attack.wire import KEY, Answer, Wire, post
from tests.recorded.check import answered, asked, recorded
from tests.recorded.exchanges import Exchange, read
from tests.recorded.expected import Expected, expected
from tests.recorded.gateway import UPSTREAM_KEY, replay
from tests.recorded.places import place_of
from tests.recordings import FOLDER

# One endpoint of each dialect, and more than one kind of answer of each where there is more than one.
ENDPOINTS: Final = (
    *("openai.chat", "groq.chat", "azure.responses", "openai.responses", "anthropic.messages"),
    *("gemini.generateContent", "gemini.streamGenerateContent", "gemini.countTokens", "anthropic.count_tokens"),
    *("openai.embeddings", "gemini.batchEmbedContents"),
)


class Played(NamedTuple):
    """An exchange, what was expected, what the client got and what the vendor was sent."""

    exchange: Exchange
    wanted: Expected
    answer: Answer
    seen: list[Seen]


def chosen() -> Iterator[tuple[Exchange, Expected]]:
    """The first recorded exchange of each kind of each endpoint."""
    for endpoint in ENDPOINTS:
        place = place_of(endpoint)
        assert place is not None
        kinds: set[str] = set()
        for exchange in read(FOLDER / f"{endpoint}.jsonl", place):
            wanted = expected(exchange)
            if wanted.kind not in kinds:
                kinds.add(wanted.kind)
                yield exchange, wanted


def config(folder: Path, exchanges: list[Exchange], upstream: int) -> Path:
    """poise.yaml: a provider for each vendor, a model and a workflow for each exchange."""
    providers: dict[str, dict[str, object]] = {}
    for number, exchange in enumerate(exchanges):
        vendor = exchange.place.vendor
        base = "" if exchange.place.chat in ("anthropic", "gemini") or vendor == "azure" else "/v1"
        row: dict[str, object] = {
            "vendor": vendor,
            "url": f"http://127.0.0.1:{upstream}{base}",
            "key": "env:UP_KEY",
            "models": [],
        }
        models = providers.setdefault(f"p-{vendor}", row)["models"]
        assert isinstance(models, list)
        models.append({"name": f"m{number}", "id": exchange.model})
    made = {
        "version": 1,
        "listen": f"127.0.0.1:{free_port()}",
        "admin": f"127.0.0.1:{free_port()}",
        "data": str(folder / "data"),
        "providers": providers,
        "workflows": {
            f"w{number}": {"candidates": [f"m{number}"], "recover": {"attempts": 1}} for number in range(len(exchanges))
        },
        "keys": {"app": {"secret": "env:APP_KEY", "workflows": ["*"]}},
    }
    path = folder / "poise.yaml"
    path.write_text(json.dumps(made))
    return path


async def round_of(folder: Path, pairs: list[tuple[Exchange, Expected]]) -> list[Played]:
    """Serve, play, stop."""
    upstream, played = Upstream(Bell()), []
    path = config(folder, [exchange for exchange, _ in pairs], await upstream.start())
    env = {"APP_KEY": KEY, "UP_KEY": UPSTREAM_KEY}
    gateway = Gateway(path, log=folder / "poise.log", env=env)
    await asyncio.to_thread(gateway.start)
    try:
        wire = await Wire.open(int(gateway.addresses["data"].rpartition(":")[2]))
        for number, (exchange, wanted) in enumerate(pairs):
            data = replay(exchange)

            def script(sock: UpstreamSocket, _: Seen, data: bytes = data) -> None:
                sock.write(data)

            upstream.script = script
            upstream.seen.clear()
            body = json.dumps(exchange.sent(f"w{number}")).encode()
            await wire.send(post(body, path=exchange.path(f"w{number}").encode()))
            played.append(Played(exchange, wanted, await wire.answer(), list(upstream.seen)))
        wire.close()
    finally:
        await asyncio.to_thread(gateway.stop)
        await upstream.stop()
    return played


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recordings at {FOLDER}: set POISE_RECORDINGS")
def test_what_was_recorded_passes_real_processes_and_is_in_the_store(tmp_path: Path) -> None:
    """The vendor's request, the client's answer, and the one row of each, read when all has ended."""
    pairs = list(chosen())
    played = uvloop.run(round_of(tmp_path, pairs))
    wrong = [
        one
        for row in played
        for one in (*asked(row.exchange, row.seen), *answered(row.exchange, row.answer, row.wanted))
    ]
    with Archive(tmp_path / "data") as store:
        for row in played:
            stored = store.get(read_id(row.answer.headers[b"x-poise-decision"].decode()))
            assert stored is not None and stored.outcome_detail is not None, row.exchange.id
            wrong += recorded(row.exchange, row.answer, decode_outcome(stored.outcome_detail), row.wanted)
        kept = store.count()

    assert [] == wrong
    assert {"whole", "stream", "refused"} <= {row.wanted.kind for row in played}
    assert len(pairs) == len(played) == kept
