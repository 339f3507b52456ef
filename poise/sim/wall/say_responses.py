"""OpenAI's responses, as the wall says them."""

from __future__ import annotations

from typing import Final

from poise.sim.wall.say_chat import CHAT
from poise.sim.wall.speech import Answer, Event, Obj, Speech, Usage, encode


def _events(answer: Answer, usage: Usage) -> list[Event]:
    parts: list[tuple[str, Obj, str]] = [
        ("response.created", {"response": _shell(answer, "in_progress", [], None)}, "open"),
        ("response.in_progress", {"response": _shell(answer, "in_progress", [], None)}, "open"),
        ("response.output_item.added", {"output_index": 0, "item": _item(answer, "in_progress", "")}, "open"),
    ]
    at: Obj = {"item_id": f"item_{answer.id}", "output_index": 0}
    if answer.tool:
        named = "response.function_call_arguments"
        parts += [(f"{named}.delta", {**at, "delta": piece}, "token") for piece in answer.pieces]
        parts.append((f"{named}.done", {**at, "arguments": answer.text}, "finish"))
    else:
        at["content_index"] = 0
        parts.append(("response.content_part.added", {**at, "part": _part("")}, "open"))
        parts += [
            ("response.output_text.delta", {**at, "delta": one, "logprobs": []}, "token") for one in answer.pieces
        ]
        parts.append(("response.output_text.done", {**at, "text": answer.text, "logprobs": []}, "finish"))
        parts.append(("response.content_part.done", {**at, "part": _part(answer.text)}, "finish"))
    item = _item(answer, "completed", answer.text)
    parts.append(("response.output_item.done", {"output_index": 0, "item": item}, "finish"))
    status = _status(answer)
    parts.append((f"response.{status}", {"response": _shell(answer, status, [item], usage)}, "usage"))
    return [
        Event(encode({"type": name, "sequence_number": number, **body}), part, name)
        for number, (name, body, part) in enumerate(parts)
    ]


def _whole(answer: Answer, usage: Usage) -> Obj:
    return _shell(answer, _status(answer), [_item(answer, "completed", answer.text)], usage)


def _status(answer: Answer) -> str:
    return "incomplete" if answer.finish in ("length", "content_filter") else "completed"


def _error_event(status: int, reason: str, text: str) -> Event:
    inner: Obj = CHAT.error(status, reason, text)["error"]
    body = {"type": "error", "sequence_number": 0, "code": inner["code"], "message": inner["message"], "param": None}
    return Event(encode(body), "error", "error")


def _shell(answer: Answer, status: str, output: list[Obj], usage: Usage) -> Obj:
    reason = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(answer.finish)
    told: Obj | None = None
    if usage is not None:
        put, made, total = usage
        told = {"input_tokens": put, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": made}
        told |= {"output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": total}
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": answer.now_s,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if status == "incomplete" else None,
        "instructions": None,
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": told,
    }


def _item(answer: Answer, status: str, text: str) -> Obj:
    named: Obj = {"id": f"item_{answer.id}", "status": status}
    if answer.tool:
        call = {"type": "function_call", "call_id": f"call_{answer.id}", "name": answer.tool, "arguments": text}
        return {**named, **call}
    content = [_part(text)] if status == "completed" else []
    return {**named, "type": "message", "role": "assistant", "content": content}


def _part(text: str) -> Obj:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


RESPONSES: Final = Speech(_events, _whole, CHAT.error, _error_event)
