"""The official SDKs, sync and async, whole and streamed, reach every vendor's model through one gateway.

Each test runs for every SDK, every way to call it and every vendor: text, turns, tools, images, structured output, thought
and endings are what the vendor's emulator said, in the SDK's own objects.
"""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from pydantic import BaseModel, ValidationError

from poise.sim.emulate.reply import REFUSAL
from tests.sdk.dialects import EVERY, PIXEL
from tests.sdk.speakers import SPEAKERS, speaker, words_in
from tests.sdk.speaking import WAYS, Clients, Said, Speaker, Wish, tool

WEATHER = tool("weather", "city")
STOCK = tool("stock", "symbol")
TELLS_MORE = {"azure", "xai", "openrouter", "perplexity"}  # ratings, sources, costs: others have no place for them
HIDES_THOUGHT = {"openai", "azure"}  # over chat completions
REFUSES = {"openai", "azure", "anthropic", "gemini"}


class Answer(BaseModel):
    """What structured answers are made of."""

    city: str
    degrees: int
    tags: list[str]


@pytest.fixture(params=SPEAKERS)
def sdk(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=EVERY)
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def talk(clients: Clients, sdk: str, way: str, vendor: str) -> Speaker:
    clients.doors.arrived(vendor)
    return speaker(clients, sdk, way, vendor)


def test_text_usage_and_headers(talk: Speaker, clients: Clients, vendor: str) -> None:
    """The answer, what it counted, which decision and target it was."""
    said = talk.ask("Say hello to Bob")

    assert "You said: Say hello to Bob" == said.text
    assert ("stop", 4, 6) == (said.ending, said.prompt, said.completion)
    assert clients.heads.last["x-poise-decision"].startswith("d-")
    assert clients.heads.last["x-poise-target"].startswith(f"m-{vendor}@")
    assert vendor in TELLS_MORE or "x-poise-lost" not in clients.heads.last


def test_system_text_and_earlier_turns_arrive(talk: Speaker, clients: Clients, vendor: str) -> None:
    """The whole conversation reaches the vendor, in order."""
    wish = Wish(system="Answer as a pirate.")
    talk.ask("My name is Ann", wish)
    said = talk.ask("What is my name", wish)
    sent = clients.doors.arrived(vendor)[-1]["body"]
    order = ("contents", "messages", "input", "system", "systemInstruction", "instructions")
    turns = "".join(words_in(sent[name]) for name in order if name in sent)

    assert "You said: What is my name" == said.text
    assert "Answer as a pirate." in turns
    assert "My name is AnnYou said: My name is AnnWhat is my name" in turns


def test_a_tool_is_called_and_its_result_read(talk: Speaker) -> None:
    """The call goes out, the result goes back beside the SDK's own objects of the first answer."""
    wish = Wish(tools=(WEATHER,))
    called = talk.ask("call weather", wish)
    said = talk.answer(called, ["21 degrees"], wish)

    assert ("tools", ["weather"]) == (called.ending, [call.name for call in called.calls])
    assert ["city"] == list(called.calls[0].arguments)
    assert ("stop", "The tool said: 21 degrees") == (said.ending, said.text)


def test_two_tools_are_called_at_once(talk: Speaker) -> None:
    """Words and two calls in one answer; both results; then a further turn."""
    wish = Wish(tools=(WEATHER, STOCK))
    called = talk.ask("say:tools please", wish)
    said = talk.answer(called, ["21 degrees", "42 dollars"], wish)
    last = talk.ask("Thank you", wish)

    assert ("tools", ["weather", "stock"]) == (called.ending, [call.name for call in called.calls])
    assert "Let me look that up." == called.text
    assert "The tool said: 21 degrees 42 dollars" == said.text
    assert "You said: Thank you" == last.text


def test_an_image_arrives(talk: Speaker, clients: Clients, vendor: str) -> None:
    """Base64 in, the same base64 at the vendor."""
    said = talk.ask("Look", image=PIXEL)

    assert "You said: Look I see 1 image: image/png." == said.text
    assert PIXEL in json.dumps(clients.doors.arrived(vendor)[-1]["body"])


def test_structured_output_is_parsed(talk: Speaker, sdk: str, vendor: str) -> None:
    """By the SDK's own helper; DeepSeek's API knows no schema, so another dialect's cannot be carried there."""
    if vendor == "deepseek" and sdk != "chat":
        pytest.skip("DeepSeek's API knows no schema: see the test of what is lost")
    said = talk.ask("Tell the weather", Wish(shape=Answer))

    assert isinstance(said.parsed, Answer)
    assert "stop" == said.ending


def test_a_schema_that_the_vendor_does_not_know_is_told_as_lost(clients: Clients, way: str) -> None:
    """JSON is asked for all the same; the header names what was lost."""
    with suppress(ValidationError):
        speaker(clients, "messages", way, "deepseek").ask("Tell the weather", Wish(shape=Answer))

    assert "output.schema" in clients.heads.last["x-poise-lost"]
    assert {"type": "json_object"} == clients.doors.arrived("deepseek")[-1]["body"]["response_format"]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # Mistral's list where the SDK knows text
def test_thought_comes_and_goes_back(talk: Speaker, sdk: str, vendor: str) -> None:
    """Where the vendor shows it; the answer's own objects are then sent back, thought and all."""
    said = talk.ask("Think of it", Wish(thinks=True))
    again = talk.ask("And now", Wish(thinks=True))
    hidden = vendor == "perplexity" or (vendor in HIDES_THOUGHT and sdk != "responses")

    assert ("" if hidden else "The caller wrote 3 words, and I shall answer them.") == said.thought
    assert "You said: Think of it" == said.text
    assert "You said: And now" == again.text


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_thought_before_a_call_goes_back_with_the_result(talk: Speaker) -> None:
    """Vendors that sign thought want it back, unchanged, before the call."""
    wish = Wish(tools=(WEATHER,), thinks=True)
    called = talk.ask("call weather", wish)
    said = talk.answer(called, ["21 degrees"], wish)

    assert ["weather"] == [call.name for call in called.calls]
    assert "The tool said: 21 degrees" == said.text


def test_an_answer_that_was_cut_by_its_limit_says_so(talk: Speaker) -> None:
    """The least limit that all vendors take, and the ending of each SDK for it."""
    words = [f"word{number}" for number in range(20)]
    said = talk.ask(" ".join(words), Wish(limit=16))

    assert ("length", " ".join(["You said:", *words[:14]])) == (said.ending, said.text)


def test_a_refusal_is_told_as_one(talk: Speaker, sdk: str, vendor: str) -> None:
    """Where the vendor tells it from an answer; Gemini blocks without a word."""
    said: Said = talk.ask("say:refusal")
    words = "" if vendor == "gemini" else REFUSAL

    assert words == said.text + said.refusal
    known = vendor in REFUSES or (vendor, sdk) == ("xai", "responses")
    assert ("refused" if known else "stop") == said.ending
