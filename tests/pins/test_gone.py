"""Where what a request names cannot be reached, the caller is told what is lost, who made it and what to do."""

from __future__ import annotations

from typing import Any

import anthropic
import msgspec
import openai
import pytest
from google.genai import errors, types

from poise.policy import Choose
from tests.pins.house import NARROW_KEY, House, house, on_loop


async def _made_by(it: House, name: str, *, key: str = "") -> str:
    """A response that this provider made, the others being out of order for the moment."""
    client = it.openai(key=key) if key else it.openai()
    for maker in it.makers.values():
        maker.status = 0 if maker.name == name else 503
    made = await client.responses.create(model="work", input="go")
    for maker in it.makers.values():
        maker.status = 0
        maker.asked.clear()
    return made.id


@on_loop
async def test_a_provider_that_died_is_named_with_what_it_had() -> None:
    """The connection is refused: 503, that it may be tried again soon, and what to send instead. Nobody else is asked."""
    async with house(a="openai", b="openai") as it:
        made = await _made_by(it, "b")
        await it.makers["b"].stop()
        client = it.openai().with_options(max_retries=0)
        with pytest.raises(openai.InternalServerError) as caught:
            await client.responses.create(model="work", input="on", previous_response_id=made)
        body: Any = caught.value.body
        told, text = await it.explained(body["decision"])

        assert 503 == caught.value.status_code
        assert "1" == caught.value.response.headers["retry-after"]
        assert "pin_unavailable" == caught.value.code
        assert (
            "previous_response_id names what m@b made, and that cannot be had elsewhere: m@b failed" in body["message"]
        )
        assert "send the whole conversation instead of previous_response_id" in body["message"]
        assert 0 == len(it.makers["a"].asked)
        assert [("m@b", ""), ("m@b", "")] == [(row["target"], row["skipped"]) for row in told["ended"]["attempts"]]
        assert "pinned to m@b by previous_response_id" in text


@on_loop
async def test_it_goes_on_when_the_provider_is_back() -> None:
    """Ejected meanwhile or not: a guess about health is no reason to lose a conversation that is nowhere else."""
    async with house(a="openai", b="openai") as it:
        made = await _made_by(it, "b")
        client = it.openai().with_options(max_retries=0)
        it.makers["b"].status = 503
        for _ in range(8):  # past the ejection threshold
            with pytest.raises(openai.InternalServerError):
                await client.responses.create(model="work", input="on", previous_response_id=made)
        it.makers["b"].status = 0
        ejected = it.lane("b").health.ejected_until_us
        again = await client.responses.create(model="work", input="on", previous_response_id=made)

        assert 0 < ejected
        assert "by b" == again.output_text


@on_loop
async def test_a_target_that_left_the_workflow_is_gone_for_good() -> None:
    """Not among the candidates any more: 409, and the vendor's client is told not to try it again."""
    async with house(a="openai", b="openai") as it:
        made = await _made_by(it, "b")
        work = it.snapshot.policies["work"]
        left = msgspec.structs.replace(work, candidates=(work.candidates[0], _other(it)))
        it.tell(_with(it, left))
        with pytest.raises(openai.ConflictError) as caught:
            await it.openai().responses.create(model="work", input="on", previous_response_id=made)
        _, text = await it.explained(str(caught.value.body["decision"]))  # type: ignore[index]  # an object

        assert "pin_unavailable" == caught.value.code
        assert "made that is not among the candidates" in caught.value.message
        assert "false" == caught.value.response.headers["x-should-retry"]
        assert 1 == it.count("pin_unavailable")
        assert 0 == sum(len(maker.asked) for maker in it.makers.values())
        assert "pinned to m@b by previous_response_id" in text
        assert "dropped, pinned" in text


def _other(it: House) -> Any:  # noqa: ANN401 - a candidate
    """Another target at a third provider, so that there are still two."""
    candidate = it.snapshot.policies["work"].candidates[0]
    target = msgspec.structs.replace(candidate.target, id="m@c", provider="c")
    return msgspec.structs.replace(candidate, target=target, place=1)


def _with(it: House, work: Any) -> Any:  # noqa: ANN401 - a policy, and the snapshot with it
    endpoints = it.snapshot.endpoints
    c = msgspec.structs.replace(endpoints["a"], provider=msgspec.structs.replace(endpoints["a"].provider, name="c"))
    return msgspec.structs.replace(
        it.snapshot, epoch=2, policies=it.snapshot.policies | {"work": work}, endpoints=endpoints | {"c": c}
    )


@on_loop
async def test_a_foreign_id_tells_its_holder_nothing() -> None:
    """A key that may not use b names what b made for another: it is refused, and b is not named to it."""
    async with house(a="openai", b="openai") as it:
        made = await _made_by(it, "b")
        with pytest.raises(openai.ConflictError) as caught:
            await it.openai(key=NARROW_KEY).responses.create(model="work", input="on", previous_response_id=made)

        assert "m@b" not in caught.value.message
        assert "not among the candidates for this key" in caught.value.message
        assert 0 == sum(len(maker.asked) for maker in it.makers.values())


@on_loop
async def test_two_makers_at_once_are_refused() -> None:
    """A conversation of a and a file of b: nobody has both, and both are said."""
    async with house(a="openai", b="openai") as it:
        made = await _made_by(it, "a")
        file = it.makers["b"].make("file")
        it.planes[0].pins.learn("file", file, it.lane("b"))
        turn = {"role": "user", "content": [{"type": "input_file", "file_id": file}]}
        given: Any = [turn]
        with pytest.raises(openai.ConflictError) as caught:
            await it.openai().responses.create(model="work", input=given, previous_response_id=made)

        assert "previous_response_id names what m@a made" in caught.value.message
        assert "file_id names what m@b made" in caught.value.message
        assert "they were made at different places" in caught.value.message


@on_loop
async def test_an_id_that_nobody_remembers_goes_to_who_could_have_made_it() -> None:
    """Anthropic's model, first in order, keeps no responses: the one that does is asked, and the decision says why."""
    async with house(a="anthropic", b="openai") as it:
        it.makers["b"].made.add("resp_before_poise")
        said = await it.openai().responses.with_raw_response.create(
            model="work", input="on", previous_response_id="resp_before_poise"
        )
        told, text = await it.explained(said.headers["x-poise-decision"])
        dropped = [row for row in told["decision"]["candidates"] if row["state"] == "dropped"]

        assert "by b" == said.parse().output_text
        assert [("m@a", "dialect")] == [(row["target"], row["reason"]) for row in dropped]
        assert "cannot have made what previous_response_id names" in dropped[0]["because"]
        assert "previous_response_id (id " in text
        assert "nobody remembers making" in text


@on_loop
async def test_a_response_that_was_translated_exists_nowhere() -> None:
    """An answer by Anthropic's model to a caller of responses is kept by nobody: to go on from its id is an error that says so."""
    async with house(a="anthropic", b="openai") as it:
        made = await it.openai().responses.create(model="work", input="go")
        assert "by a" == made.output_text
        with pytest.raises(openai.ConflictError) as caught:
            await it.openai().responses.create(model="work", input="on", previous_response_id=made.id)

        assert "previous_response_id names what m@a made" in caught.value.message
        assert "m@a: dialect" in caught.value.message
        assert "send the whole conversation" in caught.value.message
        assert 0 == len(it.makers["b"].asked)


@on_loop
async def test_anthropics_client_reads_it_in_its_own_shape() -> None:
    """The SDK's typed exception, with the words of the dialect."""
    async with house(a="anthropic", b="anthropic") as it:
        it.planes[0].pins.learn("seal", "c2VhbA", it.lane("b"))
        await it.makers["b"].stop()
        thought: Any = [{"type": "thinking", "thinking": "hm", "signature": "c2VhbA=="}]
        history: Any = [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": thought},
            {"role": "user", "content": "on"},
        ]
        client = it.anthropic().with_options(max_retries=0)
        with pytest.raises(anthropic.InternalServerError) as caught:
            await client.messages.create(model="work", max_tokens=9, messages=history)

        assert 503 == caught.value.status_code
        assert "signature names what m@b made" in caught.value.message
        assert "send the conversation without its thinking blocks" in caught.value.message


@on_loop
async def test_googles_client_reads_it_in_its_own_shape() -> None:
    """The SDK's typed exception, with the words of the dialect."""
    async with house(a="gemini", b="gemini") as it:
        it.planes[0].pins.learn("cached_content", "cachedContents/x", it.lane("b"))
        await it.makers["b"].stop()
        config = types.GenerateContentConfig(cached_content="cachedContents/x")
        with pytest.raises(errors.ServerError) as refused:
            await it.gemini().aio.models.generate_content(model="work", contents="go", config=config)

        assert "cachedContent names what m@b made" in str(refused.value.message)


@on_loop
async def test_busy_is_told_with_a_time_to_come_back() -> None:
    """At its limit of calls: 503 and Retry-After, though the other candidate is idle."""
    async with house(a="openai", b="openai") as it:
        made = await _made_by(it, "b")
        work = it.snapshot.policies["work"]
        narrow = tuple(
            msgspec.structs.replace(one, target=msgspec.structs.replace(one.target, concurrency=1))
            for one in work.candidates
        )
        it.tell(_with(it, msgspec.structs.replace(work, candidates=narrow, choose=Choose(mode="order"))))
        lane = it.lane("b")
        lane.in_flight = 1
        client = it.openai().with_options(max_retries=0)
        with pytest.raises(openai.InternalServerError) as caught:
            await client.responses.create(model="work", input="on", previous_response_id=made)
        lane.in_flight = 0

        assert "1" == caught.value.response.headers["retry-after"]
        assert "m@b: at_limit" in caught.value.message
        assert 0 == len(it.makers["a"].asked)


@pytest.mark.parametrize("what", [{"previous_response_id": "resp_x"}, {"conversation": "conv_x"}])
@pytest.mark.parametrize("vendor", ["anthropic", "gemini"])
@on_loop
async def test_a_lone_target_that_has_no_conversations_is_not_asked_without_one(
    vendor: str, what: dict[str, Any]
) -> None:
    """It would answer the last turn alone, as if nothing had been said before it."""
    async with house(a=vendor) as it:
        client = it.openai().with_options(max_retries=0)
        with pytest.raises(openai.ConflictError) as caught:
            await client.responses.create(model="work", input="on", **what)
        free = await client.responses.create(model="work", input="go")

        assert "pin_unavailable" == caught.value.code
        assert "send the whole conversation" in caught.value.message
        assert "by a" == free.output_text
        assert 1 == len(it.makers["a"].asked)
