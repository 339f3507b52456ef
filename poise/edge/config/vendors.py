"""Vendors by name: the wire format each speaks, where, and under which variable its key is usually found.

Addresses are those of the vendors' own documentation; ``url:`` in the file overrides them.
"""

from __future__ import annotations

from typing import NamedTuple


class Vendor(NamedTuple):
    """dialect is the wire format; url its usual address, '' where only the user knows it; variable holds its key by
    custom, '' for servers that usually need none.
    """

    dialect: str
    url: str
    variable: str = ""


VENDORS: dict[str, Vendor] = {
    # rented, and they speak OpenAI's format
    "openai": Vendor("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    "deepseek": Vendor("openai", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "xai": Vendor("openai", "https://api.x.ai/v1", "XAI_API_KEY"),
    "groq": Vendor("openai", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": Vendor("openai", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "together": Vendor("openai", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "fireworks": Vendor("openai", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "openrouter": Vendor("openai", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "cerebras": Vendor("openai", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "deepinfra": Vendor("openai", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    "sambanova": Vendor("openai", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    "nvidia": Vendor("openai", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
    "perplexity": Vendor("openai", "https://api.perplexity.ai", "PERPLEXITY_API_KEY"),
    "moonshot": Vendor("openai", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    "zai": Vendor("openai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),
    "qwen": Vendor("openai", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
    # servers that people run
    "openai-compatible": Vendor("openai", ""),
    "vllm": Vendor("openai", "http://127.0.0.1:8000/v1"),
    "sglang": Vendor("openai", "http://127.0.0.1:30000/v1"),
    "llamacpp": Vendor("openai", "http://127.0.0.1:8080/v1"),
    "ollama": Vendor("openai", "http://127.0.0.1:11434/v1"),
    "lmstudio": Vendor("openai", "http://127.0.0.1:1234/v1"),
    # other wire formats: rows of not_yet.NOT_YET
    "anthropic": Vendor("anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY"),
    "gemini": Vendor("gemini", "https://generativelanguage.googleapis.com", "GEMINI_API_KEY"),
    "vertex": Vendor("vertex", ""),
    "bedrock": Vendor("bedrock", ""),
    "azure": Vendor("azure", "", "AZURE_OPENAI_API_KEY"),
    "cohere": Vendor("cohere", "https://api.cohere.com", "COHERE_API_KEY"),
    "watsonx": Vendor("watsonx", ""),
    "open-inference": Vendor("oip", ""),
}
