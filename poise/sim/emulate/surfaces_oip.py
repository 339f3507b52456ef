"""The surfaces of the Open Inference Protocol, in Triton's manner (``oip``) and in MLServer's (``mlserver``).

A model's name is one of ``oip_models.MODELS``, with a scenario behind it where one is wanted: ``add-sub-emulate-rate``.
Triton's binary tensors are taken and given; MLServer's manner knows JSON only. Tests send no sequences, no
classification and no shared memory, and those are not here.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from poise.sim.emulate.asked import Asked, Obj, Refused
from poise.sim.emulate.message import Answered, Request, Silent, Whole, encoded, whole
from poise.sim.emulate.oip_models import MODELS, Model
from poise.sim.emulate.scenario import REFUSALS, Scenario, Unknown, scenario_of
from poise.sim.emulate.surface import Here
from poise.sim.emulate.tensor import TYPES, BadTensor, Tensor, flat, pack, size_of, unpack

HEADER: Final = "inference-header-content-length"
VERSION: Final = "1"  # the only one there is of each
_decode: Final = msgspec.json.Decoder().decode
_STATUS: Final = {"no_model": 404, "no_path": 404, "method": 405, "rate": 429, "overloaded": 503, "quota": 402}
_KEYS: Final = {"key_missing": 401, "key_wrong": 401, "forbidden": 403}
_WORDS: Final = {"rate": "too many requests", "overloaded": "Exceeds maximum queue size"}


def live(request: Request, here: Here) -> Answered:
    """``/v2/health/live`` and ``/ready``: Triton's body is empty, MLServer's an empty object."""
    return Whole() if here.vendor == "oip" else whole({})


def server(request: Request, here: Here) -> Answered:
    """``/v2``."""
    if here.vendor == "oip":
        return whole({"name": "triton", "version": "2.60.0", "extensions": ["binary_tensor_data", "statistics"]})
    return whole({"name": "mlserver", "version": "1.7.0", "extensions": []})


def ready(request: Request, here: Here) -> Answered:
    """``/v2/models/{model}/ready``."""
    _found(request, here)
    return live(request, here)


def metadata(request: Request, here: Here) -> Answered:
    """``/v2/models/{model}``."""
    name, model, scenario = _found(request, here)
    platform = "emulated_plan" if here.vendor == "oip" else ""
    told = {"name": name, "versions": [VERSION], "platform": platform}
    return _played(whole(told | {"inputs": model.inputs, "outputs": model.outputs}), scenario)


def infer(request: Request, here: Here) -> Answered:
    """``/v2/models/{model}/infer``."""
    name, model, scenario = _found(request, here)
    try:
        asked, given = _inputs(request, name, model, binary=here.vendor == "oip")
        made = model.run(given)
        answer = _answer(asked, name, made, binary=here.vendor == "oip")
    except BadTensor as bad:
        raise Refused("invalid", str(bad)) from bad
    except (ValueError, TypeError, KeyError, AttributeError) as bad:
        raise Refused("invalid", f"failed to read the tensors: {bad!r}"[:200]) from bad
    return _played(answer, scenario)


def refuse(vendor: str, refused: Refused) -> Whole:
    """An error in the vendor's manner."""
    text = _WORDS.get(refused.what, refused.text or refused.what)
    status = refused.status or _STATUS.get(refused.what) or _KEYS.get(refused.what) or 400
    if refused.what == "bad_json":
        if vendor == "mlserver":
            return whole({"detail": [{"type": "json_invalid", "loc": ["body"], "msg": "JSON decode error"}]}, 422)
        text = f"failed to parse the request JSON buffer: {refused.text}"
    headers = {"retry-after": "2"} if status == 429 else {}
    return whole({"error": text}, status, headers)


def _found(request: Request, here: Here) -> tuple[str, Model, Scenario]:
    """The model that the path names. Raises Refused."""
    name = here.model
    model = MODELS.get(name.partition("-emulate-")[0])
    version = request.path.partition("/versions/")[2].partition("/")[0]
    triton = here.vendor == "oip"
    if model is None or version not in {"", VERSION}:
        where = f" version {version}" if version else ""
        text = f"Request for unknown model: '{name}'{where} is not found"
        raise Refused("no_model", text if triton else f"Model {name} not found")
    try:
        scenario = scenario_of(Asked(model=name))
    except Unknown as unknown:
        raise Refused("no_model", f"Model {name} not found") from unknown
    here.seen.scenario = scenario.name
    if scenario.name in REFUSALS or scenario.status:
        raise Refused(scenario.name, f"emulated {scenario.name}", status=scenario.status)
    return name, model, scenario


def _inputs(request: Request, name: str, model: Model, *, binary: bool) -> tuple[Obj, dict[str, Tensor]]:
    """The request's object and its input tensors. Raises Refused, BadTensor."""
    said = request.headers.get(HEADER) if binary else None
    end = len(request.body) if said is None else int(said)
    if end == 0:
        return {"parameters": {"binary_data_output": True}}, {model.inputs[0]["name"]: _raw(model, request.body)}
    try:
        asked = _decode(request.body[:end])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise Refused("bad_json", str(bad)[:120]) from bad
    tail = request.body[end:]
    given: dict[str, Tensor] = {}
    for one in asked["inputs"]:
        size = one.get("parameters", {}).get("binary_data_size", 0) if binary else 0
        if size > len(tail):
            raise BadTensor(f"unexpected size of {size} bytes for input '{one['name']}', {len(tail)} are left")
        data = unpack(one["datatype"], tail[:size]) if size else flat(one.get("data", []))
        tail = tail[size:]
        given[one["name"]] = Tensor(one["name"], one["datatype"], one["shape"], data)
    if tail:
        raise BadTensor(f"unexpected additional input data for model '{name}'")
    _check(name, model, given)
    return asked, given


def _raw(model: Model, body: bytes) -> Tensor:
    if len(model.inputs) != 1:
        raise BadTensor(f"Raw request must only have 1 input to be deduced but the model has {len(model.inputs)}")
    port = model.inputs[0]
    data = [body] if port["datatype"] == "BYTES" else unpack(port["datatype"], body)
    width = port["shape"][-1] if len(port["shape"]) > 1 else 1
    return Tensor(port["name"], port["datatype"], [len(data) // width, width][: len(port["shape"])], data)


def _check(name: str, model: Model, given: dict[str, Tensor]) -> None:
    """As Triton holds a request against the model's configuration. Raises BadTensor."""
    if len(given) != len(model.inputs):
        raise BadTensor(f"expected {len(model.inputs)} inputs but got {len(given)} inputs for model '{name}'")
    for port in model.inputs:
        tensor = given.get(port["name"])
        if tensor is None:
            raise BadTensor(f"unexpected inference input '{next(iter(given))}' for model '{name}'")
        wanted = port["datatype"]
        if tensor.datatype not in TYPES or tensor.datatype != wanted:
            text = f"inference input '{port['name']}' data-type is '{tensor.datatype}'"
            raise BadTensor(f"{text}, but model '{name}' expects '{wanted}'")
        ranks = len(tensor.shape) == len(port["shape"])
        if not ranks or any(want not in {-1, got} for want, got in zip(port["shape"], tensor.shape, strict=True)):
            text = f"unexpected shape for input '{port['name']}' for model '{name}'"
            raise BadTensor(f"{text}. Expected {port['shape']}, got {tensor.shape}")
        if size_of(tensor.shape) != len(tensor.data):
            text = f"unexpected number of elements {len(tensor.data)} for input '{port['name']}'"
            raise BadTensor(f"{text}, expecting {size_of(tensor.shape)}")


def _answer(asked: Obj, name: str, made: list[Tensor], *, binary: bool) -> Whole:
    """The answer, with bytes behind its JSON where they were asked for. Raises BadTensor."""
    wishes = {wish["name"]: wish.get("parameters", {}) for wish in asked.get("outputs", [])}
    unknown = set(wishes) - {tensor.name for tensor in made}
    if unknown:
        raise BadTensor(f"unexpected inference output '{min(unknown)}' for model '{name}'")
    every = asked.get("parameters", {}).get("binary_data_output", False)
    outputs: list[Obj] = []
    tail: list[bytes] = []
    for tensor in made:
        if wishes and tensor.name not in wishes:
            continue
        shown: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
        raw = pack(tensor)
        if binary and wishes.get(tensor.name, {}).get("binary_data", every):
            shown["parameters"] = {"binary_data_size": len(raw)}
            tail.append(raw)
        else:
            shown["data"] = [one.decode() if isinstance(one, bytes) else one for one in tensor.data]
        outputs.append(shown)
    named = {"model_name": name, "model_version": VERSION}
    head = encoded(
        {"id": asked["id"]} | named | {"outputs": outputs} if "id" in asked else named | {"outputs": outputs}
    )
    if not tail:
        return Whole(body=head)
    lines = {"Inference-Header-Content-Length": str(len(head))}
    return Whole(body=head + b"".join(tail), type="application/octet-stream", headers=lines)


def _played(answer: Whole, scenario: Scenario) -> Answered:
    if scenario.name == "silent":
        return Silent()
    answer.cut = scenario.name == "cut"
    return answer
