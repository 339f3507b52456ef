"""The ``openai`` SDK: chat completions and responses."""

from __future__ import annotations

from typing import Any

import openai

from tests.sdk.by_chunk import by_chunk, gathered
from tests.sdk.speaking import Called, Own, Said, Speaker, Wish, decoded, extra

# Streams that the SDK's collecting helper cannot read, with Poise or without: they are read chunk by chunk instead.
BY_CHUNK = {
    "openrouter": "role stands on every delta, and the helper joins them",
    "perplexity": "the last chunk calls itself chat.completion.done, and the helper passes it over",
    "mistral": "with thought, pieces of content are texts and lists by turns",
}
_NOT_FINISHED = (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError)
_CHAT_ENDS = {"stop": "stop", "length": "length", "tool_calls": "tools", "content_filter": "refused"}


class Chat(Speaker):
    """``client.chat.completions``"""

    def _user(self, words: str, image: str) -> Own:
        if not image:
            return {"role": "user", "content": words}
        url = {"url": f"data:image/png;base64,{image}"}
        return {
            "role": "user",
            "content": [{"type": "text", "text": words}, {"type": "image_url", "image_url": url}],
        }

    def _results(self, results: list[tuple[Called, str]]) -> list[Any]:
        return [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in results]

    def _fields(self, wish: Wish) -> dict[str, Any]:
        system = [{"role": "system", "content": wish.system}] if wish.system else []
        fields: dict[str, Any] = {"model": self.model, "messages": [*system, *self.history], **extra(wish)}
        if wish.tools:
            fields["tools"] = [
                {"type": "function", "function": {"name": one.name, "parameters": one.schema, "strict": True}}
                for one in wish.tools
            ]
        if wish.shape is not None:
            fields["response_format"] = wish.shape
        if wish.thinks:
            fields["reasoning_effort"] = "low"
        if wish.limit:
            fields["max_completion_tokens"] = wish.limit
        return fields

    def _whole(self, fields: dict[str, Any], wish: Wish) -> Own:
        completions: Any = self.clients.openai.chat.completions
        return completions.parse(**fields) if wish.shape else completions.create(**fields)

    def _stream(self, fields: dict[str, Any], wish: Wish) -> Own:
        completions: Any = self.clients.openai.chat.completions
        if self._by_chunk(wish):
            return gathered(list(completions.create(**by_chunk(fields, wish))), wish)
        with completions.stream(**fields, stream_options={"include_usage": True}) as stream:
            try:
                for _ in stream:
                    pass
                return stream.get_final_completion()
            except _NOT_FINISHED as error:  # raised at the finish: the usage that follows is not read
                return error.completion

    async def _whole_async(self, fields: dict[str, Any], wish: Wish) -> Own:
        completions: Any = self.clients.async_openai.chat.completions
        return await (completions.parse(**fields) if wish.shape else completions.create(**fields))

    async def _stream_async(self, fields: dict[str, Any], wish: Wish) -> Own:
        completions: Any = self.clients.async_openai.chat.completions
        if self._by_chunk(wish):
            return gathered([chunk async for chunk in await completions.create(**by_chunk(fields, wish))], wish)
        async with completions.stream(**fields, stream_options={"include_usage": True}) as stream:
            try:
                async for _ in stream:
                    pass
                return await stream.get_final_completion()
            except _NOT_FINISHED as error:
                return error.completion

    def _by_chunk(self, wish: Wish) -> bool:
        vendor = self.model.removeprefix("at-")
        return vendor in BY_CHUNK and (vendor != "mistral" or wish.thinks)

    def _kept(self, own: Own) -> list[Any]:
        return [own.choices[0].message]

    def _read(self, own: Own, wish: Wish) -> Said:
        choice = own.choices[0]
        message, usage = choice.message, own.usage
        details = usage.completion_tokens_details if usage is not None else None
        ending = _CHAT_ENDS[choice.finish_reason]
        text, thought = _texts(message)
        return Said(
            text,
            thought,
            message.refusal or "",
            [
                Called(call.id, call.function.name, decoded(call.function.arguments))
                for call in message.tool_calls or ()
            ],
            "refused" if message.refusal else ending,
            usage.prompt_tokens if usage is not None else 0,
            usage.completion_tokens if usage is not None else 0,
            (details.reasoning_tokens or 0) if details is not None else 0,
            getattr(message, "parsed", None),
        )


def _texts(message: Own) -> tuple[str, str]:
    """Text and thought; Mistral has both in a list of content, others thought in a field of one of two names."""
    if not isinstance(message.content, list):
        thought = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
        return message.content or "", thought or ""
    text = "".join(part["text"] for part in message.content if part["type"] == "text")
    thoughts = [part["thinking"] for part in message.content if part["type"] == "thinking"]
    return text, "".join(one["text"] for thought in thoughts for one in thought)


class Responses(Speaker):
    """``client.responses``"""

    def _user(self, words: str, image: str) -> Own:
        if not image:
            return {"role": "user", "content": words}
        shown = {"type": "input_image", "image_url": f"data:image/png;base64,{image}", "detail": "auto"}
        return {"role": "user", "content": [{"type": "input_text", "text": words}, shown]}

    def _results(self, results: list[tuple[Called, str]]) -> list[Any]:
        return [{"type": "function_call_output", "call_id": call.id, "output": text} for call, text in results]

    def _fields(self, wish: Wish) -> dict[str, Any]:
        fields: dict[str, Any] = {"model": self.model, "input": self.history, "store": False, **extra(wish)}
        if wish.system:
            fields["instructions"] = wish.system
        if wish.tools:
            fields["tools"] = [
                {"type": "function", "name": one.name, "parameters": one.schema, "strict": True} for one in wish.tools
            ]
        if wish.shape is not None:
            fields["text_format"] = wish.shape
        if wish.thinks:
            fields |= {
                "reasoning": {"effort": "low", "summary": "auto"},
                "include": ["reasoning.encrypted_content"],
            }
        if wish.limit:
            fields["max_output_tokens"] = wish.limit
        return fields

    def _whole(self, fields: dict[str, Any], wish: Wish) -> Own:
        responses: Any = self.clients.openai.responses
        return responses.parse(**fields) if wish.shape else responses.create(**fields)

    def _stream(self, fields: dict[str, Any], wish: Wish) -> Own:
        responses: Any = self.clients.openai.responses
        with responses.stream(**fields) as stream:
            last = None
            for event in stream:
                last = event
            assert last is not None
            # the helper knows an answer only as completed
            return last.response if last.type == "response.incomplete" else stream.get_final_response()

    async def _whole_async(self, fields: dict[str, Any], wish: Wish) -> Own:
        responses: Any = self.clients.async_openai.responses
        return await (responses.parse(**fields) if wish.shape else responses.create(**fields))

    async def _stream_async(self, fields: dict[str, Any], wish: Wish) -> Own:
        responses: Any = self.clients.async_openai.responses
        async with responses.stream(**fields) as stream:
            last = None
            async for event in stream:
                last = event
            assert last is not None
            return last.response if last.type == "response.incomplete" else await stream.get_final_response()

    def _kept(self, own: Own) -> list[Any]:
        return list(own.output)

    def _read(self, own: Own, wish: Wish) -> Said:
        usage = own.usage
        said = Said(
            own.output_text,
            prompt=usage.input_tokens,
            completion=usage.output_tokens,
            reasoning=usage.output_tokens_details.reasoning_tokens if usage.output_tokens_details else 0,
            parsed=getattr(own, "output_parsed", None),
        )
        for item in own.output:
            if item.type == "reasoning":
                said.thought += "".join(one.text for one in item.summary)
                said.thought += "".join(one.text for one in item.content or ())
            elif item.type == "function_call":
                said.calls.append(Called(item.call_id, item.name, decoded(item.arguments)))
            elif item.type == "message":
                said.refusal += "".join(part.refusal for part in item.content if part.type == "refusal")
        said.ending = _status(own, said)
        return said


def _status(own: Own, said: Said) -> str:
    if own.status == "incomplete":
        return {"max_output_tokens": "length", "content_filter": "refused"}[own.incomplete_details.reason]
    assert own.status == "completed"
    return "refused" if said.refusal else "tools" if said.calls else "stop"
