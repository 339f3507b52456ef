r"""What a dialect said beside what the model holds, so that it can be said again: ``rest``, exact by construction.

A node is read into a value; the value is written again at once; what differs from the original is its rest. Laid over
what the same value gives later, the rest restores the original, whatever stood there. Keys that begin with NUL are marks:
``\0-name`` (not said, although the writer would say it) and ``\0=name`` (which of several spellings was used). Their
value is null, so that another dialect, which notes what it cannot carry, passes over them. What says nothing to a model
or a client goes under ``part.FORMAL``. A key with a dot stands one level deeper (``function.strict``).
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from poise.errors import Error
from poise.wire.conversation.part import FORMAL, Json, Rest

Obj: TypeAlias = dict[str, Json]

NOTHING: Final[frozenset[str]] = frozenset()
_ABSENT: Final = object()  # equals no value of JSON
_GONE: Final = "\0-"
_SHOWN_CHARS: Final = 60
_encode: Final = msgspec.json.Encoder().encode


def left(said: Obj, given: Obj, *inner: str, formal: frozenset[str] = NOTHING) -> Rest:
    """What must be laid over given to get said.

    inner: keys whose objects are compared field by field; formal: keys that say nothing to other dialects.
    """
    rest: Rest = {}
    quiet: Rest = {}
    for name, value in said.items():
        have = given.get(name, _ABSENT)
        if have is value or name.startswith("\0"):
            continue
        if name in inner and type(value) is dict and type(have) is dict:
            for key, deeper in left(value, have).items():
                full = f"{_GONE}{name}.{key[2:]}" if key.startswith(_GONE) else f"{name}.{key}"
                (quiet if full in formal else rest)[full] = deeper
        elif have != value:
            (quiet if name in formal or name == FORMAL else rest)[name] = value
    for name in given:
        if name not in said:
            rest[_GONE + name] = None
    if quiet:
        rest[FORMAL] = quiet
    return rest


def lay(given: Obj, rest: Rest, *inner: str) -> Obj:
    """Lay rest over given, which is changed and returned."""
    quiet = rest.get(FORMAL)
    if type(quiet) is dict:
        _lay_all(given, quiet, inner)
    _lay_all(given, {name: value for name, value in rest.items() if name != FORMAL}, inner)
    return given


def _lay_all(given: Obj, rest: Rest, inner: tuple[str, ...]) -> None:
    for name, value in rest.items():
        gone = name.startswith(_GONE)
        if not gone and name.startswith("\0"):
            continue
        key = name[2:] if gone else name
        target = given
        if inner and "." in key:
            outer, _, deeper = key.partition(".")
            below = given.get(outer)
            if outer in inner and type(below) is dict:
                target, key = below, deeper
        if gone:
            target.pop(key, None)
        else:
            target[key] = value


def spelled(rest: Rest, *names: str) -> str:
    """The first of names that is marked as the spelling used; '' where none is."""
    for name in names:
        if "\0=" + name in rest:
            return name
    return ""


def spelling(name: str) -> Rest:
    """The mark for a spelling."""
    return {"\0=" + name: None}


def text_of(value: Json) -> str:
    """A string, or '' for anything else."""
    return value if type(value) is str else ""


def count_of(value: Json) -> int:
    """A whole number that is not negative, or 0 for anything else."""
    return value if type(value) is int and value > 0 else 0


def object_of(value: Json) -> Obj:
    """An object, or an empty one for anything else."""
    return value if type(value) is dict else {}


def bad(where: str, value: object, wanted: str) -> Error:
    """The error for a field that cannot be read: where it stands, what it is, what it should be."""
    try:
        shown = _encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        shown = type(value).__name__
    if len(shown) > _SHOWN_CHARS:
        shown = shown[:_SHOWN_CHARS] + "..."
    return Error("invalid_field", f"{where} is {shown}", hint=f"send {wanted}")
