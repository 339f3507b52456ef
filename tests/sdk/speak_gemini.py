"""The ``google-genai`` SDK: generate_content and its stream."""

from __future__ import annotations

import base64
from typing import Any

from google.genai import types

from tests.sdk.speaking import Called, Own, Said, Speaker, Wish

_ENDS = {"STOP": "stop", "MAX_TOKENS": "length"}


class GenerateContent(Speaker):
    """``client.models`` and ``client.aio.models``; an answer is the list of what came, one where it is whole."""

    def _user(self, words: str, image: str) -> Own:
        parts = [types.Part.from_text(text=words)]
        if image:
            parts.append(types.Part.from_bytes(data=base64.b64decode(image), mime_type="image/png"))
        return types.Content(role="user", parts=parts)

    def _results(self, results: list[tuple[Called, str]]) -> list[Any]:
        parts = [
            types.Part(
                function_response=types.FunctionResponse(id=call.id or None, name=call.name, response={"result": text})
            )
            for call, text in results
        ]
        return [types.Content(role="user", parts=parts)]

    def _fields(self, wish: Wish) -> dict[str, Any]:
        declared = [types.FunctionDeclaration(name=one.name, parameters_json_schema=one.schema) for one in wish.tools]
        config = types.GenerateContentConfig(
            system_instruction=wish.system or None,
            tools=[types.Tool(function_declarations=declared)] if declared else None,
            max_output_tokens=wish.limit or None,
            response_mime_type="application/json" if wish.shape else None,
            response_schema=wish.shape,
            thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=1024) if wish.thinks else None,
            http_options=types.HttpOptions(headers={"x-poise-deadline": wish.deadline}) if wish.deadline else None,
        )
        return {"model": self.model, "contents": list(self.history), "config": config}

    def _whole(self, fields: dict[str, Any], wish: Wish) -> Own:
        return [self.clients.gemini.models.generate_content(**fields)]

    def _stream(self, fields: dict[str, Any], wish: Wish) -> Own:
        return list(self.clients.gemini.models.generate_content_stream(**fields))

    async def _whole_async(self, fields: dict[str, Any], wish: Wish) -> Own:
        return [await self.clients.gemini.aio.models.generate_content(**fields)]

    async def _stream_async(self, fields: dict[str, Any], wish: Wish) -> Own:
        stream = await self.clients.gemini.aio.models.generate_content_stream(**fields)
        return [chunk async for chunk in stream]

    def _kept(self, own: Own) -> list[Any]:
        parts = _parts(own)
        return [types.Content(role="model", parts=parts)] if parts else []

    def _read(self, own: Own, wish: Wish) -> Said:
        said = Said()
        for part in _parts(own):
            if part.function_call is not None:
                called = part.function_call
                said.calls.append(Called(called.id or "", called.name or "", dict(called.args or {})))
            elif part.thought:
                said.thought += part.text or ""
            else:
                said.text += part.text or ""
        usage = own[-1].usage_metadata
        said.prompt = usage.prompt_token_count or 0
        said.reasoning = usage.thoughts_token_count or 0
        said.completion = (usage.candidates_token_count or 0) + said.reasoning
        word = _word(own)
        said.ending = _ENDS.get(word, "refused")
        if said.ending == "stop" and said.calls:
            said.ending = "tools"
        if said.ending == "refused":
            said.text, said.refusal = "", said.text
        if wish.shape is not None:
            said.parsed = own[0].parsed if len(own) == 1 else wish.shape.model_validate_json(said.text)
        return said


def _parts(own: Own) -> list[types.Part]:
    contents = [chunk.candidates[0].content for chunk in own if chunk.candidates]
    return [part for content in contents if content is not None for part in content.parts or ()]


def _word(own: Own) -> str:
    """The last reason to end that was said; an answer without one is not over."""
    words = [
        chunk.candidates[0].finish_reason.name
        for chunk in own
        if chunk.candidates and chunk.candidates[0].finish_reason
    ]
    if not words:
        assert own[-1].prompt_feedback is not None
        return "BLOCKED"
    return str(words[-1])
