"""The official SDKs reach models at Vertex AI and Bedrock through one gateway, with each cloud's own credentials.

The emulators are real sockets: Bedrock's checks the signature of every request, with a reading of its own, and frames its
streams in binary; Vertex's wants the token that Google's endpoint gave for the service account's key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from google.genai import types
from openai import InternalServerError

from poise.sim.content import EMBEDDING_SIZE, embedding
from tests.sdk.clouds import ARN, MODELS, TARGETS, cloud_doors, status
from tests.sdk.dialects import KEY, PIXEL
from tests.sdk.speakers import SPEAKERS, speaker, words_in
from tests.sdk.speaking import WAYS, Clients, Speaker, Wish, tool
from tests.sdk.test_dialects_errors import ENDS, SAID, STATUS, kinds_of, raw, status_of
from tests.sdk.test_dialects_talk import Answer

WEATHER = tool("weather", "city")
STOCK = tool("stock", "symbol")
REFUSED = ("rate", "overloaded", "context", "error-500")


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    """Every SDK's clients, a gateway, and the emulators of two clouds."""
    with cloud_doors() as running:
        made = Clients(running)
        yield made
        made.close()


@pytest.fixture(params=SPEAKERS)
def sdk(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def talk(clients: Clients, sdk: str, way: str, target: str) -> Speaker:
    return speaker(clients, sdk, way, target)


def test_text_usage_and_headers(talk: Speaker, clients: Clients, target: str) -> None:
    """The answer, what it counted, which target it was; nothing is lost on the way."""
    said = talk.ask("Say hello to Bob", Wish(system="Answer as a pirate."))

    assert ("You said: Say hello to Bob", "stop", 8, 6) == (said.text, said.ending, said.prompt, said.completion)
    assert clients.heads.last["x-poise-target"].startswith(f"m-{target}@")
    assert "x-poise-lost" not in clients.heads.last


def test_two_tools_are_called_and_their_results_read(talk: Speaker) -> None:
    """Words and two calls in one answer; both results; then a further turn."""
    wish = Wish(tools=(WEATHER, STOCK))
    called = talk.ask("say:tools please", wish)
    said = talk.answer(called, ["21 degrees", "42 dollars"], wish)
    last = talk.ask("Thank you", wish)

    assert ("tools", ["weather", "stock"]) == (called.ending, [call.name for call in called.calls])
    assert ["city"] == list(called.calls[0].arguments)
    assert "The tool said: 21 degrees 42 dollars" == said.text
    assert "You said: Thank you" == last.text


def test_an_image_arrives(talk: Speaker) -> None:
    assert "You said: Look I see 1 image: image/png." == talk.ask("Look", image=PIXEL).text


def test_structured_output_is_parsed(talk: Speaker) -> None:
    said = talk.ask("Tell the weather", Wish(shape=Answer))

    assert isinstance(said.parsed, Answer)
    assert "stop" == said.ending


def test_thought_comes_and_goes_back(talk: Speaker, target: str) -> None:
    """Sealed, beside the SDK's own objects of the first answer. An ARN does not name the maker: its model is asked none."""
    said = talk.ask("Think of it", Wish(thinks=True))
    again = talk.ask("And now", Wish(thinks=True))

    assert ("" if target == "bedrock-arn" else "The caller wrote 3 words, and I shall answer them.") == said.thought
    assert ("You said: Think of it", "You said: And now") == (said.text, again.text)


@pytest.mark.parametrize("scenario", REFUSED)
def test_a_refused_call_is_the_sdks_own_exception(
    clients: Clients, scenario: str, sdk: str, way: str, target: str
) -> None:
    """By status, whole and streamed alike."""
    status = STATUS.get(scenario, 400)
    with pytest.raises(kinds_of(sdk, status)) as caught:
        speaker(clients, sdk, way, target).ask(f"say:{scenario} {SAID}")

    assert status == status_of(caught.value)
    assert "token-of-google" not in str(caught.value)


@pytest.mark.parametrize("scenario", ["cut", "stream-error"])
def test_a_broken_stream_says_no_word_of_an_end(clients: Clients, sdk: str, scenario: str, target: str) -> None:
    """What came stays, an error follows, and nothing of what ends an answer."""
    broken = raw(clients, sdk, target, f"say:{scenario} {SAID}")
    complete = raw(clients, sdk, target, SAID)

    assert "stream_broken" in broken.lower()
    assert [] == [word for word in ENDS[sdk] if word in broken]
    assert any(word in complete for word in ENDS[sdk])


def test_what_arrives_is_what_each_cloud_documents(clients: Clients) -> None:
    """The path with project, place and model; Claude's body at Vertex with the version and without the model."""
    for vendor in ("vertex", "bedrock"):
        clients.doors.arrived(vendor)
    for target in TARGETS:
        speaker(clients, "messages", "sync-stream", target).ask("Say hello")
    gemini, claude = clients.doors.arrived("vertex")
    converse, by_arn = clients.doors.arrived("bedrock")
    base = "/v1/projects/project-of-the-key/locations/europe-west4/publishers"

    assert f"{base}/google/models/emulate-plain:streamGenerateContent" == gemini["path"]
    assert f"{base}/anthropic/models/claude-emulate-plain:streamRawPredict" == claude["path"]
    assert ("vertex-2023-10-16", None, True) == (
        claude["body"]["anthropic_version"], claude["body"].get("model"), claude["body"]["stream"]
    )  # fmt: skip
    assert f"/model/{MODELS['bedrock'][1]}/converse-stream" == converse["path"]
    assert f"/model/{ARN}/converse-stream" == by_arn["path"]
    assert "Say hello" == words_in(converse["body"]["messages"])


def test_counts_are_vertexs_own_and_an_estimate_elsewhere(clients: Clients) -> None:
    """Claude's behind a model of that name, Gemini's without the wrapping that Vertex does not know."""
    turn: Any = {"role": "user", "content": "one two three four five"}
    counted = clients.anthropic.messages.count_tokens(model="at-vertex-claude", messages=[turn])
    exact = "x-poise-note" not in clients.heads.last
    gemini = clients.gemini.models.count_tokens(model="at-vertex", contents="one two three four five")
    inner = {"model": "models/x", "contents": [{"role": "user", "parts": [{"text": "one two three"}]}]}
    answer = httpx2.post(
        f"{clients.doors.url}/v1beta/models/at-vertex:countTokens",
        json={"generateContentRequest": inner},
        headers={"x-goog-api-key": KEY},
        timeout=30,
    )
    clients.anthropic.messages.count_tokens(model="at-bedrock", messages=[turn])

    assert exact
    assert (5, 5, 3) == (counted.input_tokens, gemini.total_tokens, answer.json()["totalTokens"])
    assert "x-poise-note" in clients.heads.last


@pytest.mark.parametrize("encoding", [{}, {"encoding_format": "float"}])
def test_embeddings_come_from_vertex(clients: Clients, encoding: dict[str, Any]) -> None:
    """By ``predict``, for OpenAI's SDK and for Google's."""
    made = clients.openai.embeddings.create(model="at-vertex", input=["a b", "c"], dimensions=8, **encoding)
    config = types.EmbedContentConfig(output_dimensionality=8)
    googles = clients.gemini.models.embed_content(model="at-vertex", contents="a b", config=config)
    plain = clients.openai.embeddings.create(model="at-vertex", input="c", encoding_format="float")

    assert [pytest.approx(embedding(text, 0, 8), rel=1e-6) for text in ("a b", "c")] == [
        row.embedding for row in made.data
    ]
    assert googles.embeddings is not None
    assert [pytest.approx(embedding("a b", 0, 8), rel=1e-6)] == [one.values for one in googles.embeddings]
    assert EMBEDDING_SIZE == len(plain.data[0].embedding)


@pytest.mark.parametrize("stream", [False, True])
def test_azure_without_a_key_is_shown_a_token_of_entra(clients: Clients, stream: bool) -> None:
    """Of the machine's identity; a version leads to the deployment's path."""
    clients.doors.arrived("azure")
    said = speaker(clients, "chat", "sync-stream" if stream else "sync", "azure")
    said.model = "m-azure"
    text = said.ask("Say hello").text
    (sent,) = clients.doors.arrived("azure")

    assert "You said: Say hello" == text
    assert "/openai/deployments/emulate-plain/chat/completions" == sent["path"]
    assert {"api-version": "2024-10-21"} == sent["query"]
    assert ("***", None) == (sent["headers"]["authorization"], sent["headers"].get("api-key"))


def test_no_secret_is_in_the_log(clients: Clients) -> None:
    """Neither the token nor the keys, whatever was refused meanwhile."""
    log = (clients.doors.folder / "poise.log").read_text()

    assert "token-of-google" not in log
    assert "token-of-entra" not in log
    assert "emulated/secret" not in log
    assert "AKIAEMULATED" not in json.dumps(log)


def test_the_credentials_of_all_clouds_are_told(clients: Clients) -> None:
    """By the admin API: they are there, Google's and Azure's for an hour, AWS's for good."""
    azure, bedrock, vertex = status(clients.doors)["credentials"]

    assert ("azure", "azure", True) == (azure["provider"], azure["source"], azure["there"])
    assert ("bedrock", "aws", True, None) == (
        bedrock["provider"], bedrock["source"], bedrock["there"], bedrock["holds_for_us"]
    )  # fmt: skip
    assert ("vertex", "google", True, 0) == (vertex["provider"], vertex["source"], vertex["there"], vertex["failures"])
    assert 0 < vertex["holds_for_us"] <= 3_600_000_000


def test_without_credentials_another_cloud_answers_and_what_is_missing_is_told() -> None:
    """Nothing is sent to the cloud that has none; who named it alone hears why."""
    with cloud_doors(aws=False) as doors:
        clients = Clients(doors)
        turn: Any = {"role": "user", "content": "Say hello"}
        made = clients.openai.chat.completions.create(model="either", messages=[turn])
        target = clients.heads.last["x-poise-target"]
        with pytest.raises(InternalServerError, match="there are none yet") as caught:
            clients.openai.chat.completions.create(model="at-bedrock", messages=[turn])
        arrived = doors.arrived("bedrock")
        _, bedrock, _ = status(doors)["credentials"]
        log = (doors.folder / "poise.log").read_text()
        clients.close()

    assert ("You said: Say hello", "m-vertex@vertex") == (made.choices[0].message.content, target)
    assert (502, []) == (caught.value.status_code, arrived)
    assert (False, True) == (bedrock["there"], "no AWS credentials were found" in bedrock["because"])
    assert "provider bedrock: no new aws credentials (there are none, tried again in" in log
