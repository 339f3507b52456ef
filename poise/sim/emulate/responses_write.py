"""Answers of OpenAI's responses dialect, whole and as events."""

from __future__ import annotations

from typing import Final

from poise.sim.emulate.asked import Obj, Reply
from poise.sim.emulate.message import encoded, event
from poise.sim.emulate.reply import seal
from poise.sim.emulate.responses_style import STYLES, usage_of

_PADDING: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_ARGUMENT_PIECE: Final = 6
_BARE: Final = ("completed_at", "created_at", "id", "model", "object", "output", "status", "usage")


class Writer:
    """One answer. body is the request, whose settings the answer repeats; vendor is a row of ``STYLES``."""

    def __init__(self, reply: Reply, body: Obj, *, created: int, vendor: str) -> None:
        self._reply = reply
        self._body = body
        self._created = created
        self._vendor = vendor
        self._style = STYLES[vendor]
        self._out: list[bytes] = []
        self._sent = 0

    def whole(self) -> Obj:
        """A whole response."""
        return self._response(self._status(), self._items())

    def frames(self) -> list[bytes]:
        """A streamed response."""
        style = self._style
        self._out += [style.prelude] if style.prelude else []
        self._send("response.created", response=self._response("in_progress", []))
        self._send("response.in_progress", response=self._response("in_progress", []))
        self._out += [style.keepalive] if style.keepalive else []
        items = self._items()
        for at, item in enumerate(items):
            self._item(at, item)
        kind = "response.incomplete" if self._status() == "incomplete" else "response.completed"
        self._send(kind, response=self._response(self._status(), items))
        self._out += [event(b"[DONE]")] if style.done else []
        return self._out

    def broken(self, frames: list[bytes]) -> list[bytes]:
        """What stands behind the first frames of a stream that breaks."""
        self._out = list(frames)
        self._sent = sum(not one.startswith(b":") for one in frames)
        error = {"type": "server_error", "code": "server_error", "message": "The server had an error.", "param": None}
        self._send("error", error=error)
        failed = self._response("failed", [])
        failed["error"] = {"code": "server_error", "message": "The server had an error."}
        self._send("response.failed", response=failed)
        return self._out[len(frames) :]

    def _status(self) -> str:
        return "incomplete" if self._reply.ending in {"length", "filter"} else "completed"

    def _send(self, kind: str, **fields: object) -> None:
        said: Obj = {"type": kind, **fields, "sequence_number": self._sent}
        if kind.endswith(".delta") and self._style.padded and not kind.startswith("response.refusal"):
            said["obfuscation"] = _PADDING[: 2 + (len(self._out) * 5) % 14]
        self._out.append(event(encoded(said), kind if self._style.named else ""))
        self._sent += 1

    def _response(self, status: str, output: list[Obj]) -> Obj:
        reply, body, style = self._reply, self._body, self._style
        reasoning = body.get("reasoning") or {}
        made: Obj = {
            "id": f"resp_{reply.mark}",
            "object": "response",
            "created_at": self._created,
            "status": status,
            "completed_at": self._created if status == "completed" else None,
            "error": None,
            "incomplete_details": None,
            "model": body.get("model"),
            "output": output,
            **{name: default if body.get(name) is None else body[name] for name, default in style.shown.items()},
            "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
            "usage": None if status in {"in_progress", "failed"} else usage_of(self._vendor, reply),
        }
        if status == "incomplete":
            made["incomplete_details"] = {
                "reason": "content_filter" if reply.ending == "filter" else "max_output_tokens"
            }
        made |= style.extra
        if style.bare:
            return {name: value for name, value in made.items() if name in _BARE or value}
        if not style.verbosity:
            made["text"] = {"format": (body.get("text") or {}).get("format") or {"type": "text"}}
        return made

    def _items(self) -> list[Obj]:
        reply = self._reply
        items: list[Obj] = []
        if reply.thought:
            items.append(self._thought())
        if reply.pieces:
            part: Obj = {"type": "output_text", "annotations": [], "logprobs": [], "text": reply.text}
            if reply.refused and self._style.refusal:
                part = {"type": "refusal", "refusal": reply.text}
            status = "incomplete" if reply.ending == "length" else "completed"
            items.append(
                {"id": f"msg_{reply.mark}", "type": "message", "status": status, "content": [part], "role": "assistant"}
            )
        for call in reply.calls:
            said = {"arguments": encoded(call.arguments).decode(), "call_id": f"call_{call.mark}", "name": call.name}
            items.append({"id": f"fc_{call.mark}", "type": "function_call", "status": "completed", **said})
        return items

    def _thought(self) -> Obj:
        """The thought is shown where a summary was asked for, and sealed where the caller wants to keep it."""
        if self._style.content:
            part = {"type": "reasoning_text", "text": self._reply.thinking}
            shown = {"id": f"rs_{self._reply.mark}", "type": "reasoning", "summary": [], "content": [part]}
            return shown | ({"encrypted_content": seal(""), "format": "unknown"} if self._style.sealed else {})
        text = self._reply.thinking if self._shows_thought() else ""
        item: Obj = {"id": f"rs_{self._reply.mark}", "type": "reasoning", "summary": []}
        item["summary"] = [{"type": "summary_text", "text": text}] if text else []
        if "reasoning.encrypted_content" in (self._body.get("include") or ()):
            item["encrypted_content"] = seal(text)
        return item

    def _shows_thought(self) -> bool:
        reasoning = self._body.get("reasoning")
        return not reasoning or bool(reasoning.get("summary"))

    def _item(self, at: int, item: Obj) -> None:
        place: Obj = {"item_id": item["id"], "output_index": at}
        if item["type"] == "reasoning":
            later = () if not self._style.content else ("content", "encrypted_content", "format")
            begun = {name: value for name, value in item.items() if name not in later} | {"summary": []}
            self._send("response.output_item.added", output_index=at, item=begun)
            if "content" in item:
                self._thinks({**place, "content_index": 0}, item["content"][0])
            if item["summary"]:
                self._summary(place, item["summary"][0]["text"])
        elif item["type"] == "message":
            self._send(
                "response.output_item.added", output_index=at, item={**item, "status": "in_progress", "content": []}
            )
            self._content({**place, "content_index": 0}, item["content"][0])
        else:
            self._send(
                "response.output_item.added", output_index=at, item={**item, "status": "in_progress", "arguments": ""}
            )
            text = item["arguments"]
            step = len(text) if self._style.whole_calls else _ARGUMENT_PIECE
            for begin in range(0, len(text), step):
                self._send("response.function_call_arguments.delta", **place, delta=text[begin : begin + step])
            self._send("response.function_call_arguments.done", **place, arguments=text)
        self._send("response.output_item.done", output_index=at, item=item)

    def _summary(self, place: Obj, text: str) -> None:
        place = {**place, "summary_index": 0}
        name = "response.reasoning_summary"
        self._send(f"{name}_part.added", **place, part={"type": "summary_text", "text": ""})
        for piece in self._reply.thought:
            self._send(f"{name}_text.delta", **place, delta=piece)
        self._send(f"{name}_text.done", **place, text=text)
        self._send(f"{name}_part.done", **place, part={"type": "summary_text", "text": text})

    def _thinks(self, place: Obj, part: Obj) -> None:
        name = "response.reasoning_text"
        self._send("response.content_part.added", **place, part={**part, "text": ""})
        for piece in self._reply.thought:
            self._send(f"{name}.delta", **place, delta=piece)
        self._send(f"{name}.done", **place, text=part["text"])
        self._send("response.content_part.done", **place, part=part)

    def _content(self, place: Obj, part: Obj) -> None:
        refused = part["type"] == "refusal"
        field = "refusal" if refused else "text"
        name = "response.refusal" if refused else "response.output_text"
        more: Obj = {} if refused else {"logprobs": []}
        self._send("response.content_part.added", **place, part={**part, field: ""})
        for piece in self._reply.pieces:
            self._send(f"{name}.delta", **place, delta=piece, **more)
        self._send(f"{name}.done", **place, **{field: part[field]}, **more)
        self._send("response.content_part.done", **place, part=part)
