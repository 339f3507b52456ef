"""A provider on a real socket that keeps what it makes and refuses what it did not: ids of answers and files, sealed thought."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    """What was named is not this provider's."""


class Maker:
    """Speaks OpenAI's responses and chat, Anthropic's messages and Gemini's generateContent.

    status is answered to everything while it is set; asked holds path and body of what came, and whether it was served.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.made: set[str] = set()
        self.asked: list[tuple[str, Json, bool]] = []
        self.status = 0
        self.port = 0
        self._count = itertools.count(1)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen, on the port it had before where it had one."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Go away, with every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server = None

    @property
    def served(self) -> int:
        """How many requests it answered with 200."""
        return sum(served for _, _, served in self.asked)

    def make(self, kind: str) -> str:
        """Something of its own, kept."""
        made = f"{kind}_{self.name}{next(self._count)}"
        self.made.add(made)
        return made

    def seal(self) -> str:
        """A sealed thought: base64 that needs both padding and the two letters in which its alphabets differ."""
        made = base64.b64encode(b"\xfb\xff" + self.make("thought").encode() + b"\xfb\xef\xbe!").decode()
        self.made.add(made)
        return made

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                sizes = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = json.loads(await reader.readexactly(int(sizes[0])))
                await self._answer(writer, head.split(b" ")[1].decode(), body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, writer: asyncio.StreamWriter, path: str, body: Json) -> None:
        status, kind, data = 200, b"application/json", b""
        try:
            if self.status:
                status, data = self.status, b'{"error":{"message":"not now","type":"server_error"}}'
            else:
                answers = _ANSWERS[path.partition("?")[0].rpartition("/")[2].rpartition(":")[2]]
                data = answers(self, body, "stream" in path.lower() or body.get("stream") is True)
                kind = b"text/event-stream" if data.startswith((b"data:", b"event:")) else kind
        except Refused as refused:
            error = {"message": f"{refused} not found", "type": "invalid_request_error", "code": "not_found"}
            status, data = 400, json.dumps({"type": "error", "error": error}).encode()
        self.asked.append((path, body, status == 200))
        head = b"HTTP/1.1 %d X\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (status, kind, len(data))
        writer.write(head + data)
        await writer.drain()

    def check(self, *values: object) -> None:
        """Refuse what is not its own; seals in either alphabet."""
        for value in values:
            if isinstance(value, str):
                text = value.translate(str.maketrans("-_", "+/")) if value not in self.made else value
                padded = text + "=" * (-len(text) % 4)
                if not {value, text, padded} & self.made:
                    raise Refused(value[:40])


def _responses(maker: Maker, body: Json, stream: bool) -> bytes:
    maker.check(body.get("previous_response_id"))
    given = body.get("input")
    for item in given if isinstance(given, list) else []:
        maker.check(item.get("encrypted_content"))
        content = item.get("content")
        maker.check(*[part.get("file_id") for part in content if isinstance(content, list)] if content else [])
    thought = {"id": maker.make("rs"), "type": "reasoning", "summary": [], "encrypted_content": maker.seal()}
    part = {"type": "output_text", "text": f"by {maker.name}", "annotations": []}
    said = {"id": maker.make("msg"), "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    items = ([thought] if body.get("include") else []) + [said]
    answer = {"id": maker.make("resp"), "object": "response", "created_at": 1, "status": "in_progress", "output": []}
    answer |= {"model": body["model"], "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    whole = answer | {"status": "completed", "output": items}
    if not stream:
        return json.dumps(whole).encode()
    events: list[Json] = [{"type": "response.created", "response": answer}]
    for at, item in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": at, "item": item | {"content": []}})
        if item is said:
            where = {"item_id": said["id"], "output_index": at, "content_index": 0}
            events.append({"type": "response.content_part.added", **where, "part": part | {"text": ""}})
            events.append({"type": "response.output_text.delta", **where, "delta": part["text"]})
            events.append({"type": "response.output_text.done", **where, "text": part["text"]})
        events.append({"type": "response.output_item.done", "output_index": at, "item": item})
    events.append({"type": "response.completed", "response": whole})
    return _named([event | {"sequence_number": number} for number, event in enumerate(events)])


def _messages(maker: Maker, body: Json, stream: bool) -> bytes:
    for message in body["messages"]:
        content = message["content"]
        for block in content if isinstance(content, list) else []:
            maker.check(block.get("signature"), block.get("data") if block["type"] == "redacted_thinking" else None)
            maker.check(block.get("source", {}).get("file_id"))
    blocks: list[Json] = [{"type": "text", "text": f"by {maker.name}"}]
    if body.get("thinking"):
        blocks.insert(0, {"type": "redacted_thinking", "data": maker.seal()})
        blocks.insert(0, {"type": "thinking", "thinking": "hm", "signature": maker.seal()})
    answer: Json = {"id": maker.make("msg"), "type": "message", "role": "assistant", "model": body["model"]}
    answer |= {"content": [], "stop_reason": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    if not stream:
        return json.dumps(answer | {"content": blocks, "stop_reason": "end_turn"}).encode()
    events: list[Json] = [{"type": "message_start", "message": answer}]
    for at, block in enumerate(blocks):
        empty = block | {key: "" for key in ("text", "thinking", "signature") if key in block}
        events.append({"type": "content_block_start", "index": at, "content_block": empty})
        for key in ("text", "thinking", "signature"):
            if key in block:
                delta = {"type": f"{key}_delta", key: block[key]}
                events.append({"type": "content_block_delta", "index": at, "delta": delta})
        events.append({"type": "content_block_stop", "index": at})
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}})
    return _named([*events, {"type": "message_stop"}])


def _gemini(maker: Maker, body: Json, stream: bool) -> bytes:
    maker.check(body.get("cachedContent"))
    for turn in body["contents"]:
        for part in turn["parts"]:
            maker.check(part.get("thoughtSignature"))
            uri = part.get("fileData", {}).get("fileUri")
            maker.check(uri.rpartition("/")[2] if uri else None)
    parts: list[Json] = [{"text": f"by {maker.name}", "thoughtSignature": maker.seal()}]
    if "tools" in body and "functionResponse" not in json.dumps(body["contents"]):
        name = body["tools"][0]["functionDeclarations"][0]["name"]
        parts = [{"functionCall": {"name": name, "args": {}}, "thoughtSignature": maker.seal()}]
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    answer = json.dumps({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m"}).encode()
    return b"data: " + answer + b"\r\n\r\n" if stream else answer


def _chat(maker: Maker, body: Json, stream: bool) -> bytes:
    for message in body["messages"]:
        content = message.get("content")
        for part in content if isinstance(content, list) else []:
            maker.check(part.get("file", {}).get("file_id"))
    message = {"role": "assistant", "content": f"by {maker.name}"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer: Json = {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice]}
    if not stream:
        return json.dumps(answer).encode()
    choice = {"index": 0, "delta": message, "finish_reason": "stop"}
    answer |= {"object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(answer, separators=(",", ":")).encode() + b"\n\ndata: [DONE]\n\n"


_ANSWERS = {
    "responses": _responses,
    "messages": _messages,
    "generateContent": _gemini,
    "streamGenerateContent": _gemini,
    "completions": _chat,
}


def _named(events: list[Json]) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)
