"""Recorded exchanges of the images API through a running gateway: bytes equal again, every error known, costs the vendor's."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec
import pytest

from poise.errors import AttemptFailed
from poise.wire.images import Images, read_usage
from tests.attack.rig import Rig, on_loop, rig
from tests.attack.upstream import Seen, UpstreamSocket
from tests.attack.wire import Answer, post
from tests.images.served import pictures
from tests.images.test_door import BOUNDARY, part, post_form
from tests.recordings import exchanges

ENDPOINTS = ("openai.images.generate", "openai.images.edit", "xai.images.generate", "xai.images.edit")
# Our own key is wrong there, or the model is not at the provider: to the caller neither is its own mistake.
OUR_FAULT = ("auth", "permission", "not_found")


def raw_answer(row: dict[str, Any]) -> bytes:
    """The recorded body as bytes."""
    body = row["response"]["body"]
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


async def sent(it: Rig, row: dict[str, Any]) -> Answer:
    """The recorded request, with our workflow for its model; files as zeros of the recorded length."""
    body = row["request"]["body"]
    path = row["request"]["path"].encode()
    if "_multipart" not in body:
        return await it.ask(post(json.dumps(body | {"model": "draw"}).encode(), path=path))
    parts = []
    for one in body["_multipart"]:
        value = b"draw" if one["name"] == "model" else one.get("value", "").encode()
        more = b""
        if "filename" in one:
            value = bytes(one["bytes"])
            more = b'; filename="%b"\r\nContent-Type: %b' % (one["filename"].encode(), one["content_type"].encode())
        parts.append(part(one["name"].encode(), value, more))
    return await it.ask(post_form(b"".join(parts) + b"--%b--\r\n" % BOUNDARY))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_recorded_exchange_passes(endpoint: str) -> None:
    """Whole answers byte for byte; a caller's mistakes keep their status and words; no error is unknown."""
    told: Counter[str] = Counter()

    @on_loop
    async def run() -> None:
        # A form goes only where a vendor takes forms: xAI's recorded edits are JSON.
        async with rig(serve=lambda url: pictures(url, endpoint.partition(".")[0])) as it:
            for row in exchanges(endpoint):
                if "model" not in json.dumps(row["request"]["body"] or ""):
                    told["names no model, which a gateway needs"] += 1
                    continue
                status, recorded = row["response"]["status"], raw_answer(row)

                def script(sock: UpstreamSocket, seen: Seen, status: int = status, recorded: bytes = recorded) -> None:
                    head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\n" % status
                    sock.write(head + b"content-length: %d\r\n\r\n%b" % (len(recorded), recorded))

                it.upstream.script = script
                answer = await sent(it, row)
                attempt = list(it.records.outcomes.values())[-1].attempts[-1]
                told[f"{status} {attempt.failure or 'answered'}"] += 1
                if status == 200:
                    assert (200, recorded) == (answer.status, answer.body), row["id"]
                else:
                    assert (502 if attempt.failure in OUR_FAULT else status) == answer.status, (row["id"], attempt)
                    assert json.loads(recorded)["error"]["message"][:60] in answer.error["message"], row["id"]

    run()
    print(endpoint, dict(told))  # noqa: T201 - the table of what was seen

    assert told


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_recorded_usage_is_counted_by_kind(endpoint: str) -> None:
    """Pictures and text apart, in sums that are the vendor's totals; where only a price is told, that price."""
    counted = 0
    for row in exchanges(endpoint):
        body = row["response"]["body"]
        said = body.get("usage") if isinstance(body, dict) else None
        if said is None:
            continue
        counted += 1
        usage = read_usage(said)

        assert usage is not None, row["id"]
        if "cost_in_usd_ticks" in said:
            assert said["cost_in_usd_ticks"] == usage.charged_usd_e6 * 10_000, row["id"]
            continue
        asked, made = said["input_tokens_details"], said.get("output_tokens_details")
        assert said["total_tokens"] == usage.input_tokens + usage.output_tokens, row["id"]
        assert (asked["text_tokens"], asked["image_tokens"]) == (usage.input, usage.image_input), row["id"]
        assert (made["image_tokens"] if made else said["output_tokens"]) == usage.image_output, row["id"]
    assert counted


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_recorded_errors_are_classified(endpoint: str) -> None:
    """By what they say; none is a success in disguise."""
    for row in exchanges(endpoint):
        status = row["response"]["status"]
        if status == 200:
            continue
        failure = Images("images").failure(status, {}, raw_answer(row))

        assert isinstance(failure, AttemptFailed)
        assert status == failure.status, row["id"]
        assert "" != failure.code, row["id"]
