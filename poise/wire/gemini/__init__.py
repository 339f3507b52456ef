"""Google's Gemini API, of AI Studio and of Vertex alike: generateContent, streamGenerateContent, countTokens."""

from __future__ import annotations

from poise.wire.gemini.codec import PASSED_THROUGH, Gemini

__all__ = ["PASSED_THROUGH", "Gemini"]
