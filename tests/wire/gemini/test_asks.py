"""What is particular about Gemini's requests: spellings, forms, schemas, results of tools, and what is refused or lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poise.errors import Error
from poise.wire.conversation.ask import Ask, HostedTool, OutputForm, Pin, Thinking, Tool, ToolChoice
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Media, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from poise.wire.gemini import Gemini
from poise.wire.gemini.ask_write import UNSIGNED

CODEC = Gemini()


def _read(said: object, model: str = "") -> Ask:
    return CODEC.read_ask(json.dumps(said).encode(), model=model)


def _again(ask: Ask) -> object:
    lost = Lost()
    written = json.loads(CODEC.write_ask(ask, lost, Manner()))
    assert [] == lost.losses
    return written


def _written(ask: Ask, manner: Manner | None = None) -> tuple[Any, dict[str, str]]:
    lost = Lost()
    written = json.loads(CODEC.write_ask(ask, lost, manner or Manner()))
    return written, {loss.where: loss.what for loss in lost.losses}


def _user(*parts: Part) -> list[Message]:
    return [Message(role="user", parts=list(parts) or [Text(text="hi")])]


FORMS: dict[str, Any] = {
    "one content": {"contents": {"parts": [{"text": "a"}], "role": "user"}},
    "one part": {"contents": [{"parts": {"text": "a"}}]},
    "a string": {"contents": "a", "systemInstruction": "be kind"},
    "roles": {
        "contents": [{"role": role, "parts": [{"text": "a"}]} for role in ("user", "model", "function", "system")]
    },
    "snake": {
        "system_instruction": {"parts": [{"text": "s"}]},
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "aGk="}}]}],
        "generation_config": {
            "max_output_tokens": 5,
            "thinking_config": {"thinking_budget": 3},
            "stop_sequences": ["a"],
        },
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f", "g"]}},
        "cached_content": "cachedContents/1",
    },
    "numbers for words": {
        "contents": [],
        "tools": [
            {"functionDeclarations": [{"name": "f", "parameters": {"type": 6, "properties": {"a": {"type": 1}}}}]}
        ],
        "toolConfig": {"functionCallingConfig": {"mode": 2}},
        "safetySettings": [{"category": 10, "threshold": 3}],
    },
    "numbers in quotes": {
        "contents": [],
        "generationConfig": {"maxOutputTokens": "12", "topK": 40.0, "temperature": 0},
    },
    "nothing said": {"contents": [], "generationConfig": {}, "tools": [], "toolConfig": None, "safetySettings": None},
    "a turn of results and words": {
        "contents": [
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}]},
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "f", "response": {"result": "1"}}},
                    {"text": "and?"},
                    {"functionResponse": {"name": "g", "response": {"error": "no"}, "parts": []}},
                ],
            },
        ]
    },
    "seals": {"contents": [{"parts": [{"thoughtSignature": "c2ln"}, {"text": "", "thoughtSignature": "c2ln"}, {}]}]},
    "tools laid out": {
        "contents": [],
        "tools": [
            {"functionDeclarations": [{"name": "a"}], "codeExecution": None},
            {"function_declarations": [{"name": "b", "description": ""}], "googleSearch": {}},
            {"functionDeclarations": {"name": "c", "parametersJsonSchema": {"type": "object"}}},
        ],
    },
    "files": {
        "contents": [
            {"parts": [{"fileData": {"fileUri": "gs://b/a.pdf", "mimeType": "application/pdf", "displayName": "a"}}]},
            {"parts": [{"inlineData": {"data": "_9j_", "mimeType": "image/jpeg"}, "videoMetadata": {"fps": 1}}]},
        ]
    },
    "kept": {
        "contents": [{"parts": [{"executableCode": {"language": "PYTHON", "code": "1"}}, {"news": 1}]}],
        "labels": {},
    },
    "enum in text": {
        "contents": [],
        "generationConfig": {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}},
    },
    "schema without type": {"contents": [], "generationConfig": {"responseSchema": {"type": "OBJECT"}}},
    "levels": {
        "contents": [],
        "generationConfig": {"thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": True}},
    },
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_given_back(name: str) -> None:
    """Whichever way a thing was said, it is said again so."""
    assert FORMS[name] == _again(_read(FORMS[name]))


def test_both_spellings_mean_the_same() -> None:
    """A request in snake case is read as its twin in camel case."""
    ask = _read(FORMS["snake"])

    assert ["system", "user"] == [message.role for message in ask.messages]
    assert [Media(kind="image", media_type="image/png", data="aGk=")] == [
        Media(kind=part.kind, media_type=part.media_type, data=part.data)
        for part in ask.messages[1].parts
        if isinstance(part, Media)
    ]
    assert (5, ["a"]) == (ask.max_output, ask.stop)
    assert ask.thinking is not None
    assert 3 == ask.thinking.budget_tokens
    assert ask.tool_choice is not None
    assert ("any", ["f", "g"]) == (ask.tool_choice.mode, ask.tool_choice.names)
    assert [Pin(what="cachedContent", value="cachedContents/1")] == ask.pins


def test_formalities_are_no_losses_elsewhere() -> None:
    """What only says how a thing was spelled is nothing that another dialect could lose."""
    for said in (FORMS["snake"], FORMS["numbers in quotes"], FORMS["nothing said"], FORMS["one content"]):
        lost = Lost()
        ask = _read(said)
        lost.rest("", ask.rest)
        for message in ask.messages:
            lost.rest("", message.rest)
            for part in message.parts:
                lost.rest("", getattr(part, "rest", {}))
        assert [] == lost.losses


def test_the_model_of_the_body_follows_the_path() -> None:
    """Some clients say it twice; where the call is sent to another model, both must say so."""
    ask = _read({"model": "models/gemini-1", "contents": []}, model="gemini-1")
    ask.model = "gemini-2"

    assert {"model": "models/gemini-2", "contents": []} == _again(ask)
    assert "gemini-1" == _read({"model": "models/gemini-1", "contents": []}).model


def test_files_of_the_files_api_are_pins() -> None:
    """Only the account that uploaded them can read them; a URL is anybody's."""
    uri = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    ask = _read({"contents": [{"parts": [{"fileData": {"fileUri": u}} for u in (uri, "https://example.com/a.png")]}]})

    assert [Pin(what="fileData", value=uri)] == ask.pins
    assert [(uri, ""), ("", "https://example.com/a.png")] == [
        (part.file_id, part.url) for part in ask.messages[0].parts if isinstance(part, Media)
    ]


def test_results_are_text_where_they_hold_one_text() -> None:
    """``output`` and ``result`` wrap a text, ``error`` one that failed; any other object is its JSON."""
    responses = [{"output": "a"}, {"result": "b"}, {"error": "c"}, {"x": 1}, {"output": 1}, {}]
    parts = [{"functionResponse": {"name": "f", "response": response}} for response in responses]
    results = [
        part for part in _read({"contents": [{"parts": parts}]}).messages[0].parts if isinstance(part, ToolResult)
    ]
    texts = [part.text for result in results for part in result.parts if isinstance(part, Text)]

    assert ["a", "b", "c", '{"x":1}', '{"output":1}', "{}"] == texts
    assert [False, False, True, False, False, False] == [result.failed for result in results]


@pytest.mark.parametrize("text", ["plain", '{"x":1}', '{"x": 1}', '{"output":"a"}', "[1]", "", "{", '{"error":"a"}'])
@pytest.mark.parametrize("failed", [False, True])
def test_any_result_survives_letter_by_letter(text: str, failed: bool) -> None:
    """JSON or not: what a tool said is what is read again."""
    result = ToolResult(parts=[Text(text=text)], name="f", failed=failed)
    written, _ = _written(Ask(spoken="other", messages=[Message(role="tool", parts=[result])]))
    read = _read(written).messages[0].parts[0]

    assert isinstance(read, ToolResult)
    assert ([Text(text=text)], failed) == (read.parts, read.failed)


def test_results_of_another_dialect_get_their_tools_name() -> None:
    """Gemini wants the name, OpenAI's results have only the call's id; results of one turn stand in one turn."""
    call = [ToolCall(name=name, arguments="{}", id=f"call_{name}") for name in ("a", "b")]
    messages = [Message(role="assistant", parts=list(call))]
    messages += [Message(role="tool", parts=[ToolResult(parts=[Text(text="1")], call_id=one.id)]) for one in call]
    messages += _user(Text(text="so?"))
    written, lost = _written(Ask(spoken="other", model="gemini-2.5-pro", messages=messages))

    assert ["model", "user"] == [content["role"] for content in written["contents"]]
    answers = [part["functionResponse"] for part in written["contents"][1]["parts"][:2]]
    assert [("a", "call_a"), ("b", "call_b")] == [(one["name"], one["id"]) for one in answers]
    assert {"text": "so?"} == written["contents"][1]["parts"][2]
    assert {} == lost


def test_calls_that_gemini_3_did_not_sign_are_said_to_be_so() -> None:
    """It refuses an unsigned call unless it is told to look away; a signed one is left as it is."""
    calls: list[Part] = [ToolCall(name=name, arguments="{}") for name in ("a", "b")]
    signed: list[Part] = [ToolCall(name="c", arguments="{}", signature="c2ln")]
    ask = Ask(spoken="other", model="gemini-3-pro", messages=[Message(role="assistant", parts=calls)])
    ask.messages.append(Message(role="assistant", parts=signed))
    written, _ = _written(ask)
    found = [part.get("thoughtSignature") for content in written["contents"] for part in content["parts"]]

    assert [UNSIGNED, None, "c2ln"] == found
    ask.model = "gemini-2.5-pro"
    assert UNSIGNED not in json.dumps(_written(ask)[0])


def test_signatures_come_back_in_the_alphabet_they_were_made_in() -> None:
    """Google's clients decode them and send them back for URLs; their maker would not know them so."""
    said = {"contents": [{"parts": [{"text": "a", "thought": True, "thoughtSignature": "a-_b"}]}]}
    (part,) = _read(said).messages[0].parts

    assert Reasoning(text="a", signature="a+/b", rest={"@urlsafe": None}) == part
    assert said == _again(_read(said))


def test_system_text_is_gathered() -> None:
    """Leading system and developer texts are the instruction; later ones join it with a note; alone they are the user's."""
    system = [Message(role="system", parts=[Text(text="a")]), Message(role="developer", parts=[Text(text="b")])]
    written, lost = _written(
        Ask(spoken="other", messages=[*system, *_user(), Message(role="system", parts=[Text(text="c")])])
    )

    assert {"parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]} == written["systemInstruction"]
    assert {"messages[3]"} == set(lost)
    written, lost = _written(Ask(spoken="other", messages=system))
    assert ({"user"}, {"messages"}) == ({content["role"] for content in written["contents"]}, set(lost))
    assert "systemInstruction" not in written


def test_thinking_is_told_by_budget_or_by_level() -> None:
    """Gemini 2.5 counts tokens, Gemini 3 knows levels; both at once are refused. Thought is asked for, as it is shown
    elsewhere unasked; in responses it is not.
    """
    for model, wanted in (
        ("gemini-2.5-flash", {"thinkingBudget": 8192}),
        ("gemini-3-pro", {"thinkingLevel": "medium"}),
    ):
        ask = Ask(spoken="other", model=model, messages=_user(), thinking=Thinking(effort="medium"))
        assert wanted | {"includeThoughts": True} == _written(ask)[0]["generationConfig"]["thinkingConfig"]
    ask = Ask(spoken="responses", messages=_user(), thinking=Thinking(effort="low"))
    assert {"thinkingLevel": "low"} == _written(ask)[0]["generationConfig"]["thinkingConfig"]
    ask = Ask(spoken="other", messages=_user(), thinking=Thinking(off=True))
    assert {"thinkingBudget": 0} == _written(ask)[0]["generationConfig"]["thinkingConfig"]
    off = _read({"contents": [], "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}).thinking
    assert off is not None
    assert off.off


def test_what_cannot_be_carried_is_said() -> None:
    """Every modelled thing without a counterpart is named with its place."""
    ask = Ask(
        spoken="other",
        messages=_user(
            Text(text="a", rest={"odd": 1}),
            Media(kind="image", data="aGk=", media_type="image/png", detail="high", name="cat.png"),
            Media(kind="file", file_id="file-1"),
            Reasoning(text="t", sealed="x"),
            Refusal(text="no"),
            ToolCall(name="f", arguments="not json"),
        ),
        tools=[Tool(name="g", free=True), HostedTool(what="web_search", value={}), Tool(name="h", strict=True)],
        parallel_tools=False,
        user="u",
        pins=[Pin(what="previous_response_id", value="r")],
        output=OutputForm(kind="schema", schema={}, description="d"),
        rest={"logit_bias": {"1": 1}, "stream_options": {"include_usage": True}},
    )
    written, lost = _written(ask)

    assert {
        "messages[0].content[0].odd",
        "messages[0].content[1]",
        "messages[0].content[2]",
        "messages[0].content[3]",
        "messages[0].content[4]",
        "messages[0].content[5]",
        "tools[0]",
        "tools[1]",
        "tools[2].strict",
        "parallel_tools",
        "user",
        "previous_response_id",
        "output.description",
        "logit_bias",
    } == set(lost)
    assert {"input": "not json"} == written["contents"][0]["parts"][-1]["functionCall"]["args"]
    assert [{"functionDeclarations": [{"name": "h"}]}] == written["tools"]


def test_a_server_that_lacks_a_field_is_not_sent_it() -> None:
    """Manner's words are Gemini's; a schema is then said in Gemini's own language."""
    ask = Ask(
        spoken="other",
        messages=_user(),
        seed=1,
        tools=[Tool(name="f", parameters={"type": "object", "properties": {"a": {"type": ["string", "null"]}}})],
        output=OutputForm(kind="schema", schema={"type": "array", "items": {"type": "integer"}}),
    )
    written, lost = _written(ask, Manner(lacks=frozenset({"seed", "parametersJsonSchema", "responseJsonSchema"})))

    assert {"seed": "is refused there"} == lost
    assert {"type": "ARRAY", "items": {"type": "INTEGER"}} == written["generationConfig"]["responseSchema"]
    wanted = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}
    assert wanted == written["tools"][0]["functionDeclarations"][0]["parameters"]
    written, lost = _written(ask, Manner(schema=False))
    assert {"output.schema"} == set(lost)


def test_choices_of_tools() -> None:
    """One name that must be called is ``one``; names without must are only known beside VALIDATED."""
    for said, mode, names in (
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, "one", ["f"]),
        ({"mode": "any"}, "any", []),
        ({"mode": "VALIDATED"}, "auto", []),
        ({}, None, []),
        ({"mode": 3}, "none", []),
    ):
        choice = _read({"contents": [], "toolConfig": {"functionCallingConfig": said}}).tool_choice
        assert (mode, names) == ((None, []) if choice is None else (choice.mode, choice.names))
    ask = Ask(spoken="other", messages=_user(), tool_choice=ToolChoice(mode="auto", names=["f"]))
    assert {"mode": "VALIDATED", "allowedFunctionNames": ["f"]} == _written(ask)[0]["toolConfig"][
        "functionCallingConfig"
    ]


BAD: list[tuple[object, str]] = [
    ({}, "contents"),
    ({"contents": [3]}, "contents[0] is 3"),
    ({"contents": [{"parts": "x"}]}, 'contents[0].parts is "x"'),
    ({"contents": [{"parts": [{"text": 1}]}]}, "contents[0].parts[0].text is 1"),
    ({"contents": [{"parts": [], "role": 1}]}, "contents[0].role"),
    (
        {"contents": [{"parts": [{"functionCall": {"name": "f", "args": [1]}}]}]},
        "contents[0].parts[0].functionCall.args",
    ),
    ({"contents": [{"parts": [{"functionResponse": {"response": 1}}]}]}, "functionResponse.response is 1"),
    ({"contents": [{"parts": [{"text": "a", "inlineData": {}}]}]}, "contents[0].parts[0].inlineData"),
    ({"contents": [], "tools": 1}, "tools is 1"),
    ({"contents": [], "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name is null"),
    ({"contents": [], "toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, 'mode is "SOME"'),
    ({"contents": [], "generationConfig": {"maxOutputTokens": "many"}}, 'generationConfig.maxOutputTokens is "many"'),
    ({"contents": [], "generationConfig": {"temperature": True}}, "generationConfig.temperature is true"),
    ({"contents": [], "generationConfig": {"stopSequences": [1]}}, "generationConfig.stopSequences"),
    ({"contents": [{"parts": [{"text": {"long": "x" * 500}}]}]}, "xxx..."),
]


@pytest.mark.parametrize(("said", "told"), BAD)
def test_a_bad_field_is_named(said: object, told: str) -> None:
    """With its path, its value cut short, and what should stand there."""
    with pytest.raises(Error) as caught:
        _read(said)

    assert "invalid_field" == caught.value.code
    assert told in caught.value.text
    assert len(caught.value.text) < 300
    assert caught.value.hint


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"contents":[{"parts":[{"text":"\\ud800"}]}]}', b"[" * 9999])
def test_bad_json_is_told(body: bytes) -> None:
    """Whatever is wrong with it."""
    with pytest.raises(Error) as caught:
        CODEC.read_ask(body)

    assert "invalid_json" == caught.value.code
