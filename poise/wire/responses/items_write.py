"""Parts written as items: of an ask's input, or of an answer's output."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.call_ids import CallIds
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import (
    Json,
    Kept,
    Media,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from poise.wire.responses.content import KEPT_CONTENT, write_media, write_refusal, write_text
from poise.wire.responses.items_read import SIGNED
from poise.wire.responses.shell import MADE, Object, seen, shell_of

_CONTENT: Final = (Text, Refusal)
_IMAGE_FORMATS: Final = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpeg"}


class ItemWriter:
    """Writes the items of one ask or answer. own: the parts were read from this dialect, and are written as they were.

    answer: the id of the answer whose output is written (items then have ids and states of their own); '' for an input.
    thoughts: whether another dialect's thoughts are sent; files: whether its ids of files are. calls: how many came before
    in the conversation.
    """

    def __init__(
        self, lost: Lost, *, own: bool, answer: str = "", thoughts: bool = True, files: bool = True, calls: int = 0
    ) -> None:
        self.items: list[Json] = []
        self._lost = lost
        self._own = own
        self._answer = answer
        self._thoughts = thoughts
        self._files = files
        self._open: Object | None = None  # the last item, where the next part may still join it
        self._shelled = False  # it is written from its shell: parts without one belong to it
        self._ids = CallIds(count=calls)

    def parts(self, role: Role, parts: list[Part], where: str) -> None:
        """All parts of one message."""
        self._open = None
        for number, part in enumerate(parts):
            self._part(role, part, f"{where}.content[{number}]")
        self._open = None

    def _part(self, role: Role, part: Part, where: str) -> None:
        if isinstance(part, Kept):
            self._kept(role, part, where)
        elif isinstance(part, _CONTENT) or (isinstance(part, Media) and role != "assistant"):
            self._content(role, part, where)
        elif isinstance(part, Reasoning):
            self._reasoning(part, where)
        elif isinstance(part, ToolCall):
            self._call(part, where)
        elif isinstance(part, ToolResult):
            self._result(part, where)
        elif isinstance(part, Media):
            self._image(part, where)

    def _shell(self, part: Text | Refusal | Media | Reasoning | ToolCall | ToolResult) -> Object | None:
        return shell_of(part.rest, "item") if self._own else None

    def _add(self, item: Object, *, joins: bool = False, shelled: bool = False) -> Object:
        self.items.append(item)
        self._open = item if joins else None
        self._shelled = shelled
        return item

    def _content(self, role: Role, part: Text | Refusal | Media, where: str) -> None:
        shell = self._shell(part)
        item = self._open
        if shell is not None and isinstance(shell.get("content"), str) and isinstance(part, Text):
            self._add({**shell, "content": part.text})
            return
        piece = self._piece(role, part, where)
        if piece is None:
            return
        if shell is not None or item is None or "content" not in item or item.get("type") == "reasoning":
            item = self._add(self._message(role) if shell is None else {**shell, "content": None}, joins=True)
        said = item.get("content")
        if isinstance(said, list):
            said.append(piece)
        elif isinstance(said, str):  # a text alone is a bare string; it is one no more
            item["content"] = [{"type": _kind(role), "text": said}, piece]
        elif shell is None and not self._answer and len(piece) == 2 and "text" in piece:
            item["content"] = piece["text"]
        else:
            item["content"] = [piece]

    def _piece(self, role: Role, part: Text | Refusal | Media, where: str) -> Object | None:
        if isinstance(part, Text):
            return write_text(part, _kind(role), where, self._lost, own=self._own, whole=bool(self._answer))
        if isinstance(part, Refusal):
            return write_refusal(part, where, self._lost, own=self._own)
        if part.file_id and not self._files:
            self._lost.add(where, f"the file {part.file_id[:64]} lives at another provider")
            return None
        return write_media(part, where, self._lost, own=self._own)

    def _message(self, role: Role) -> Object:
        if self._answer:
            return {"type": "message", "id": self._id("msg"), "status": "completed", "role": "assistant", "content": []}
        return {"role": "user" if role == "tool" else role, "content": None}

    def _reasoning(self, part: Reasoning, where: str) -> None:
        if not self._own:
            self._lost.rest(where, part.rest)
            if part.signature and (part.sealed or not self._answer):
                self._lost.add(where, "the signature of a thought means something to its own provider only")
            if not self._answer and not self._sendable(part, where):
                return
        shell = self._shell(part)
        item = self._open
        if shell is not None:
            item = self._add({**shell, **_pieces_of(shell)}, joins=True, shelled=True)
        elif item is None or not self._same_thought(item, part):
            item = self._add({"type": "reasoning", "summary": []}, joins=True)
            if part.id and (self._own or part.id.startswith("rs_")):
                item["id"] = part.id
            elif self._answer:
                item["id"] = self._id("rs")
        if part.text:
            field, kind = ("summary", "summary_text") if part.summary else ("content", "reasoning_text")
            pieces = item.get(field)
            if not isinstance(pieces, list):
                pieces = item[field] = []
            pieces.append({"type": kind, "text": part.text})
        if part.sealed:
            item["encrypted_content"] = part.sealed
        elif part.signature and (self._own or self._answer):
            item["encrypted_content"] = SIGNED + part.signature

    def _same_thought(self, item: Object, part: Reasoning) -> bool:
        if item.get("type") != "reasoning" or (part.summary and item.get("content")):
            return False
        return self._shelled or bool(part.id and item.get("id") == part.id)

    def _sendable(self, part: Reasoning, where: str) -> bool:
        """Whether another dialect's thought can be sent to a model; where the server takes none, that is noted."""
        if part.text and not self._thoughts:
            self._lost.add(where, "thoughts are not taken there")
            return False
        return bool(part.text or part.sealed)

    def _call(self, call: ToolCall, where: str) -> None:
        shell = self._shell(call)
        kind, field = ("custom_tool_call", "input") if call.free else ("function_call", "arguments")
        id = call.id if self._own else self._ids.of_call(call)
        item: Object = {"type": kind}
        if self._answer:
            item.update({"id": self._id("ctc" if call.free else "fc"), "status": "completed"})
        if shell is not None:
            item = dict(shell)
        item.update({"call_id": id, "name": call.name, field: call.arguments})
        if call.signature:
            if self._own or self._answer:
                item["extra_content"] = {"google": {"thought_signature": call.signature}}
            else:
                self._lost.add(where, "the signature of a call means something to its own provider only")
        self._rest(item, call, where)
        self._add(item)

    def _result(self, result: ToolResult, where: str) -> None:
        shell = self._shell(result)
        item: Object = {"type": "custom_tool_call_output" if result.free else "function_call_output"}
        if shell is not None:
            item = dict(shell)
        item["call_id"] = result.call_id if self._own else self._ids.of_result(result)
        bare = shell is None or isinstance(shell.get("output"), str)
        first = result.parts[0] if len(result.parts) == 1 else None
        if bare and isinstance(first, Text) and not first.citations and not (shell is None and self._said(first)):
            item["output"] = first.text
        elif bare and not result.parts:
            item["output"] = ""
        else:
            item["output"] = self._pieces(result.parts, where)
        if result.failed:
            self._lost.add(where, "that the tool failed has no counterpart there; its words are sent")
        self._rest(item, result, where)
        self._add(item)

    def _said(self, text: Text) -> bool:
        return self._own and bool(text.rest)

    def _pieces(self, parts: list[Part], where: str) -> list[Json]:
        out: list[Json] = []
        for number, part in enumerate(parts):
            at = f"{where}.content[{number}]"
            if isinstance(part, Text | Refusal | Media):
                piece = self._piece("tool", part, at)
                if piece is not None:
                    out.append(piece)
            elif isinstance(part, Kept) and self._own:
                out.append(part.value)
            else:
                self._lost.add(at, "a part of this kind has no place in a tool's result there")
        return out

    def _image(self, media: Media, where: str) -> None:
        shell = self._shell(media)
        if not media.data or media.kind != "image" or not (self._answer or self._own):
            self._lost.add(where, f"{media.kind} by the model has no counterpart there")
            return
        item: Object = {"type": "image_generation_call", "id": self._id("ig"), "status": "completed"}
        if shell is not None:
            item = dict(shell)
        elif media.media_type in _IMAGE_FORMATS:
            item["output_format"] = _IMAGE_FORMATS[media.media_type]
        item["result"] = media.data
        self._rest(item, media, where)
        self._add(item)

    def _kept(self, role: Role, kept: Kept, where: str) -> None:
        if not self._own:
            self._lost.add(where, f"{kept.what} is known to its own dialect only")
            return
        if not kept.what.startswith(KEPT_CONTENT):
            self.items.append(kept.value)
            self._open = None
            return
        item = self._open
        if item is None or "content" not in item:
            item = self._add(self._message(role), joins=True)
        said = item.get("content")
        if not isinstance(said, list):
            said = item["content"] = []
        said.append(kept.value)

    def _rest(self, item: Object, part: ToolCall | ToolResult | Media, where: str) -> None:
        if self._own:
            item.update(seen(part.rest))
        else:
            self._lost.rest(where, part.rest)

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{MADE}_{len(self.items)}_{self._answer}"


def _pieces_of(shell: Object) -> Object:
    """Lists for the pieces of a thought, of its own: the shell's stay as they are."""
    return {name: [] for name in ("summary", "content") if isinstance(shell.get(name), list)}


def _kind(role: Role) -> str:
    return "output_text" if role == "assistant" else "input_text"
