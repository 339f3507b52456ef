"""Bedrock's emulator against AWS's own client: its signature is checked, its binary streams are read, its errors are typed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

import pytest

from poise.sim.emulate import emulators
from poise.sim.emulate.aws_signature import ACCESS_KEY, SECRET_KEY
from tests.clouds.installed import Foreign, need
from tests.sim.emulate.asking import SCHEMA

T = TypeVar("T")
ARN = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/emulate-plain"
TOOLS = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}


def with_client(use: Callable[[Foreign], T], *, secret: str = SECRET_KEY, token: str | None = None) -> T:
    """Use AWS's client of Bedrock, in a thread, with one try for each call."""

    async def main() -> T:
        async with emulators("bedrock") as urls:
            client = (
                need("botocore.session")
                .Session()
                .create_client(
                    "bedrock-runtime",
                    region_name="eu-central-1",
                    endpoint_url=urls["bedrock"],
                    aws_access_key_id=ACCESS_KEY,
                    aws_secret_access_key=secret,
                    aws_session_token=token,
                    config=need("botocore.config").Config(retries={"total_max_attempts": 1}),
                )
            )
            try:
                return await asyncio.to_thread(use, client)
            finally:
                client.close()

    return asyncio.run(main())


def _says(words: str) -> list[Foreign]:
    return [{"role": "user", "content": [{"text": words}]}]


@pytest.mark.parametrize("token", [None, "a/session+token=="])
@pytest.mark.parametrize("model", ["eu.anthropic.claude-sonnet-4-5-20250929-v1:0", ARN])
def test_a_whole_answer(model: str, token: str | None) -> None:
    """Whatever the model is called, with a session's token and without."""

    def talk(client: Foreign) -> Foreign:
        return client.converse(modelId=model, messages=_says("hello there"))

    said = with_client(talk, token=token)

    assert [{"text": "You said: hello there"}] == said["output"]["message"]["content"]
    assert ("end_turn", 2, 4) == (said["stopReason"], said["usage"]["inputTokens"], said["usage"]["outputTokens"])


def test_a_streamed_call_and_its_result() -> None:
    """The binary messages are read by AWS's own reader, checksums and all."""

    def talk(client: Foreign) -> tuple[list[str], str]:
        asked = _says("call weather")
        with closing(client.converse_stream(modelId="m", messages=asked, toolConfig=TOOLS)["stream"]) as stream:
            events = list(stream)
        calls = [event["contentBlockStart"]["start"]["toolUse"] for event in events if "contentBlockStart" in event]
        result = {"toolResult": {"toolUseId": calls[0]["toolUseId"], "content": [{"text": "21 degrees"}]}}
        turns = [
            *asked,
            {"role": "assistant", "content": [{"toolUse": {**calls[0], "input": {"city": "Bonn"}}}]},
            {"role": "user", "content": [result]},
        ]
        after = client.converse(modelId="m", messages=turns, toolConfig=TOOLS)
        return [next(iter(event)) for event in events], after["output"]["message"]["content"][0]["text"]

    names, said = with_client(talk)

    assert ["messageStart", "contentBlockStart"] == names[:2]
    assert ["contentBlockStop", "messageStop", "metadata"] == names[-3:]
    assert "The tool said: 21 degrees" == said


@pytest.mark.parametrize(
    ("scenario", "name"),
    [
        ("rate", "ThrottlingException"),
        ("overloaded", "ServiceUnavailableException"),
        ("context", "ValidationException"),
        ("error-404", "ResourceNotFoundException"),
        ("stream-error", "InternalServerException"),
    ],
)
def test_errors_are_the_clients_own(scenario: str, name: str) -> None:
    def talk(client: Foreign) -> bool:
        with pytest.raises(getattr(client.exceptions, name)):
            client.converse(modelId="m", messages=_says(f"say:{scenario}"))
        return True

    assert with_client(talk)


def test_an_error_inside_a_stream_is_raised_while_it_is_read() -> None:
    def talk(client: Foreign) -> str:
        asked = _says("say:stream-error one two three")
        with (
            closing(client.converse_stream(modelId="m", messages=asked)["stream"]) as stream,
            pytest.raises(need("botocore.exceptions").EventStreamError) as caught,
        ):
            list(stream)
        return str(caught.value)

    assert "internalServerException" in with_client(talk)


@pytest.mark.parametrize(
    ("secret", "token", "code"),
    [("another", None, "InvalidSignatureException"), (SECRET_KEY, "an-expired-one", "ExpiredTokenException")],
)
def test_who_is_not_who_it_says_is_refused(secret: str, token: str | None, code: str) -> None:
    """A wrong key, and a session that is over."""

    def talk(client: Foreign) -> str:
        with pytest.raises(need("botocore.exceptions").ClientError) as caught:
            client.converse(modelId="m", messages=_says("hello"))
        return str(caught.value.response["Error"]["Code"])

    assert code == with_client(talk, secret=secret, token=token)
