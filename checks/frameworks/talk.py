"""What each framework does with a gateway as its OpenAI endpoint; run in an environment of its own, without Poise.

``python talk.py URL KEY VENDOR...`` tells of each check, and ends with 1 where one failed. The frameworks are
imported by name: the type checker's environment has none of them.
"""

from __future__ import annotations

import asyncio
import sys
import unittest
from collections.abc import Callable
from importlib import import_module
from typing import Any

from pydantic import BaseModel

Check = Callable[[str, str, str], None]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
# Mistral leaves out the type of tool calls, and bytes of the same dialect go on as they came: pydantic-ai refuses that.
REFUSED = {("pydantic_ai", "mistral")}
LOOP = asyncio.Runner()  # one for all: the frameworks' clients keep connections, which belong to a loop


class Answer(BaseModel):
    """What structured answers are made of."""

    city: str
    degrees: int


def weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


def expect(wanted: object, found: object) -> None:
    """Raises where the two differ."""
    if wanted != found:
        raise AssertionError(f"expected {wanted!r}, found {found!r}")


def langchain(url: str, key: str, model: str) -> None:
    """Whole, streamed, a tool with its result, an image, structured output."""
    messages = import_module("langchain_core.messages")
    tools = import_module("langchain_core.tools")
    chat: Any = import_module("langchain_openai").ChatOpenAI(
        base_url=f"{url}/v1", api_key=key, model=model, max_retries=0, stream_usage=True
    )
    expect("You said: hello", chat.invoke("hello").content)
    expect("You said: hello", "".join(chunk.content for chunk in chat.stream("hello")))
    expect("You said: hello", LOOP.run(chat.ainvoke("hello")).content)
    bound = chat.bind_tools([tools.tool(weather)])
    history: list[Any] = [messages.HumanMessage("call weather")]
    called = bound.invoke(history)
    expect(["weather"], [call["name"] for call in called.tool_calls])
    history += [called, messages.ToolMessage("21 degrees", tool_call_id=called.tool_calls[0]["id"])]
    expect("The tool said: 21 degrees", bound.invoke(history).content)
    streamed = None
    for chunk in bound.stream("call weather"):
        streamed = chunk if streamed is None else streamed + chunk
    assert streamed is not None
    expect(["weather"], [call["name"] for call in streamed.tool_calls])
    shown = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    seen = chat.invoke([messages.HumanMessage([{"type": "text", "text": "look"}, shown])])
    expect("You said: look I see 1 image: image/png.", seen.content)
    expect(Answer, type(chat.with_structured_output(Answer, method="json_schema").invoke("tell")))


def llama_index(url: str, key: str, model: str) -> None:
    """Whole, streamed, and a tool."""
    like: Any = import_module("llama_index.llms.openai_like").OpenAILike
    core = import_module("llama_index.core.llms")
    tools = import_module("llama_index.core.tools")
    llm = like(
        api_base=f"{url}/v1",
        api_key=key,
        model=model,
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
    )
    turn = [core.ChatMessage(role="user", content="hello")]
    expect("You said: hello", llm.chat(turn).message.content)
    expect("You said: hello", "".join(chunk.delta or "" for chunk in llm.stream_chat(turn)))
    expect("You said: hello", LOOP.run(llm.achat(turn)).message.content)
    function = tools.FunctionTool.from_defaults(weather)
    called = llm.chat_with_tools([function], user_msg="call weather")
    found = llm.get_tool_calls_from_response(called)
    expect(["weather"], [call.tool_name for call in found])
    result = core.ChatMessage(role="tool", content="21 degrees", additional_kwargs={"tool_call_id": found[0].tool_id})
    history = [core.ChatMessage(role="user", content="call weather"), called.message, result]
    expect("The tool said: 21 degrees", llm.chat_with_tools([function], chat_history=history).message.content)


def pydantic_ai(url: str, key: str, model: str) -> None:
    """An agent: its loop of tools, its stream, its structured output, its history."""
    agents: Any = import_module("pydantic_ai")
    models = import_module("pydantic_ai.models.openai")
    providers = import_module("pydantic_ai.providers.openai")
    chat = models.OpenAIChatModel(model, provider=providers.OpenAIProvider(base_url=f"{url}/v1", api_key=key))
    agent = agents.Agent(chat, system_prompt="Be brief.", tools=[weather])
    first = agent.run_sync("hello")
    expect("You said: hello", first.output)
    expect("You said: and now", agent.run_sync("and now", message_history=first.all_messages()).output)
    said = str(agent.run_sync("call weather").output)
    expect("The tool said: 21 degrees in ", said[:29])

    async def stream() -> str:
        async with agent.run_stream("call weather") as result:
            return str(await result.get_output())

    expect("The tool said: 21 degrees in ", LOOP.run(stream())[:29])
    expect(Answer, type(agents.Agent(chat, output_type=Answer).run_sync("tell").output))


CHECKS: dict[str, Check] = {"langchain": langchain, "llama_index": llama_index, "pydantic_ai": pydantic_ai}


class Talk(unittest.TestCase):
    """One framework at one vendor."""

    def __init__(self, name: str, vendor: str, url: str, key: str) -> None:
        super().__init__("talk")
        self._name, self._vendor, self._url, self._key = name, vendor, url, key

    def __str__(self) -> str:
        return f"{self._name} at {self._vendor}"

    def talk(self) -> None:
        CHECKS[self._name](self._url, self._key, f"at-{self._vendor}")


def main(url: str, key: str, vendors: list[str]) -> int:
    """Every framework at every vendor."""
    pairs = [(name, vendor) for name in CHECKS for vendor in vendors if (name, vendor) not in REFUSED]
    suite = unittest.TestSuite(Talk(name, vendor, url, key) for name, vendor in pairs)
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
