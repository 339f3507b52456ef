"""The vendors' own SDKs read the wall's good answers, whole and streamed, and hear the same words in every dialect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anthropic
import openai
import pytest
from anthropic import AsyncAnthropic
from google import genai
from google.genai import errors, types
from openai import AsyncOpenAI

from poise.clock import SystemClock
from poise.sim.wall.speech import Asked, answer_to
from poise.sim.wall.wall import Wall, serving
from tests.sim.wall.talking import WAIT_S

PROMPT = "hi there"
EXPECTED = answer_to(Asked("", True, "", [PROMPT], {}), tokens=9, model="", finish="", tool="", vary=False).text
Ask = Callable[[Wall, str], Awaitable[str]]


async def chat(wall: Wall, model: str) -> str:
    async with AsyncOpenAI(base_url=wall.url, api_key="k", max_retries=0) as client:
        said = await client.chat.completions.create(model=model, messages=[{"role": "user", "content": PROMPT}])
        return said.choices[0].message.content or ""


async def chat_stream(wall: Wall, model: str) -> str:
    async with AsyncOpenAI(base_url=wall.url, api_key="k", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": PROMPT}], stream=True
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


async def responses(wall: Wall, model: str) -> str:
    async with AsyncOpenAI(base_url=wall.url, api_key="k", max_retries=0) as client:
        return (await client.responses.create(model=model, input=PROMPT)).output_text


async def responses_stream(wall: Wall, model: str) -> str:
    async with AsyncOpenAI(base_url=wall.url, api_key="k", max_retries=0) as client:
        stream = await client.responses.create(model=model, input=PROMPT, stream=True)
        return "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])


def _anthropic(wall: Wall) -> AsyncAnthropic:
    return AsyncAnthropic(base_url=wall.url.removesuffix("/v1"), api_key="k", max_retries=0)


async def messages(wall: Wall, model: str) -> str:
    async with _anthropic(wall) as client:
        said = await client.messages.create(model=model, messages=[{"role": "user", "content": PROMPT}], max_tokens=99)
        return "".join(block.text for block in said.content if block.type == "text")


async def messages_stream(wall: Wall, model: str) -> str:
    async with (
        _anthropic(wall) as client,
        client.messages.stream(model=model, messages=[{"role": "user", "content": PROMPT}], max_tokens=99) as stream,
    ):
        return await stream.get_final_text()


def _gemini(wall: Wall) -> genai.Client:
    return genai.Client(api_key="k", http_options=types.HttpOptions(base_url=wall.url.removesuffix("/v1")))


async def gemini(wall: Wall, model: str) -> str:
    async with _gemini(wall).aio as client:
        return (await client.models.generate_content(model=model, contents=PROMPT)).text or ""


async def gemini_stream(wall: Wall, model: str) -> str:
    async with _gemini(wall).aio as client:
        stream = await client.models.generate_content_stream(model=model, contents=PROMPT)
        return "".join([chunk.text or "" async for chunk in stream])


ASKS = (chat, chat_stream, responses, responses_stream, messages, messages_stream, gemini, gemini_stream)


def at_wall(ask: Ask, model: str) -> str:
    async def main() -> str:
        async with asyncio.timeout(WAIT_S), serving(Wall("wall", SystemClock())) as wall:
            return await ask(wall, model)

    return asyncio.run(main())


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.__name__)
def test_good_answer_is_read_by_the_vendors_own_client(ask: Ask) -> None:
    assert EXPECTED == at_wall(ask, "ok,tokens=9")


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.__name__)
def test_refusal_arrives_as_the_clients_own_error(ask: Ask) -> None:
    """By its status: too many requests."""
    with pytest.raises((openai.RateLimitError, anthropic.RateLimitError, errors.ClientError)) as refused:
        at_wall(ask, "429-retry-after=2")

    assert 429 == getattr(refused.value, "status_code", getattr(refused.value, "code", 0))
