"""A request that cannot be read says which field, what it holds, and what to send."""

from __future__ import annotations

import json

import pytest

from poise.errors import Error
from poise.wire.openai.codec import OpenAIChat


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (b"", "invalid_json", "not JSON"),
        (b'{"a":', "invalid_json", "not JSON"),
        (b"[]", "invalid_json", "no object"),
        (b'{"a":"\xff"}', "invalid_json", "not JSON"),
        (b'{"a":"\\ud800"}', "invalid_json", "not JSON"),
        (b'{"a":' * 5000, "invalid_json", "too deep"),
        ({}, "invalid_field", "messages is null"),
        ({"messages": "x"}, "invalid_field", 'messages is "x"'),
        ({"messages": [5]}, "invalid_field", "messages[0] is 5"),
        ({"messages": [{"content": "x"}]}, "invalid_field", "messages[0].role is null"),
        ({"messages": [{"role": "robot"}]}, "invalid_field", 'messages[0].role is "robot"'),
        ({"messages": [{"role": ["user"]}]}, "invalid_field", "messages[0].role is"),
        ({"messages": [{"role": "user", "content": 5}]}, "invalid_field", "messages[0].content is 5"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "invalid_field", 'messages[0].content[0] is "x"'),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "invalid_field",
            "messages[0].content[0].text is null",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "invalid_field", "messages[0].tool_calls is {}"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"type": "function"}]}]},
            "invalid_field",
            "messages[0].tool_calls[0].function is null",
        ),
        ({"messages": [], "tools": 5}, "invalid_field", "tools is 5"),
        ({"messages": [], "tools": [{"type": "function"}]}, "invalid_field", "tools[0].function is null"),
        ({"messages": "x" * 500}, "invalid_field", "messages is"),
    ],
)
def test_the_field_is_named(body: object, code: str, told: str) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Error) as caught:
        OpenAIChat().read_ask(raw)

    assert code == caught.value.code
    assert told in caught.value.text
    assert caught.value.hint
    assert len(caught.value.text) < 200
