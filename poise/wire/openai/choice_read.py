"""One choice of a streamed answer as it grows: which part each piece belongs to, and how the choice ended."""

from __future__ import annotations

from poise.wire.conversation.answer import Ending
from poise.wire.conversation.event import Cite, Close, End, Event, Grow, Open, Seal
from poise.wire.conversation.part import Json, Kept, Media, Reasoning, Refusal, Text
from poise.wire.openai import ending
from poise.wire.openai.calls_read import Calls
from poise.wire.openai.fields import Obj, object_of, text_of
from poise.wire.openai.parts import media_of_url
from poise.wire.openai.whole import read_citation


class GrowingChoice:
    """One choice as it grows. A change from thought to text, or the other way, closes one part and opens the next;
    calls stay open to the end, since their pieces may come in any order.
    """

    __slots__ = (
        "_calls", "_detail", "_kind", "_next", "_number", "_open", "_refused", "_said_something",
        "_summary", "_text",
        "native", "said", "stopped_by",
    )  # fmt: skip

    def __init__(self, number: int) -> None:
        self._number = number
        self._next = 0
        self._kind = ""
        self._open = -1  # the index of the open text, thought or refusal
        self._text = -1  # the last text: sources may come behind it
        self._detail: Json = 0  # which of the thoughts told by index this is
        self._summary = False
        self._refused = False
        self._said_something = False
        self._calls: Calls | None = None
        self.said = ""
        self.native = ""
        self.stopped_by = ""

    def grow(self, delta: Obj, out: list[Event]) -> None:
        """What one chunk says more."""
        content = delta.get("content")
        if len(delta) == 1 and type(content) is str:
            if content:
                self._piece("text", content, out)
            return
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        details = delta.get("reasoning_details")
        if type(details) is list:
            self._details(details, text_of(thought), out)
        elif type(thought) is str and thought:
            self._piece("thought", thought, out)
        if type(content) is str:
            if content:
                self._piece("text", content, out)
        elif type(content) is list:
            self._list(content, out)
        if delta.get("refusal"):
            self._piece("refusal", text_of(delta["refusal"]), out)
            self._refused = True
        for name in ("tool_calls", "function_call"):
            said = delta.get(name)
            if said:
                self._call(said, out)
        self._more(delta, out)

    def _piece(self, kind: str, text: str, out: list[Event]) -> None:
        if not text:
            return
        if self._kind != kind:
            self._begin(kind, out)
        out.append(Grow(self._open, text, self._number))

    def _begin(self, kind: str, out: list[Event]) -> None:
        self._close(out)
        self._said_something = True
        self._kind, self._open = kind, self._next
        self._next += 1
        if kind == "text":
            self._text = self._open
            part: Text | Reasoning | Refusal = Text(text="")
        else:
            part = Reasoning(summary=self._summary) if kind == "thought" else Refusal(text="")
        out.append(Open(self._open, part, self._number))

    def _close(self, out: list[Event]) -> None:
        if self._open >= 0:
            out.append(Close(self._open, self._number))
        self._kind, self._open = "", -1

    def _list(self, content: list[Json], out: list[Event]) -> None:
        """Mistral's content as typed parts."""
        for piece in content:
            if type(piece) is not dict:
                continue
            if piece.get("type") == "thinking":
                said = piece.get("thinking")
                texts = [text_of(one.get("text")) for one in said if type(one) is dict] if type(said) is list else []
                self._piece("thought", "".join(texts) or text_of(said), out)
            elif type(piece.get("text")) is str:
                self._piece("text", text_of(piece["text"]), out)
            else:
                self._whole(Kept(what=text_of(piece.get("type")), value=piece), out)

    def _details(self, details: list[Json], thought: str, out: list[Event]) -> None:
        """OpenRouter's form: text by its type, seals, and an index that tells one thought from the next."""
        for detail in details:
            if type(detail) is not dict:
                continue
            sealed, signature = text_of(detail.get("data")), text_of(detail.get("signature"))
            if sealed:
                self._whole(Reasoning(sealed=sealed, id=text_of(detail.get("id"))), out)
                continue
            index = detail.get("index")
            if self._kind == "thought" and index is not None and index != self._detail:
                self._close(out)
            self._detail = index if index is not None else self._detail
            self._summary = detail.get("type") == "reasoning.summary"
            piece = text_of(detail.get("text")) or text_of(detail.get("summary"))
            if thought and len(details) == 1:
                piece = thought
            if self._kind != "thought" and (piece or signature):
                self._begin("thought", out)
            self._piece("thought", piece, out)
            if signature:
                out.append(Seal(self._open, signature, "", self._number))
        if not details:
            self._piece("thought", thought, out)

    def _call(self, said: Json, out: list[Event]) -> None:
        if self._calls is None:
            self._calls = Calls(self._number)
        self._close(out)
        before = self._next
        self._next = self._calls.grow(said, self._next, out)
        self._said_something = self._said_something or self._next > before

    def _more(self, delta: Obj, out: list[Event]) -> None:
        notes, images, audio = delta.get("annotations"), delta.get("images"), delta.get("audio")
        if type(notes) is list:
            for note in notes:
                citation = read_citation(note)
                if citation is not None:
                    self._cite(Cite(self._text, citation, self._number), out)
        if type(images) is list:
            for image in images:
                url = text_of(object_of(object_of(image).get("image_url")).get("url"))
                if url:
                    self._whole(media_of_url("image", url, {}), out)
        if type(audio) is dict:
            rest = {name: value for name, value in audio.items() if name != "data"}
            self._whole(Media(kind="audio", data=text_of(audio.get("data")), rest=rest), out)

    def _whole(self, part: Media | Reasoning | Kept, out: list[Event]) -> None:
        self._close(out)
        self._said_something = True
        out.append(Open(self._next, part, self._number))
        out.append(Close(self._next, self._number))
        self._next += 1

    def _cite(self, cite: Cite, out: list[Event]) -> None:
        if self._text < 0:
            self._begin("text", out)
            cite.index = self._text
        out.append(cite)

    def cite_urls(self, urls: list[Json], out: list[Event]) -> None:
        """Perplexity's sources: a list of addresses beside the choices, the same on every chunk."""
        for url in urls:
            citation = read_citation({"url_citation": {"url": url}})
            if citation is not None and self._text >= 0:
                out.append(Cite(self._text, citation, self._number))

    def finish(self, out: list[Event]) -> None:
        """Close what is open, and say how it ended."""
        called = self._calls is not None
        if self._calls is not None:
            self._next = self._calls.finish(self._next, out)
        self._close(out)
        said = self.said
        if not said and self._said_something:
            means = Ending.TOOL_CALLS if called else Ending.STOP  # [DONE] says that it is whole
        else:
            means = ending.meaning(
                said,
                self.native,
                self.stopped_by,
                parts=self._said_something,
                refused=self._refused,
                called=called,
            )
        stopped_by = self.stopped_by if means is Ending.STOP_SEQUENCE else ""
        out.append(End(means, said, stopped_by, self._number))
