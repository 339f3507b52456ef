"""Tiny models that really compute, for the emulator of the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from poise.sim.emulate.asked import Obj
from poise.sim.emulate.tensor import Tensor

WEIGHTS: Final = (2.0, -1.0, 0.5)  # of ``linear``
BIAS: Final = 1.0


class Model(NamedTuple):
    """Its tensors as metadata tells them, and what it does; ANY as a datatype takes each."""

    inputs: tuple[Obj, ...]
    outputs: tuple[Obj, ...]
    run: Callable[[dict[str, Tensor]], list[Tensor]]


def _port(name: str, datatype: str, *shape: int) -> Obj:
    return {"name": name, "datatype": datatype, "shape": list(shape)}


def _add_sub(given: dict[str, Tensor]) -> list[Tensor]:
    a, b = given["INPUT0"], given["INPUT1"]
    pairs: list[tuple[Any, Any]] = list(zip(a.data, b.data, strict=True))
    return [
        Tensor("OUTPUT0", a.datatype, a.shape, [x + y for x, y in pairs]),
        Tensor("OUTPUT1", a.datatype, a.shape, [x - y for x, y in pairs]),
    ]


def _linear(given: dict[str, Tensor]) -> list[Tensor]:
    x = given["x"]
    rows = [x.data[at : at + len(WEIGHTS)] for at in range(0, len(x.data), len(WEIGHTS))]
    made = [sum(weight * value for weight, value in zip(WEIGHTS, row, strict=True)) + BIAS for row in rows]
    return [Tensor("y", "FP32", [len(rows), 1], made)]


def _echo(given: dict[str, Tensor]) -> list[Tensor]:
    said = given["said"]
    return [Tensor("heard", said.datatype, said.shape, said.data)]


MODELS: Final[dict[str, Model]] = {
    "add-sub": Model(
        (_port("INPUT0", "INT32", -1, 16), _port("INPUT1", "INT32", -1, 16)),
        (_port("OUTPUT0", "INT32", -1, 16), _port("OUTPUT1", "INT32", -1, 16)),
        _add_sub,
    ),
    "linear": Model((_port("x", "FP32", -1, 3),), (_port("y", "FP32", -1, 1),), _linear),
    "echo": Model((_port("said", "BYTES", -1),), (_port("heard", "BYTES", -1),), _echo),
}
