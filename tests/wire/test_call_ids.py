"""Which result belongs to which call, where the ids are not all said."""

from __future__ import annotations

import time

from poise.wire.conversation.call_ids import CallIds
from poise.wire.conversation.part import ToolCall, ToolResult


def test_results_without_an_id_are_of_the_first_call_of_their_name_else_of_the_first() -> None:
    ids = CallIds()
    for id, name in (("1", "f"), ("2", "g"), ("3", "f"), ("4", "h")):
        ids.of_call(ToolCall(id=id, name=name, arguments=""))

    assert "2" == ids.of_result(ToolResult(call_id="2", name="g", parts=[]))
    assert ["1", "3", "4"] == [ids.of_result(ToolResult(call_id="", name="f", parts=[])) for _ in range(3)]
    assert "call_poise_4" == ids.of_result(ToolResult(call_id="", name="f", parts=[]))


def test_many_calls_are_answered_in_time_that_grows_with_their_number_only() -> None:
    ids = CallIds()
    before = time.process_time()
    for n in range(40_000):
        ids.of_call(ToolCall(id=str(n), name="f", arguments=""))

    assert "7" == ids.of_result(ToolResult(call_id="7", name="f", parts=[]))
    for n in reversed(range(8, 40_000)):
        ids.of_result(ToolResult(call_id=str(n), name="f", parts=[]))
    assert time.process_time() - before < 2
