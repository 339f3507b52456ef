"""The asynchronous SDK, many calls at once."""

from __future__ import annotations

import asyncio

from openai.types.chat import ChatCompletionMessageParam

from poise.sim.content import reply_to
from tests.world import World


def ask(number: int) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": f"question number {number}"}]


def expected(number: int) -> str:
    return reply_to({"messages": ask(number)}, 1).text


def test_forty_whole_answers_at_once_are_each_their_own(world: World) -> None:
    """No answer reaches another caller."""

    async def main() -> list[str | None]:
        async with world.async_client() as client:
            calls = [client.chat.completions.create(model="support", messages=ask(number)) for number in range(40)]
            return [answer.choices[0].message.content for answer in await asyncio.gather(*calls)]

    assert [expected(number) for number in range(40)] == asyncio.run(main())


def test_forty_streams_at_once_are_each_their_own(world: World) -> None:
    """Events of one stream never show in another."""

    async def main() -> list[str]:
        async with world.async_client() as client:

            async def one(number: int) -> str:
                stream = await client.chat.completions.create(model="support", messages=ask(number), stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            return await asyncio.gather(*[one(number) for number in range(40)])

    assert [expected(number) for number in range(40)] == asyncio.run(main())


def test_embeddings_and_models_work_asynchronously(world: World) -> None:
    """The other two surfaces, in one loop."""

    async def main() -> tuple[int, bool]:
        async with world.async_client() as client:
            vectors = await client.embeddings.create(model="sim-embed", input=["a", "b", "c"])
            names = [model.id async for model in client.models.list()]
            return len(vectors.data), "support" in names

    assert (3, True) == asyncio.run(main())
