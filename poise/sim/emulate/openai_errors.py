"""Errors of the vendors that speak OpenAI's dialects: every vendor's own shape, status, words and headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from poise.sim.emulate.asked import Obj, Refused
from poise.sim.emulate.field import Wrong, bracketed, kind_of
from poise.sim.emulate.message import JSON, Whole, whole
from poise.sim.emulate.openai_words import KINDS, OWN, Said

_CODES: Final = {
    "missing": "missing_required_parameter",
    "type": "invalid_type",
    "value": "invalid_value",
    "unknown": "unknown_parameter",
}


def refuse(vendor: str, refused: Refused) -> Whole:
    """The vendor's answer to a refused request."""
    said = OWN.get((vendor, refused.what)) or KINDS.get(refused.what)
    if said is None:
        status = refused.status or 500
        kind = "invalid_request_error" if status < 500 else "server_error"
        said = Said(status, refused.text or f"emulated error with status {status}", kind)
    if vendor == "azure" and said.status in (408, 413):
        return Whole(status=said.status, body=b"upstream request timeout\n", type="text/plain")
    said = msgspec.structs.replace(
        said,
        message=said.message.replace("{text}", refused.text),
        code=refused.code or said.code,
        param=refused.field or said.param,
    )
    return whole(_SHAPES.get(vendor, _openai)(said), said.status, said.headers, JSON)


def wrong_field(vendor: str, wrong: Wrong) -> Whole:
    """The vendor's answer to a request whose field is wrong."""
    place = bracketed(wrong.at)
    if vendor == "mistral" and wrong.fault in {"missing", "type", "unknown"}:
        return _mistral_fields(wrong)
    text = wrong.text
    if wrong.fault == "missing":
        text = f"Missing required parameter: '{place}'."
    elif wrong.fault == "type":
        want = wrong.want.replace("|", " or ")
        text = f"Invalid type for '{place}': expected {want}, but got {kind_of(wrong.got)} instead."
    elif wrong.fault == "unknown":
        text = f"Unknown parameter: '{place}'."
    elif wrong.fault == "value":
        text = f"Invalid value for '{place}': {str(wrong.got)[:80]!r}. Supported values are: {wrong.want}."
    return refuse(vendor, Refused("invalid", text, field=place, code=_CODES.get(wrong.fault, "")))


def _mistral_fields(wrong: Wrong) -> Whole:
    kind = {"missing": "missing", "unknown": "extra_forbidden"}.get(wrong.fault, f"{wrong.want.split('|')[0]}_type")
    text = {"missing": "Field required", "unknown": "Extra inputs are not permitted"}.get(
        wrong.fault, f"Input should be a valid {wrong.want.split('|')[0]}"
    )
    return whole({"detail": [{"type": kind, "loc": ["body", *wrong.at], "msg": text, "input": wrong.got}]}, 422)


def _openai(said: Said) -> Obj:
    return {"error": {"message": said.message, "type": said.type, "param": said.param, "code": said.code}}


def _azure(said: Said) -> Obj:
    if said.code == "content_filter":
        inner = {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"violence": {"filtered": True, "severity": "high"}},
        }
        error = {"message": said.message, "type": None, "param": "prompt", "code": said.code, "status": 400}
        return {"error": {**error, "innererror": inner}}
    if said.code in {"401", "404"}:
        return {"error": {"code": said.code, "message": said.message}}
    if said.code == "DeploymentNotFound":
        return {"error": {"type": said.type, "code": said.code, "message": said.message}}
    if said.code == "RateLimitReached":
        return {"error": {"code": said.code, "message": said.message, "details": said.message}}
    return _openai(said)


def _deepseek(said: Said) -> Obj:
    return {"error": {"message": said.message, "type": said.type, "param": None, "code": "invalid_request_error"}}


def _xai(said: Said) -> Obj:
    return {"code": said.code or "Client specified an invalid argument", "error": said.message}


def _mistral(said: Said) -> Obj:
    if said.status == 401:
        return {"detail": said.message}
    error: Obj = {"object": "error", "message": said.message, "type": said.type, "param": None, "code": said.code}
    return error | {"raw_status_code": said.status}


def _groq(said: Said) -> Obj:
    error: Obj = {"message": said.message, "type": said.type}
    return {"error": error | ({"code": said.code} if said.code else {})}


def _openrouter(said: Said) -> Obj:
    return {"error": {"message": said.message, "code": said.status}}


def _qwen(said: Said) -> Obj:
    return {**_openai(said), "request_id": "3e1ae270-471f-9bef-a10e-add2239b0270"}


def _perplexity(said: Said) -> Obj:
    return {"error": {"message": said.message, "type": said.type, "code": said.status}}


def _llamacpp(said: Said) -> Obj:
    error: Obj = {"code": said.status, "message": said.message, "type": said.type}
    return {
        "error": error | ({"n_ctx": 512, "n_prompt_tokens": 2009} if said.type == "exceed_context_size_error" else {})
    }


def _vllm(said: Said) -> Obj:
    kind = {400: "BadRequestError", 404: "NotFoundError"}.get(said.status, "InternalServerError")
    return {"error": {"message": said.message, "type": kind, "param": said.param, "code": said.status}}


_SHAPES: Final[dict[str, Callable[[Said], Obj]]] = {
    "azure": _azure,
    "deepseek": _deepseek,
    "xai": _xai,
    "mistral": _mistral,
    "groq": _groq,
    "openrouter": _openrouter,
    "qwen": _qwen,
    "perplexity": _perplexity,
    "llamacpp": _llamacpp,
    "vllm": _vllm,
}
