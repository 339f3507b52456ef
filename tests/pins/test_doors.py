"""A conversation goes on at the provider that has it, in every dialect, whole and streamed, with the vendors' own clients."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from google.genai import types

from tests.pins.house import House, house, on_loop

STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


async def _response(client: openai.AsyncOpenAI, *, stream: bool, **more: Any) -> Any:  # noqa: ANN401 - the SDK's own
    asked = {"model": "work", "input": "go on", **more}
    if not stream:
        return await client.responses.create(**asked)
    events = [event async for event in await client.responses.create(**asked, stream=True)]
    return events[-1].response


def _first_by_b(it: House) -> None:
    """The first candidate fails while something is made; the test makes it well again."""
    it.makers["a"].status = 503


@STREAM
@on_loop
async def test_a_response_goes_on_where_it_was_made(stream: bool) -> None:
    """previous_response_id: b made it while a was down; a is first in order and well again, and is not asked."""
    async with house(a="openai", b="openai") as it:
        client = it.openai()
        _first_by_b(it)
        first = await _response(client, stream=stream)
        it.makers["a"].status = 0
        again = await _response(client, stream=stream, previous_response_id=first.id)
        third = await _response(client, stream=stream, previous_response_id=again.id)
        free = await _response(client, stream=stream)

        assert "by b" == again.output_text == third.output_text
        assert "by a" == free.output_text
        assert [False, True] == [served for _, _, served in it.makers["a"].asked]


@STREAM
@on_loop
async def test_sealed_reasoning_goes_back_to_its_target(stream: bool) -> None:
    """encrypted_content in the input of a request that keeps nothing at the provider."""
    async with house(a="openai", b="openai") as it:
        client = it.openai()
        _first_by_b(it)
        wish = {"store": False, "include": ["reasoning.encrypted_content"]}
        first = await _response(client, stream=stream, **wish)
        it.makers["a"].status = 0
        sealed = next(item for item in first.output if item.type == "reasoning")
        history = [{"role": "user", "content": "go"}, sealed.to_dict(), {"role": "user", "content": "on"}]
        again = await _response(client, stream=stream, input=history, **wish)

        assert "by b" == again.output_text


@STREAM
@on_loop
async def test_thinking_goes_back_to_its_target(stream: bool) -> None:
    """Anthropic's signatures and redacted thoughts, sent back as its SDK collected them."""
    async with house(a="anthropic", b="anthropic") as it:
        messages: Any = it.anthropic().messages
        _first_by_b(it)
        history: list[Any] = [{"role": "user", "content": "go"}]
        wish: Any = {"model": "work", "max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}}
        texts: list[str] = []
        said: Any = None
        for _ in range(3):
            if stream:
                async with messages.stream(messages=history, **wish) as events:
                    said = await events.get_final_message()
            else:
                said = await messages.create(messages=history, **wish)
            it.makers["a"].status = 0
            texts.append(said.content[-1].text)
            history += [{"role": "assistant", "content": said.content}, {"role": "user", "content": "on"}]

        assert ["by b", "by b", "by b"] == texts
        assert ["thinking", "redacted_thinking", "text"] == [block.type for block in said.content]


@STREAM
@on_loop
async def test_thought_signatures_go_back_to_their_target(stream: bool) -> None:
    """Gemini's, which Google's client decodes and writes again in another alphabet."""
    async with house(a="gemini", b="gemini") as it:
        models: Any = it.gemini().aio.models
        _first_by_b(it)
        history: list[Any] = [types.Content(role="user", parts=[types.Part(text="go")])]
        texts = []
        for _ in range(3):
            if stream:
                chunks = [c async for c in await models.generate_content_stream(model="work", contents=history)]
                said = chunks[-1]
            else:
                said = await models.generate_content(model="work", contents=history)
            it.makers["a"].status = 0
            texts.append(said.text)
            history += [said.candidates[0].content, types.Content(role="user", parts=[types.Part(text="on")])]

        assert ["by b", "by b", "by b"] == texts


@STREAM
@on_loop
async def test_a_sealed_call_that_came_through_chat_goes_back_to_its_target(stream: bool) -> None:
    """A chat client sends a call of Gemini's back in Google's own form for such clients, with its signature."""
    async with house(a="openai", b="gemini") as it:
        completions: Any = it.openai().chat.completions
        _first_by_b(it)
        function = {"name": "f", "parameters": {"type": "object", "properties": {}}}
        asked: dict[str, Any] = {"model": "work", "tools": [{"type": "function", "function": function}]}
        history: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
        if stream:
            chunks = [c async for c in await completions.create(messages=history, stream=True, **asked)]
            calls = [one for chunk in chunks for choice in chunk.choices for one in choice.delta.tool_calls or ()]
        else:
            calls = (await completions.create(messages=history, **asked)).choices[0].message.tool_calls
        it.makers["a"].status = 0
        call = calls[0].model_dump(exclude={"index"}, exclude_none=True)
        history += [{"role": "assistant", "tool_calls": [call]}]
        history += [{"role": "tool", "tool_call_id": call["id"], "content": "done"}]
        again = await completions.create(messages=history, **asked)

        assert call["extra_content"]["google"]["thought_signature"]
        assert "by b" == again.choices[0].message.content


@STREAM
@on_loop
async def test_thought_that_came_through_chat_goes_back_to_its_target(stream: bool) -> None:
    """A chat client of Anthropic's model sends back what it was told of the thought, seal and all."""
    async with house(a="openai", b="anthropic") as it:
        completions: Any = it.openai().chat.completions
        _first_by_b(it)
        asked: dict[str, Any] = {"model": "work", "max_tokens": 4000, "reasoning_effort": "low"}
        history: list[dict[str, Any]] = [{"role": "user", "content": "go"}]
        if stream:
            chunks = [c async for c in await completions.create(messages=history, stream=True, **asked)]
            details = [d for c in chunks for one in c.choices for d in getattr(one.delta, "reasoning_details", ())]
            said = {"role": "assistant", "content": "by b", "reasoning_details": _joined(details)}
        else:
            said = (
                (await completions.create(messages=history, **asked)).choices[0].message.model_dump(exclude_none=True)
            )
        it.makers["a"].status = 0
        again = await completions.create(messages=[*history, said, {"role": "user", "content": "on"}], **asked)
        free = await completions.create(messages=history, **asked)

        assert "by b" == again.choices[0].message.content
        assert "by a" == free.choices[0].message.content


def _joined(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pieces of one thought put together by index, as clients of this form do."""
    found: dict[int, dict[str, Any]] = {}
    for piece in details:
        whole = found.setdefault(piece.get("index", 0), {})
        for key, value in piece.items():
            whole[key] = whole.get(key, "") + value if key in ("text", "summary") else value
    return list(found.values())


def _file(kind: str, id: str) -> dict[str, Any]:
    parts: dict[str, dict[str, Any]] = {
        "chat": {"type": "file", "file": {"file_id": id}},
        "responses": {"type": "input_file", "file_id": id},
        "messages": {"type": "document", "source": {"type": "file", "file_id": id}},
    }
    return parts[kind]


@pytest.mark.parametrize("door", ["chat", "responses", "messages", "gemini", "cache"])
@STREAM
@on_loop
async def test_what_was_uploaded_pins_by_its_id(door: str, stream: bool) -> None:
    """Files and cached content, learnt by whoever saw them made: named, they go to the account that has them."""
    dialect = {"messages": "anthropic", "gemini": "gemini", "cache": "gemini"}.get(door, "openai")
    async with house(a=dialect, b=dialect) as it:
        b = it.makers["b"]
        id = "cachedContents/x1" if door == "cache" else b.make("file")
        b.made.add(id)
        known = {"cache": ("cached_content", id), "gemini": ("file", f"files/{id}")}.get(door, ("file", id))
        it.planes[0].pins.learn(*known, it.lane("b"))
        text = await _with_file(it, door, id, stream=stream)

        assert "by b" in text
        assert 0 == len(it.makers["a"].asked)


async def _with_file(it: House, door: str, id: str, *, stream: bool) -> str:
    turn: Any
    if door in ("chat", "responses"):
        turn = {"role": "user", "content": [_file(door, id)]}
        if door == "responses":
            return str((await _response(it.openai(), stream=stream, input=[turn])).output_text)
        said: Any = await it.openai().chat.completions.create(model="work", messages=[turn], stream=stream)
        if stream:
            return "".join([chunk.choices[0].delta.content or "" async for chunk in said])
        return str(said.choices[0].message.content)
    if door == "messages":
        turn = {"role": "user", "content": [_file(door, id)]}
        messages: Any = it.anthropic().messages
        async with messages.stream(model="work", max_tokens=9, messages=[turn]) as events:
            return str((await events.get_final_message()).content[0].text)
    models = it.gemini().aio.models
    uri = f"https://generativelanguage.googleapis.com/v1beta/files/{id}"
    contents: Any = "go" if door == "cache" else types.Part.from_uri(file_uri=uri, mime_type="text/plain")
    config = types.GenerateContentConfig(cached_content=id if door == "cache" else None)
    if not stream:
        return str((await models.generate_content(model="work", contents=contents, config=config)).text)
    chunks = await models.generate_content_stream(model="work", contents=contents, config=config)
    return "".join([str(chunk.text) async for chunk in chunks])
