"""What this dialect remembers beside the fields: marks of how a thing was said (``wire.anthropic.rest`` says how)."""

from __future__ import annotations

from typing import Final

from poise.wire.anthropic.rest import note
from poise.wire.conversation.part import Json, Rest

NAME: Final = "bedrock"

CITED: Final = "\0citationsContent"  # a text that stood in citationsContent
AS_JSON: Final = "\0json"  # a piece of a tool's result that was JSON, not text
NO_CITATIONS: Final = "\0citations=none"
NO_FORMAT: Final = "\0format=none"
SOURCE_TEXT: Final = "\0source=text"
INPUT_NONE: Final = "\0input=none"
CONTENT_NONE: Final = "\0content=none"
SCHEMA: Final = "\0schema"  # the schema's text as it was written
WHERE: Final = "\0where"  # which field said how much to think
EFFORT_ON_TOP: Final = "\0effort=outputConfig"


def leave(rest: Rest, name: str, left: dict[str, Json], said: dict[str, Json]) -> None:
    """Put back what is left of an object whose modelled fields were taken; an object that was empty is a formality."""
    if left:
        rest[name] = left
    elif not said:
        note(rest, name, {})
