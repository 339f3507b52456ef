"""A streamed answer written as events: the whole sequence that the stock client puts together, up to the final response."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.answer import Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.call_ids import calls_before
from poise.wire.conversation.event import Cite, Close, Counted, Done, End, Event, Fault, Grow, Open, Seal, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Text
from poise.wire.responses.ask_read import INSTRUCTIONS
from poise.wire.responses.ask_write import overlay, settings
from poise.wire.responses.output import Output
from poise.wire.responses.shell import MADE, NAME, Object
from poise.wire.responses.whole import ECHO, ending_lost, finish, response_object

# The codes that the stock client's type for a failed response knows; another is told in the ``error`` event only.
_CODES: Final = frozenset({"server_error", "rate_limit_exceeded", "invalid_prompt"})


class Writer:
    """Writes one answer to ask."""

    def __init__(self, ask: Ask, lost: Lost | None = None) -> None:
        self._ask = ask
        self._lost = lost if lost is not None else Lost()
        self._output = Output(self._lost, calls_before(ask))
        self._others: set[int] = set()  # further choices, for which there is no room
        self._response: Object = {}
        self._end = End(Ending.STOP)
        self._usage: Usage | None = None
        self._over = False

    def write(self, events: list[Event]) -> bytes:
        """The events, framed. Of several choices the first is written."""
        out: list[bytes] = []
        for event in events:
            if self._over:
                break
            if isinstance(event, Grow):
                if event.choice == 0:
                    self._output.grow(event.index, event.text, out)
            else:
                self._rare(event, out)
        return b"".join(out)

    def _rare(self, event: Start | Open | Cite | Seal | Close | Counted | End | Done | Fault, out: list[bytes]) -> None:
        if isinstance(event, Counted):
            self._usage = event.usage
            return
        if not self._response or isinstance(event, Start):
            self._begin(event if isinstance(event, Start) else Start(), out)
        if isinstance(event, Done):
            self._finish(out)
        elif isinstance(event, Fault):
            self._fail(event, out)
        elif not isinstance(event, Start):
            if event.choice == 0:
                self._of_part(event, out)
            elif event.choice not in self._others:
                self._others.add(event.choice)
                self._lost.add(f"choices[{event.choice}]", "there is one answer only")

    def _of_part(self, event: Open | Cite | Seal | Close | End, out: list[bytes]) -> None:
        if isinstance(event, Open):
            self._output.open(event, out)
        elif isinstance(event, Close):
            self._output.close(event.index, out)
        elif isinstance(event, Cite):
            self._output.cite(event, out)
        elif isinstance(event, Seal):
            self._output.seal(event)
        else:
            self._end = event
            self._output.settle(out)

    def _begin(self, start: Start, out: list[bytes]) -> None:
        self._output.own = self._output.own or start.spoken == NAME
        if self._response:  # the id was sent and stands: the stock client refuses another
            self._response["model"] = self._response["model"] or start.model
            self._response["created_at"] = self._response["created_at"] or start.created
            return
        id = self._output.answer = start.id or f"resp_{MADE}"
        self._response = response_object(id, start.model, start.created, _echo(self._ask))
        for kind in ("response.created", "response.in_progress"):
            self._output.send(kind, {"response": self._response}, out)

    def _finish(self, out: list[bytes]) -> None:
        self._output.settle(out)
        self._over = True
        if not self._output.own:
            ending_lost(self._end.ending, self._lost, refused=self._output.refused)
            self._lost.rest("choices[0]", self._end.rest)
            self._lost.rest("usage", {} if self._usage is None else self._usage.rest)
        response = self._response
        response["output"] = [item.body for item in self._output.items]
        status = finish(response, self._end.ending, self._usage, refused=self._output.refused)
        if status == "in_progress":
            response["status"] = "incomplete"  # nothing goes on behind the end of a stream
        kind = status if status in ("completed", "failed") else "incomplete"
        self._output.send(f"response.{kind}", {"response": response}, out)

    def _fail(self, fault: Fault, out: list[bytes]) -> None:
        self._over = True
        code = fault.code if fault.code in _CODES else "server_error"
        self._output.send("error", {"code": fault.code or code, "message": fault.text, "param": None}, out)
        response = self._response
        response["output"] = [item.body for item in self._output.items if item.done]
        response["status"] = "failed"
        response["error"] = {"code": code, "message": fault.text}
        self._output.send("response.failed", {"response": response}, out)


def _echo(ask: Ask) -> Object:
    """What an answer repeats of its request."""
    if ask.spoken != NAME:
        return {}
    said = settings(ask, Lost(), own=True)
    overlay(said, ask)
    first = ask.messages[0] if ask.messages else None
    if first is not None and first.form == INSTRUCTIONS and isinstance(first.parts[0], Text):
        said["instructions"] = first.parts[0].text
    conversation = said.get("conversation")
    if isinstance(conversation, str):
        said["conversation"] = {"id": conversation}
    return {name: value for name, value in said.items() if name in ECHO and value is not None}
