"""The kinds of scalars a configuration holds: text, numbers, quantities, names, conditions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec

from poise.edge.config import units
from poise.edge.config.node import Scalar, Value, scalar_value
from poise.edge.config.problem import Findings, did_you_mean
from poise.edge.config.spec import REFERENCE, Leaf, Schema, Wrong

MAX_TEXT = 1024  # characters of any text
MAX_WHEN = 2000  # characters of a condition
MAX_US = 365 * 86_400 * 1_000_000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,127}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_GLOB = re.compile(r"[A-Za-z0-9*?\[\]._:/+@!-]{1,192}")
_REPLICAS = re.compile(r"([0-9]{1,4})(?:\.\.([0-9]{1,4}))?")


class Replicas(msgspec.Struct, frozen=True):
    """How many copies of a hosted model, from low to high."""

    low: int
    high: int


def check_name(name: str) -> None:
    """A model's, workflow's or alias's name. Raises Wrong."""
    if not _NAME.fullmatch(name):
        raise Wrong("is not a name", "letters, digits and . _ : / + - ; it begins with a letter or digit, without @")


def check_plain_name(name: str) -> None:
    """A provider's, key's, profile's or posture's name. Raises Wrong."""
    if not _PLAIN_NAME.fullmatch(name):
        raise Wrong("is not a name", "letters, digits and . _ - ; it begins with a letter or digit, at most 64")


def text_of(node: Scalar, wanted: str, example: str) -> str:
    """A scalar's text, bounded. Raises Wrong where it is none, with wanted and example in the message."""
    value = node.value
    if isinstance(value, str) and value and len(value) <= MAX_TEXT:
        return value
    if isinstance(value, str):
        raise Wrong(f"is longer than {MAX_TEXT} characters" if value else "is empty", f"for example {example}")
    if value is None:
        raise Wrong(f"is empty, not {wanted}", f"for example {example}")
    raise Wrong(f"is not {wanted}: YAML reads it as {_word(value)}", f'put it in quotes: "{node.text}"')


def _word(value: bool | float) -> str:
    return "true or false" if isinstance(value, bool) else "a number"


def _text(node: Scalar, findings: Findings) -> object:
    return text_of(node, "text", '"text"')


def _name(node: Scalar, findings: Findings) -> object:
    name = text_of(node, "a name", "gpt-5.2")
    check_name(name)
    return name


def _plain_name(node: Scalar, findings: Findings) -> object:
    name = text_of(node, "a name", "eu")
    check_plain_name(name)
    return name


def _model(node: Scalar, findings: Findings) -> object:
    name = text_of(node, "a model", "gpt-5.2 or gpt-5.2@openai-eu")
    model, at, provider = name.partition("@")
    check_name(model)
    if at:
        check_plain_name(provider)
    return name


def _glob(node: Scalar, findings: Findings) -> object:
    glob = text_of(node, "a name or pattern", "support-*")
    if not _GLOB.fullmatch(glob):
        raise Wrong("is not a name or pattern", "letters, digits, . _ : / + - @ and the wildcards * ? [abc]")
    return glob


def _unquoted(node: Scalar) -> Value:
    """The value of a scalar that is no text: ``"${N}"`` needs its quotes within braces and may still be a number."""
    if isinstance(node.value, str) and "${" in node.text:
        return scalar_value(node.value)
    return node.value


def _bool(node: Scalar, findings: Findings) -> object:
    value = _unquoted(node)
    if not isinstance(value, bool):
        raise Wrong("is not true or false", "write true or false, without quotes")
    return value


def whole(low: int, high: int) -> Leaf:
    """A whole number from low to high."""

    def parse(node: Scalar, findings: Findings) -> object:
        value = _unquoted(node)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong("is not a whole number", f"from {low} to {high}, without quotes")
        if not low <= value <= high:
            raise Wrong(f"is not from {low} to {high}", f"choose {low if value < low else high}, or between")
        return value

    schema: Schema = {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, REFERENCE]}
    return Leaf("whole number", str(low), parse, schema)


def number(low: float, high: float) -> Leaf:
    """A number from low to high."""

    def parse(node: Scalar, findings: Findings) -> object:
        value = _unquoted(node)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Wrong("is not a number", f"from {low:g} to {high:g}, without quotes")
        if not low <= value <= high:
            raise Wrong(f"is not from {low:g} to {high:g}", f"choose {low if value < low else high:g}, or between")
        return float(value)

    schema: Schema = {"anyOf": [{"type": "number", "minimum": low, "maximum": high}, REFERENCE]}
    return Leaf("number", f"{low:g}", parse, schema)


def duration(low_us: int = 1_000, high_us: int = MAX_US) -> Leaf:
    """A duration as microseconds."""

    def parse(node: Scalar, findings: Findings) -> object:
        value = units.duration_us(node.value) if isinstance(node.value, str) else None
        if value is None:
            raise Wrong("is not a duration", f"a number and a unit: us ms s m h d{_unit_hint(node, 's')}")
        return _between(value, low_us, high_us, units.show_us)

    return Leaf("duration", "30s", parse, pattern(r"^[0-9]+(\.[0-9]+)?\s?(us|ms|s|m|h|d)$")).shown_by(units.show_us)


def size(low: int = 1, high: int = 1 << 50) -> Leaf:
    """A size as bytes."""

    def parse(node: Scalar, findings: Findings) -> object:
        value = units.size_bytes(node.value) if isinstance(node.value, str) else None
        if value is None:
            raise Wrong("is not a size", f"a number and a unit: B KiB MiB GiB TiB{_unit_hint(node, 'MiB')}")
        return _between(value, low, high, units.show_bytes)

    return Leaf("size", "4MiB", parse, pattern(r"^[0-9]+(\.[0-9]+)?\s?(B|[KMGT]iB|k?B|[KMGT]B)$")).shown_by(
        units.show_bytes
    )


def _unit_hint(node: Scalar, unit: str) -> str:
    bare = isinstance(node.value, int) and not isinstance(node.value, bool)
    return f"; perhaps {node.value}{unit}" if bare else ""


def _between(value: int, low: int, high: int, show: Callable[[int], str]) -> int:
    if not low <= value <= high:
        raise Wrong(
            f"is not from {show(low)} to {show(high)}", f"choose {show(low if value < low else high)}, or between"
        )
    return value


def _percent(node: Scalar, findings: Findings) -> object:
    value = units.percent_e6(node.value) if isinstance(node.value, str) else None
    if value is None:
        raise Wrong("is not a percentage", "a number and %, as 99.9%")
    return _between(value, 0, 1_000_000, units.show_e6)


def money(high: float) -> Leaf:
    """An amount of USD."""

    def parse(node: Scalar, findings: Findings) -> object:
        value = node.value
        if isinstance(value, str):
            value = units.money_usd(value)
        if value is None or isinstance(value, bool):
            raise Wrong("is not an amount of USD", "a number, as 0.05")
        if not 0 <= value <= high:
            raise Wrong(f"is not from 0 to {high:g} USD", "amounts are in USD; prices per million tokens")
        return float(value)

    either: list[object] = [{"type": "number", "minimum": 0, "maximum": high}]
    either.append({"type": "string", "pattern": r"^\$?\s?[0-9]+(\.[0-9]+)?(\s?USD)?$|\$\{"})
    return Leaf("amount of USD", "0.05", parse, {"anyOf": either})


def choice(values: Iterable[str], what: str) -> Leaf:
    """One of a closed list of words; what names it with its article: ``a vendor``."""
    known = tuple(values)

    def parse(node: Scalar, findings: Findings) -> object:
        word = text_of(node, what, known[0])
        if word not in known:
            raise Wrong(f"is not {what} that is known", did_you_mean(word, known))
        return word

    return Leaf(what.removeprefix("a "), known[0], parse, {"anyOf": [{"enum": list(known)}, REFERENCE]})


def _when(node: Scalar, findings: Findings) -> object:
    from poise.rules.prepare import compile_when  # loads CEL; most files have no condition

    return _compiled(node, compile_when)


def _posture_when(node: Scalar, findings: Findings) -> object:
    import cel

    return _compiled(node, cel.compile)


def _compiled(node: Scalar, compile_it: Callable[[str], object]) -> str:
    value = node.text if isinstance(node.value, bool) else node.value
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_WHEN:
        raise Wrong(f"is not a condition of 1 to {MAX_WHEN} characters", "for example facts.tokens < 8000")
    text = value.lower() if isinstance(node.value, bool) else value
    try:
        compile_it(text)
    except ValueError as error:
        said = str(error)
        if "names " in said:
            raise Wrong(f"names {said.rpartition('names ')[2].partition(';')[0]}", said.rpartition("; ")[2]) from None
        raise Wrong(f"is not CEL: {_cel_reason(said)}", "for example facts.tokens < 8000") from None
    return text


def _cel_reason(said: str) -> str:
    match = re.search(r"ERROR: <input>:([0-9]+):([0-9]+): ([^\n{]*)", said)
    return f"at character {match[2]}: {match[3].strip()}" if match else said.splitlines()[0][:120]


def _replicas(node: Scalar, findings: Findings) -> object:
    match = _REPLICAS.fullmatch(node.text)
    if match is None or int(match[2] or match[1]) < int(match[1]):
        raise Wrong("is not a number of replicas", "as 2, or 0..4")
    return Replicas(int(match[1]), int(match[2] or match[1]))


def pattern(regex: str) -> Schema:
    """A text as JSON Schema: of this form, or with a reference to the environment in it."""
    return {"type": "string", "pattern": rf"({regex})|\$\{{"}


STRING: Schema = {"type": "string", "minLength": 1}

TEXT = Leaf("text", '"text"', _text, STRING | {"maxLength": MAX_TEXT})
NAME = Leaf("name", "gpt-5.2", _name, pattern(rf"^{_NAME.pattern}$"))
PLAIN_NAME = Leaf("name", "eu", _plain_name, pattern(rf"^{_PLAIN_NAME.pattern}$"))
MODEL = Leaf("model", "gpt-5.2 or gpt-5.2@openai-eu", _model, pattern(r"^[A-Za-z0-9][^@\s]*(@[A-Za-z0-9][^@\s]*)?$"))
GLOB = Leaf("name or pattern", "support-*", _glob, pattern(rf"^{_GLOB.pattern}$"))
BOOL = Leaf("true or false", "true", _bool, {"anyOf": [{"type": "boolean"}, REFERENCE]})
PERCENT = Leaf("percentage", "99.9%", _percent, pattern(r"^[0-9]+(\.[0-9]+)?\s?%$")).shown_by(units.show_e6)
_CONDITION: Schema = {"anyOf": [STRING | {"maxLength": MAX_WHEN}, {"type": "boolean"}]}
WHEN = Leaf("condition", "facts.tokens < 8000", _when, _CONDITION)
POSTURE_WHEN = Leaf("condition", "workflow.error_share > 0.05", _posture_when, _CONDITION)
REPLICAS = Leaf(
    "number of replicas", "0..4", _replicas, {"anyOf": [{"type": "integer", "minimum": 0}, pattern(_REPLICAS.pattern)]}
)
