"""Streams that break after their first token, and what the policy has done about it."""

from __future__ import annotations

import asyncio

import pytest

from poise.decision import OutcomeKind
from poise.errors import Error, Failure
from poise.path.gate import MAX_TAPE_BYTES
from poise.policy import Choose, Policy, Recover, StreamRecovery
from tests.path.fakes import (
    DONE,
    STOP,
    FakePool,
    FakeSink,
    Script,
    World,
    begins,
    breaks,
    stream,
    turns,
    whole,
)


def token(text: str) -> bytes:
    """One piece of an answer, as a vendor sends it."""
    return (
        b'data: {"id":"c","model":"real","choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'
        % (text.encode())
    )


WORDS = [token(word) for word in ("The ", "answer ", "is ", "forty", "-two.")]
ERROR = b'data: {"error":{"message":"out of memory","code":"overloaded"}}\n\n'


def _policy(*ways: StreamRecovery, attempts: int = 3) -> Policy:
    return Policy("w", (), choose=Choose(mode="order"), recover=Recover(attempts, stream=ways))


def _heard(body: bytes) -> str:
    """What a stock client makes of it, read on its own."""
    import json

    text = ""
    for line in body.split(b"\n\n"):
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:])["choices"]:
                text += choice["delta"].get("content") or ""
    return text


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("how", [Failure.CUT, "error", "end"])
def test_a_broken_stream_is_run_again_elsewhere(cut: int, how: str) -> None:
    """The client hears the whole answer once; the record names the seam."""
    first: Script = breaks(*WORDS[:cut])
    if how == "error":
        first = stream(*WORDS[:cut], ERROR)
    elif how == "end":
        first = stream(*WORDS[:cut])
    world, sink = World(FakePool(first), FakePool(stream(*WORDS, STOP, DONE)), policy=_policy("restart")), FakeSink()
    outcome = asyncio.run(world.ask(sink, streams=True))

    assert "The answer is forty-two." == _heard(sink.body)
    assert sink.body.endswith(DONE)
    assert sink.done
    assert OutcomeKind.COMPLETED == outcome.kind
    assert ["", f"restart after {len(_heard(b''.join(WORDS[:cut])))} characters"] == [
        a.repair for a in outcome.attempts
    ]


def test_without_a_way_the_break_is_told() -> None:
    """The default: an error in-band, nothing tried, however many others could serve."""
    world, sink = World(FakePool(breaks(*WORDS[:2])), FakePool(stream(*WORDS, STOP, DONE))), FakeSink()
    with pytest.raises(Error) as caught:
        asyncio.run(world.ask(sink, streams=True))

    assert "stream_broken" == caught.value.code
    assert b"".join(WORDS[:2]) == sink.body
    assert not sink.done
    assert 0 == len(world.pools[1].connections)


def test_another_answer_is_not_spliced() -> None:
    """Its words differ: not a byte of it goes out; the next candidate is not asked the same again, the break is told."""
    other = stream(token("Something "), token("else."), STOP, DONE)
    world = World(
        FakePool(breaks(*WORDS[:2])), FakePool(other), FakePool(stream(*WORDS, STOP, DONE)), policy=_policy("restart")
    )
    sink = FakeSink()
    with pytest.raises(Error):
        asyncio.run(world.ask(sink, streams=True))

    assert b"".join(WORDS[:2]) == sink.body
    assert [Failure.CUT, Failure.DIFFERED] == [a.failure for a in world.outcome().attempts]
    assert 0 == world.lanes[1].health.evidence
    assert OutcomeKind.TRUNCATED == world.outcome().kind


def test_a_restart_that_breaks_too_is_restarted() -> None:
    """Within the budget of attempts; what the second one added counts as delivered."""
    pools = [FakePool(breaks(*WORDS[:1])), FakePool(breaks(*WORDS[:3])), FakePool(stream(*WORDS, STOP, DONE))]
    world, sink = World(*pools, policy=_policy("restart")), FakeSink()
    asyncio.run(world.ask(sink, streams=True))

    assert "The answer is forty-two." == _heard(sink.body)
    assert ["", "restart after 4 characters", "restart after 14 characters"] == [
        a.repair for a in world.outcome().attempts
    ]


def test_the_rest_is_asked_of_a_model_that_goes_on() -> None:
    """``continue``: only at a target that is known to; the one that is not is passed over, and the record says so."""
    pools = [
        FakePool(breaks(*WORDS[:3])),
        FakePool(whole()),
        FakePool(stream(token("forty"), token("-two."), STOP, DONE)),
    ]
    world, sink = World(*pools, policy=_policy("continue"), prefill="c"), FakeSink()
    asyncio.run(world.ask(sink, streams=True))

    assert "The answer is forty-two." == _heard(sink.body)
    assert ["", "prefill", ""] == [a.skipped for a in world.outcome().attempts]
    assert "continue after 14 characters" == world.outcome().attempts[-1].repair
    assert b'"content":"The answer is"' in world.pools[2].connections[0].sent


def test_ways_are_tried_in_order() -> None:
    """The same answer once more; where that is another one, the rest of this one."""
    other = stream(token("Something "), STOP, DONE)
    rest = stream(token("forty"), token("-two."), STOP, DONE)
    pools = [FakePool(breaks(*WORDS[:3])), FakePool(other, rest)]
    world, sink = World(*pools, policy=_policy("restart", "continue"), prefill="b"), FakeSink()
    asyncio.run(world.ask(sink, streams=True))

    assert "The answer is forty-two." == _heard(sink.body)
    assert ["", "restart after 14 characters", "continue after 14 characters"] == [
        a.repair for a in world.outcome().attempts
    ]


def test_alone_a_cut_stream_is_run_again_where_it_was() -> None:
    """One candidate: it is asked once more, unless it had fallen silent."""
    world = World(FakePool(breaks(*WORDS[:2]), stream(*WORDS, STOP, DONE)), policy=_policy("restart"))
    sink = FakeSink()
    asyncio.run(world.ask(sink, streams=True))

    assert "The answer is forty-two." == _heard(sink.body)
    assert 2 == len(world.pools[0].connections)


def test_attempts_are_one_budget() -> None:
    """Repairs are attempts as well: none is left, none is made."""
    world = World(
        FakePool(breaks(*WORDS[:2])), FakePool(stream(*WORDS, STOP, DONE)), policy=_policy("restart", attempts=1)
    )
    with pytest.raises(Error):
        asyncio.run(world.ask(FakeSink(), streams=True))

    assert 0 == len(world.pools[1].connections)


def test_what_is_too_long_to_keep_is_not_mended() -> None:
    """The tape is bounded: past it the break is told."""
    half = token("x" * (MAX_TAPE_BYTES // 2))
    for long, asked in ((half, 1), (half + half, 0)):
        world = World(FakePool(breaks(WORDS[0], long)), FakePool(stream(*WORDS, STOP, DONE)), policy=_policy("restart"))
        with pytest.raises(Error):
            asyncio.run(world.ask(FakeSink(), streams=True))

        assert asked == len(world.pools[1].connections)


def test_the_client_of_a_mended_stream_can_still_go() -> None:
    """While the second answer is compared, and nothing goes out: its upstream is closed as well."""

    async def story() -> None:
        world = World(FakePool(breaks(*WORDS[:3])), FakePool(begins(*WORDS[:1])), policy=_policy("restart"))
        sink = FakeSink()
        task = asyncio.create_task(world.stack.admit(world.request(streams=True), sink))
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert world.upstream_closed(1)
        assert OutcomeKind.CLIENT_GONE == world.outcome().kind
        assert [Failure.CUT, "cancelled"] == [a.failure for a in world.outcome().attempts]

    asyncio.run(story())


def test_an_answer_is_over_before_its_connection_is() -> None:
    """[DONE] ends it for the client at once; the connection gets not quite two seconds, then it is closed."""

    async def story() -> None:
        world, sink = World(FakePool(begins(*WORDS, STOP, DONE))), FakeSink()
        await world.stack.admit(world.request(streams=True), sink)

        assert sink.done
        assert not world.upstream_closed()
        world.pass_time(0.1)
        world.pass_time(1.6)
        assert not world.upstream_closed()
        world.pass_time(0.2)
        assert world.upstream_closed()
        assert [] == world.stack.call.lingering

    asyncio.run(story())


def test_what_follows_the_end_of_an_answer_reaches_nobody() -> None:
    """Late tokens behind [DONE]."""

    async def story() -> None:
        world, sink = World(FakePool(begins(*WORDS, STOP, DONE, WORDS[0]))), FakeSink()
        await world.stack.admit(world.request(streams=True), sink)

        assert sink.body.endswith(DONE)
        assert b"".join([*WORDS, STOP, DONE]) == sink.body

    asyncio.run(story())


def test_comments_are_no_answer() -> None:
    """An upstream that sends only comments has stalled, however many of them come."""

    async def story() -> None:
        world, sink = World(FakePool(begins(WORDS[0]))), FakeSink()
        task = asyncio.create_task(world.stack.admit(world.request(streams=True), sink))
        await turns()
        connection = world.pools[0].connections[0]
        assert connection.receiver is not None
        for _ in range(8):
            connection.receiver.body(b": processing\n\n" * 1000)
            world.pass_time(5)
        with pytest.raises(Error):
            await task

        assert Failure.STALLED == world.outcome().attempts[0].failure

    asyncio.run(story())


def test_a_drip_is_no_answer() -> None:
    """A token every ten seconds never stalls for thirty; after half a minute of it the stream is given up."""

    async def story() -> int:
        world, sink = World(FakePool(begins(WORDS[0]))), FakeSink()
        task = asyncio.create_task(world.stack.admit(world.request(streams=True), sink))
        await turns()
        receiver = world.pools[0].connections[0].receiver
        assert receiver is not None
        for second in range(0, 60, 10):
            world.pass_time(10)
            await turns()
            if not world.stack.call.live:
                with pytest.raises(Error):
                    await task
                assert "a second" in world.outcome().attempts[0].detail
                return second
            receiver.body(WORDS[1])
        return -1

    assert 20 <= asyncio.run(story()) <= 40


def test_a_picture_on_a_slow_line_is_no_silence() -> None:
    """One event of 400 kB at 4 kB/s: nothing whole comes for 100 s, and it is waited for."""

    async def story() -> None:
        world, sink = World(FakePool(begins(WORDS[0]))), FakeSink()
        request = world.request(streams=True)
        request.deadline_us += 600_000_000
        task = asyncio.create_task(world.stack.admit(request, sink))
        await turns()
        receiver = world.pools[0].connections[0].receiver
        assert receiver is not None
        for _ in range(100):
            receiver.body(b"x" * 4_000)
            world.pass_time(1)

        assert world.stack.call.live
        task.cancel()

    asyncio.run(story())
