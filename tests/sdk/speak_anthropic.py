"""The ``anthropic`` SDK: messages."""

from __future__ import annotations

from typing import Any

from tests.sdk.speaking import Called, Own, Said, Speaker, Wish, extra

_ENDS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tools", "refusal": "refused"}


class Messages(Speaker):
    """``client.messages``"""

    def _user(self, words: str, image: str) -> Own:
        if not image:
            return {"role": "user", "content": words}
        source = {"type": "base64", "media_type": "image/png", "data": image}
        return {"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": words}]}

    def _results(self, results: list[tuple[Called, str]]) -> list[Any]:
        blocks = [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in results]
        return [{"role": "user", "content": blocks}]

    def _fields(self, wish: Wish) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "model": self.model,
            "messages": self.history,
            "max_tokens": wish.limit or 4000,
            **extra(wish),
        }
        if wish.system:
            fields["system"] = wish.system
        if wish.tools:
            fields["tools"] = [{"name": one.name, "input_schema": one.schema} for one in wish.tools]
        if wish.shape is not None:
            fields["output_format"] = wish.shape
        if wish.thinks:
            fields["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        return fields

    def _whole(self, fields: dict[str, Any], wish: Wish) -> Own:
        messages: Any = self.clients.anthropic.messages
        return messages.parse(**fields) if wish.shape else messages.create(**fields)

    def _stream(self, fields: dict[str, Any], wish: Wish) -> Own:
        messages: Any = self.clients.anthropic.messages
        with messages.stream(**fields) as stream:
            return stream.get_final_message()

    async def _whole_async(self, fields: dict[str, Any], wish: Wish) -> Own:
        messages: Any = self.clients.async_anthropic.messages
        return await (messages.parse(**fields) if wish.shape else messages.create(**fields))

    async def _stream_async(self, fields: dict[str, Any], wish: Wish) -> Own:
        messages: Any = self.clients.async_anthropic.messages
        async with messages.stream(**fields) as stream:
            return await stream.get_final_message()

    def _kept(self, own: Own) -> list[Any]:
        return [{"role": "assistant", "content": own.content}]

    def _read(self, own: Own, wish: Wish) -> Said:
        usage = own.usage
        said = Said(
            ending=_ENDS[own.stop_reason],
            prompt=usage.input_tokens + (usage.cache_read_input_tokens or 0),
            completion=usage.output_tokens,
            parsed=getattr(own, "parsed_output", None),
        )
        for block in own.content:
            if block.type == "text":
                said.text += block.text
            elif block.type == "thinking":
                said.thought += block.thinking
            elif block.type == "tool_use":
                said.calls.append(Called(block.id, block.name, dict(block.input)))
        if said.ending == "refused":
            said.text, said.refusal = "", said.text
        return said
