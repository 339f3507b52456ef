"""The official ``openai`` SDK talks to the emulators: whole, streamed, with tools, and errors arrive as its own types."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionToolUnionParam
from openai.types.responses import FunctionToolParam

from poise.sim.emulate import emulators
from tests.sim.emulate.asking import CHATS, RESPONSES, SCHEMA

T = TypeVar("T")
TOOL: ChatCompletionToolUnionParam = {"type": "function", "function": {"name": "weather", "parameters": dict(SCHEMA)}}
FUNCTION: FunctionToolParam = {"type": "function", "name": "weather", "parameters": dict(SCHEMA), "strict": False}


def with_client(vendor: str, use: Callable[[AsyncOpenAI], Awaitable[T]], *, key: str = "k") -> T:
    """Use a client of the vendor's emulator."""

    async def main() -> T:
        async with emulators(vendor) as urls:
            base = urls[vendor] + ("/openai/v1" if vendor == "azure" else "")
            async with AsyncOpenAI(base_url=base, api_key=key, max_retries=0, timeout=10) as client:
                return await use(client)

    return asyncio.run(main())


async def whole(client: AsyncOpenAI) -> str | None:
    said = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
    return said.choices[0].message.content


async def streamed(client: AsyncOpenAI, words: str = "call weather") -> tuple[str, str, str | None]:
    """Name and arguments of the call, and the end."""
    stream = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": words}], tools=[TOOL], stream=True
    )
    name, arguments, end = "", "", None
    async for chunk in stream:
        for choice in chunk.choices:
            end = choice.finish_reason or end
            for call in choice.delta.tool_calls or ():
                assert call.function is not None
                name, arguments = name + (call.function.name or ""), arguments + (call.function.arguments or "")
    return name, arguments, end


@pytest.mark.parametrize("vendor", CHATS)
def test_chat_whole_and_streamed_calls_of_every_vendor(vendor: str) -> None:
    name, arguments, end = with_client(vendor, streamed)

    assert "You said: hello" == with_client(vendor, whole)
    assert ("weather", "tool_calls") == (name, end)
    assert arguments.startswith('{"city":')


@pytest.mark.parametrize("vendor", RESPONSES)
def test_responses_whole_and_streamed(vendor: str) -> None:
    async def talk(client: AsyncOpenAI) -> tuple[str, str, list[str]]:
        said = await client.responses.create(model="m", input="hello")
        called = await client.responses.create(model="m", input="call weather", tools=[FUNCTION], stream=True)
        kinds: list[str] = [event.type async for event in called]
        return said.output_text, said.status or "", kinds

    text, status, kinds = with_client(vendor, talk)

    assert ("You said: hello", "completed") == (text, status)
    assert "response.completed" == kinds[-1]
    assert "response.function_call_arguments.done" in kinds


ERRORS = {
    "rate": openai.RateLimitError,
    "quota": openai.RateLimitError,
    "context": openai.BadRequestError,
    "overloaded": openai.InternalServerError,
    "error-403": openai.PermissionDeniedError,
    "error-409": openai.ConflictError,
    "nonsense": openai.NotFoundError,
    "cut": openai.APIConnectionError,
}


@pytest.mark.parametrize("scenario", list(ERRORS))
def test_errors_arrive_as_the_sdks_own(scenario: str) -> None:
    async def talk(client: AsyncOpenAI) -> None:
        await client.chat.completions.create(model=f"emulate-{scenario}", messages=[{"role": "user", "content": "x"}])

    with pytest.raises(ERRORS[scenario]):
        with_client("openai", talk)


@pytest.mark.parametrize("vendor", ["openai", "azure", "groq", "openrouter", "deepseek", "xai", "vllm"])
def test_an_error_inside_a_stream_is_raised(vendor: str) -> None:
    async def talk(client: AsyncOpenAI) -> None:
        await streamed(client, "say:stream-error one two")

    with pytest.raises(openai.APIError):
        with_client(vendor, talk)


def test_a_wrong_key_is_an_authentication_error() -> None:
    with pytest.raises(openai.AuthenticationError):
        with_client("openai", whole, key="invalid")


def test_embeddings_are_alike_for_equal_texts_and_models_are_listed() -> None:
    async def talk(client: AsyncOpenAI) -> tuple[list[list[float]], int, list[str]]:
        made = await client.embeddings.create(model="m", input=["a b", "c", "a b"])
        plain = await client.embeddings.create(model="m", input="c", encoding_format="float", dimensions=3)
        names = [model.id async for model in client.models.list()]
        return [*[one.embedding for one in made.data], plain.data[0].embedding], made.usage.total_tokens, names

    vectors, tokens, names = with_client("openai", talk)

    assert vectors[0] == vectors[2] != vectors[1]
    assert vectors[1][:3] == vectors[3]
    assert 5 == tokens
    assert "emulate-plain" in names
