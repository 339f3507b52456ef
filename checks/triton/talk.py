"""What Triton's own client does with a gateway as its server; run in an environment of its own, without Poise.

``python talk.py HOST:PORT KEY`` tells of each check, and ends with 1 where one failed. The client is imported by name:
the type checker's environment does not have it.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

numpy: Any = import_module("numpy")
sync: Any = import_module("tritonclient.http")
aio: Any = import_module("tritonclient.http.aio")
FAILED: Any = import_module("tritonclient.utils").InferenceServerException

A = numpy.arange(16, dtype=numpy.int32).reshape(1, 16)
B = numpy.full((1, 16), 3, dtype=numpy.int32)
CALC = ("calc", "calc-mlserver", "fail-over")


class Caller:
    """The client of one kind, its coroutines waited for: sync and async are asked alike."""

    def __init__(self, module: Any, at: str, key: str) -> None:  # noqa: ANN401 - the client's own module
        self._runner = asyncio.Runner()
        self.module = module
        self._client: Any = self._made(lambda: module.InferenceServerClient(at))
        self._headers = {"authorization": f"Bearer {key}"}

    def __call__(self, name: str, *given: object, **more: object) -> Any:  # noqa: ANN401 - the client's own types
        """Call a method of the client."""
        more = {"headers": dict(self._headers)} | more  # a copy: the client leaves the size of its JSON in it
        return self._made(lambda: getattr(self._client, name)(*given, **more))

    def close(self) -> None:
        """Close what was opened."""
        self._made(self._client.close)
        self._runner.close()

    def _made(self, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - the client's own types
        async def made() -> Any:  # noqa: ANN401 - likewise
            found = make()
            return await found if asyncio.iscoroutine(found) else found

        return self._runner.run(made()) if self.module is aio else make()


def expect(wanted: object, found: object) -> None:
    """Raises where the two differ."""
    if wanted != found:
        raise AssertionError(f"expected {wanted!r}, found {found!r}")


def tensors(call: Caller, *, binary: bool) -> list[Any]:
    """The inputs of add-sub."""
    made = []
    for name, data in (("INPUT0", A), ("INPUT1", B)):
        one = call.module.InferInput(name, list(data.shape), "INT32")
        one.set_data_from_numpy(data, binary_data=binary)
        made.append(one)
    return made


def health(call: Caller) -> None:
    """Live and ready, with a key and without."""
    expect([True, True], [call("is_server_live"), call("is_server_ready")])
    expect([True, True], [call("is_server_live", headers={}), call("is_server_ready", headers={})])
    expect([True, True], [call("is_model_ready", "calc"), call("is_model_ready", "calc", "1")])
    expect([False, False], [call("is_model_ready", "nothing-here"), call("is_model_ready", "gpt")])


def metadata(call: Caller) -> None:
    """Of the server, and of a model under the caller's own name."""
    expect("poise", call("get_server_metadata")["name"])
    told = call("get_model_metadata", "calc")
    expect(("calc", ["1"], ["INPUT0", "INPUT1"]), (told["name"], told["versions"], [i["name"] for i in told["inputs"]]))
    expect("old-calc", call("get_model_metadata", "old-calc", "1")["name"])


def json_tensors(call: Caller) -> None:
    """Tensors in JSON both ways, at servers of both manners, and with fail-over between them."""
    for model in CALC:
        wanted = [call.module.InferRequestedOutput(name, binary_data=False) for name in ("OUTPUT0", "OUTPUT1")]
        found = call("infer", model, tensors(call, binary=False), outputs=wanted, request_id="r-7")
        expect((A + B).tolist(), found.as_numpy("OUTPUT0").tolist())
        expect((A - B).tolist(), found.as_numpy("OUTPUT1").tolist())
        expect(("r-7", "add-sub"), (found.get_response()["id"], found.get_response()["model_name"]))


def binary_tensors(call: Caller) -> None:
    """Tensors as bytes both ways, as the client does unasked; and mixed."""
    found = call("infer", "calc", tensors(call, binary=True))
    expect((A + B).tolist(), found.as_numpy("OUTPUT0").tolist())
    expect(64, found.get_output("OUTPUT1")["parameters"]["binary_data_size"])
    wanted = [call.module.InferRequestedOutput("OUTPUT1", binary_data=True)]
    found = call("infer", "calc", tensors(call, binary=False), model_version="1", outputs=wanted)
    expect((A - B).tolist(), found.as_numpy("OUTPUT1").tolist())
    expect(None, found.as_numpy("OUTPUT0"))


def texts(call: Caller) -> None:
    """BYTES: their length stands before each, and they need not be text."""
    said = numpy.array([b"", b"\x00\xff\r\n", "größer".encode()], dtype=numpy.object_)
    one = call.module.InferInput("said", [3], "BYTES")
    one.set_data_from_numpy(said, binary_data=True)
    expect(said.tolist(), call("infer", "echo", [one]).as_numpy("heard").tolist())


def errors(call: Caller) -> None:
    """Each is the client's own exception with its status, the server's words and the way out."""
    two = tensors(call, binary=True)
    _refused(404, "this key may use", lambda: call("infer", "nothing-here", two))
    _refused(400, "expected 2 inputs but got 1", lambda: call("infer", "calc", two[:1]))
    _refused(404, "version 9", lambda: call("infer", "calc", two, model_version="9"))
    _refused(503, "Exceeds maximum queue size", lambda: call("infer", "busy", two))
    _refused(429, "slow down", lambda: call("infer", "limited", two))
    _refused(400, "gpt@openai: dialect", lambda: call("infer", "gpt", two))
    _refused(401, "no key was sent", lambda: call("get_model_metadata", "calc", headers={}))
    _refused(502, "unreachable@nobody", lambda: call("get_model_metadata", "unreachable"))


def _refused(status: int, words: str, ask: Callable[[], object]) -> None:
    try:
        ask()
    except FAILED as failed:
        expect(str(status), str(failed.status()))
        if words not in failed.message():
            raise AssertionError(f"{words!r} is not in {failed.message()!r}") from failed
        return
    raise AssertionError("nothing was refused")


CHECKS: tuple[Callable[[Caller], None], ...] = (health, metadata, json_tensors, binary_tensors, texts, errors)


def main(at: str, key: str) -> int:
    """0 where all went well."""
    failed = 0
    for module in (sync, aio):
        call = Caller(module, at, key)
        for check in CHECKS:
            name = f"{module.__name__} {check.__name__}"
            try:
                check(call)
            except (AssertionError, FAILED, OSError, TypeError, ValueError, KeyError):
                failed += 1
                print(f"FAILED {name}\n{traceback.format_exc()}")
            else:
                print(f"ok     {name}")
        call.close()
    print(f"{failed} failed" if failed else "all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
