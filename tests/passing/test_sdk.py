"""The official ``openai`` SDK through ``/passthrough/``: files, batches, moderation, sound; sync and async."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest

from tests.attack.rig import Rig, on_loop
from tests.attack.upstream import Seen, UpstreamSocket
from tests.passing.served import ALL, NARROW, NONE, answer, last, served

SOUND = bytes(range(256)) * 64
FILE = {
    "id": "file-1",
    "object": "file",
    "bytes": 3,
    "created_at": 1,
    "filename": "a",
    "purpose": "batch",
    "status": "processed",
}
BATCH = {"id": "batch-1", "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": "file-1",
         "completion_window": "24h", "status": "validating", "created_at": 1}  # fmt: skip
MODERATION = {"id": "modr-1", "model": "omni-moderation-latest", "results": [{"flagged": False}]}
SPOKEN = {"text": "hello", "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 4, "total_tokens": 18}}
SPOKEN_STREAM = b"".join(
    b"data: " + json.dumps(event).encode() + b"\n\n"
    for event in (
        {"type": "transcript.text.delta", "delta": "hello"},
        {"type": "transcript.text.done", "text": "hello", "usage": SPOKEN["usage"]},
    )
)
ANSWERS: dict[bytes, Any] = {
    b"POST /v1/files": FILE,
    b"GET /v1/files": {"object": "list", "data": [FILE], "has_more": False},
    b"DELETE /v1/files/file-1": {"id": "file-1", "object": "file", "deleted": True},
    b"GET /v1/files/file-1/content": SOUND,
    b"POST /v1/batches": BATCH,
    b"POST /v1/batches/batch-1/cancel": BATCH,
    b"POST /v1/moderations": MODERATION,
    b"POST /v1/audio/transcriptions": SPOKEN,
    b"POST /v1/audio/speech": SOUND,
}


def provider(sock: UpstreamSocket, seen: Seen) -> None:
    """OpenAI, as far as these tests go."""
    method, path, _ = seen.line.split(b" ")
    found = ANSWERS.get(method + b" " + path.partition(b"?")[0])
    if found is None:
        sock.write(answer(b'{"error":{"message":"no such thing","type":"invalid_request_error"}}', status=404))
    elif isinstance(found, bytes):
        sock.write(answer(found, b"content-type: audio/mpeg\r\n"))
    elif b'name="stream"\r\n\r\ntrue' in seen.body:
        sock.write(answer(SPOKEN_STREAM, b"content-type: text/event-stream\r\n"))
    else:
        sock.write(answer(json.dumps(found).encode()))


async def everything(client: openai.AsyncOpenAI) -> list[object]:
    """One of each; what matters of what came back."""
    file = await client.files.create(file=("a.jsonl", b"{}\n"), purpose="batch")
    listed = await client.files.list(limit=2)
    content = await client.files.content("file-1")
    batch = await client.batches.create(
        input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h"
    )
    cancelled = await client.batches.cancel("batch-1")
    judged = await client.moderations.create(input="hello", model="omni-moderation-latest")
    heard: Any = await client.audio.transcriptions.create(file=("a.mp3", SOUND), model="whisper-1")
    said = await client.audio.speech.create(input="hello", model="tts-1", voice="alloy")
    gone = await client.files.delete("file-1")
    return [
        *(file.id, listed.data[0].id, content.content, batch.id, cancelled.id, judged.results[0].flagged),
        *(heard.text, said.content, gone.deleted),
    ]


def everything_sync(client: openai.OpenAI) -> list[object]:
    """The same by the other client."""
    file = client.files.create(file=("a.jsonl", b"{}\n"), purpose="batch")
    listed = client.files.list(limit=2)
    content = client.files.content("file-1")
    batch = client.batches.create(input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h")
    cancelled = client.batches.cancel("batch-1")
    judged = client.moderations.create(input="hello", model="omni-moderation-latest")
    heard: Any = client.audio.transcriptions.create(file=("a.mp3", SOUND), model="whisper-1")
    said = client.audio.speech.create(input="hello", model="tts-1", voice="alloy")
    gone = client.files.delete("file-1")
    return [
        *(file.id, listed.data[0].id, content.content, batch.id, cancelled.id, judged.results[0].flagged),
        *(heard.text, said.content, gone.deleted),
    ]


EXPECTED = ["file-1", "file-1", SOUND, "batch-1", "batch-1", False, "hello", SOUND, True]


def at(it: Rig, more: str, key: str = ALL) -> dict[str, Any]:
    """How a client is made."""
    return {
        "base_url": f"http://127.0.0.1:{it.port}/passthrough/up{more}",
        "api_key": key,
        "max_retries": 0,
        "timeout": 10,
    }


@pytest.mark.parametrize("more", ["/v1", ""])
@on_loop
async def test_the_async_client_finds_all_it_asks_for(more: str) -> None:
    """With ``/v1`` in its base URL or without; each call one decision and one outcome."""
    async with served() as it:
        it.upstream.script = provider
        async with openai.AsyncOpenAI(**at(it, more)) as client:
            told = await everything(client)

        assert EXPECTED == told
        assert ["completed"] * len(EXPECTED) == it.records.endings


@on_loop
async def test_the_sync_client_finds_all_it_asks_for() -> None:
    """From a thread of its own."""
    async with served() as it:
        it.upstream.script = provider
        with openai.OpenAI(**at(it, "/v1")) as client:
            told = await asyncio.to_thread(everything_sync, client)

        assert EXPECTED == told


@on_loop
async def test_a_streamed_transcription_is_metered() -> None:
    """Its events reach the client, its tokens the record."""
    async with served() as it:
        it.upstream.script = provider
        async with openai.AsyncOpenAI(**at(it, "/v1")) as client:
            stream: Any = await client.audio.transcriptions.create(
                file=("a.mp3", SOUND), model="gpt-4o-transcribe", stream=True
            )
            kinds = [event.type async for event in stream]
        attempt = last(it).attempts[0]

        assert ["transcript.text.delta", "transcript.text.done"] == kinds
        assert (14, 4, "exact") == (attempt.input_tokens, attempt.output_tokens, attempt.billing)


@on_loop
async def test_errors_are_the_sdks_own() -> None:
    """The provider's by its status, ours by ours."""
    async with served() as it:
        it.upstream.script = provider
        async with openai.AsyncOpenAI(**at(it, "/v1")) as client:
            with pytest.raises(openai.NotFoundError, match="no such thing"):
                await client.files.retrieve("file-9")
        async with openai.AsyncOpenAI(**at(it, "/v1", NONE)) as client:
            with pytest.raises(openai.PermissionDeniedError, match="may not pass calls through"):
                await client.files.list()
        async with openai.AsyncOpenAI(**at(it, "/v1", NARROW)) as client:
            with pytest.raises(openai.PermissionDeniedError, match="omni-moderation"):
                await client.moderations.create(input="x", model="omni-moderation-latest")
        async with openai.AsyncOpenAI(**at(it, "/v1", "sk-nobody")) as client:
            with pytest.raises(openai.AuthenticationError):
                await client.files.list()
