"""A client that goes takes its upstream with it: at once, and recorded."""

from __future__ import annotations

import asyncio

import openai
from openai.types.chat import ChatCompletionMessageParam

from tests.world import World

ASK: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
WITHIN_US = 250_000


def next_number(world: World) -> int:
    """The number that region us will give its next request."""
    return world.regions["us"].status().counts.get("requests", 0) + 1


def test_closing_a_stream_closes_the_upstream_within_250_ms(client: openai.OpenAI, world: World) -> None:
    """Measured by the upstream: its clock just before the close, and its log's time of the loss."""
    region, number = world.regions["us"], next_number(world)
    stream = client.chat.completions.create(model="sim-slow", messages=ASK, stream=True)
    decision = stream.response.headers["x-poise-decision"]
    for _ in range(5):
        next(stream)
    before_us = region.status().now_us
    stream.close()
    one = region.end_of(number)

    assert "client_gone" == one.ended
    assert 3 <= one.tokens < 3000
    assert 0 <= one.ended_us - before_us <= WITHIN_US
    assert "client_gone" == world.explain(decision)["outcome"]


def test_cancelling_before_the_answer_closes_the_upstream_too(world: World) -> None:
    """A whole answer that nobody waits for any more is not computed to its end."""
    region, number = world.regions["us"], next_number(world)

    async def main() -> int:
        async with world.async_client() as client:
            call = asyncio.ensure_future(client.chat.completions.create(model="sim-slow", messages=ASK))
            while (await asyncio.to_thread(region.status)).counts.get("requests", 0) < number:
                pass
            before_us = (await asyncio.to_thread(region.status)).now_us
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            return before_us

    before_us = asyncio.run(main())
    one = region.end_of(number)

    assert ("client_gone", 0) == (one.ended, one.tokens)
    assert 0 <= one.ended_us - before_us <= WITHIN_US


def test_twenty_streams_cancelled_at_once_leave_no_connection_busy(world: World) -> None:
    """Each upstream stream ends with its client; the region's log says so for all."""
    region, first = world.regions["us"], next_number(world)

    async def main() -> int:
        async with world.async_client() as client:

            async def one() -> openai.AsyncStream[openai.types.chat.ChatCompletionChunk]:
                stream = await client.chat.completions.create(model="sim-slow", messages=ASK, stream=True)
                await anext(aiter(stream))
                return stream

            streams = await asyncio.gather(*[one() for _ in range(20)])
            before_us = (await asyncio.to_thread(region.status)).now_us
            await asyncio.gather(*[stream.close() for stream in streams])
            return before_us

    before_us = asyncio.run(main())
    ends = [region.end_of(number) for number in range(first, first + 20)]

    assert {"client_gone"} == {one.ended for one in ends}
    assert max(one.ended_us for one in ends) - before_us <= WITHIN_US
