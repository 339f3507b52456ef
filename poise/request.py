"""Requests: what is known of a call without reading its content, and what carries it along the path."""

from __future__ import annotations

import msgspec


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """What a decision may know of a request. No content, no secret.

    tokens is the estimated prompt size; max_output what the caller asked for at most (0: not said); modalities are
    those beside text (``image``, ``audio``, ``file``; ``image_output`` where pictures are to be made); scope has bit i
    set where the key may use candidate i of the policy; surface is the API called (``chat``, ``embeddings``,
    ``count_tokens``, ``countTokens``, ``images``, ``image_edits``, ``image_forms``, ``passthrough``; ``infer`` and
    ``metadata`` of the Open Inference Protocol).
    """

    workflow: str
    surface: str = "chat"
    tokens: int = 0
    max_output: int = 0
    modalities: tuple[str, ...] = ()
    tools: bool = False
    stream: bool = False
    json_output: bool = False
    key: str = ""
    scope: int = -1
    conversation: str = ""
    channel: str = ""
    user: str = ""
    labels: dict[str, str] = {}
    priority: str = "standard"
