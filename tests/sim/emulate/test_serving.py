"""Emulators on real sockets: addresses, the log and its secrets, cuts, and the command line."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from poise.sim.emulate import emulators, running
from poise.sim.emulate.__main__ import main
from poise.sim.emulate.doors import VENDORS


async def exchange(
    url: str, path: str, body: object = None, *, method: str = "POST", **headers: str
) -> tuple[int, bytes, bool]:
    """Status, body, and whether the answer came to its end."""
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    raw = b"" if body is None else msgspec.json.encode(body)
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    writer.write(f"{method} {path} HTTP/1.1\r\nhost: x\r\n{lines}content-length: {len(raw)}\r\n\r\n".encode() + raw)
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split()[1])
    whole = True
    data = b""
    try:
        if b"content-length" in head:
            data = await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
        else:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                data += (await reader.readexactly(size + 2))[:-2]
    except asyncio.IncompleteReadError as cut:
        whole, data = False, data + cut.partial
    writer.close()
    return status, data, whole


def ask(text: str, **more: object) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def test_the_log_tells_what_came_without_secrets() -> None:
    """In process and over the socket it is the same."""

    async def talk() -> tuple[Any, Any, str]:
        async with running("openai", "gemini") as made:
            url = made["openai"].url
            await exchange(
                url, "/v1/chat/completions", ask("say:refusal"), authorization="Bearer sk-secret", x_trace="t1"
            )
            await exchange(made["gemini"].url, "/v1beta/models/m:generateContent?key=sk-secret", {"contents": []})
            _, raw, _ = await exchange(url, "/_emulator/log", method="GET")
            kept = msgspec.json.encode([list(made[name].requests) for name in made]) + b"".join(
                one.head for one in made["openai"].log
            )
            await exchange(url, "/_emulator/log", method="DELETE")
            return msgspec.json.decode(raw), len(made["openai"].requests), kept.decode()

    log, left, kept = asyncio.run(talk())

    assert 1 == len(log)
    line = log[0]
    assert ("chat", 200, "refusal", "/v1/chat/completions") == (
        line["surface"],
        line["status"],
        line["scenario"],
        line["path"],
    )
    assert ask("say:refusal") == line["body"]
    assert ("***", "t1") == (line["headers"]["authorization"], line["headers"]["x-trace"])
    assert "sk-secret" not in kept
    assert 0 == left


@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_ends_in_the_middle(stream: bool) -> None:
    async def talk() -> list[tuple[int, bytes, bool]]:
        async with emulators("openai") as urls:
            return [
                await exchange(
                    urls["openai"], "/v1/chat/completions", ask(f"say:{name}", stream=stream), authorization="Bearer k"
                )
                for name in ("cut", "plain")
            ]

    (status, _, whole), (_, body, complete) = asyncio.run(talk())

    assert (200, False) == (status, whole)
    assert complete
    assert stream == (b"[DONE]" in body)


def test_every_vendor_answers_on_a_port_of_its_own() -> None:
    async def talk() -> dict[str, str]:
        async with emulators(*VENDORS) as urls:
            for url in urls.values():
                assert 404 == (await exchange(url, "/nothing/here", {}))[0]
            return urls

    urls = asyncio.run(talk())

    assert set(VENDORS) == set(urls)
    assert len(VENDORS) == len({url.split(":")[2].split("/")[0] for url in urls.values()})


def test_the_command_prints_a_line_for_each_vendor_and_ends_with_its_input() -> None:
    """Addresses are data on standard output; a process that loses its parent ends."""
    command = [sys.executable, "-m", "poise.sim.emulate", "anthropic", "gemini", "--port", "0", "--follow-stdin"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        lines = [msgspec.json.decode(process.stdout.readline()) for _ in range(2)]
        status, _, _ = asyncio.run(exchange(lines[0]["url"], "/_emulator/log", method="GET"))
        process.stdin.close()
        code = process.wait(timeout=20)

    assert ["anthropic", "gemini"] == [line["vendor"] for line in lines]
    assert (200, 0) == (status, code)


def test_an_unknown_vendor_is_told_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["acme"])

    assert "anthropic" in capsys.readouterr().err
