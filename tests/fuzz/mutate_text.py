"""Changes of text that people write: configurations, and what stands in a request's line and headers."""

from __future__ import annotations

from random import Random
from typing import Final

from tests.fuzz.mutate import MAX_BYTES, plain

_YAML: Final = (
    *(b"&a [*a, *a]", b"*a", b"!!python/object:os.system {}", b"<<: {a: 1}", b"---", b"? [a, b]\n: 1", b"{", b"[[[["),
    *(b"null", b"~", b"yes", b"1e999", b"0x7fffffffffffffffff", b"2026-11-23", b"12:30:45", b"'", b'"\\x"', b"|\n  x"),
    *(
        b"99999999999999999999d",
        b"-1s",
        b".nan",
        b".inf",
        b"100.1%",
        b"${",
        b"${A:-${B}}",
        b"${POISE}",
        b"\xef\xbb\xbf",
    ),
    *(b"env:", b"file:/dev/zero", b"http://[", b"http://a:99999/", b"https://user:pw@h/", b"[" * 3_000, b"\t", b"\x85"),
    *(
        b"facts.tokens < ",
        b"'" + b"(" * 600 + b"1" + b")" * 600 + b"'",
        b"a@b",
        b"*",
        b"'['",
        b"!!binary AAAA",
        b"\xff",
    ),
)
_LINE: Final = (
    *(b"%", b"%00", b"%ff", b"%2f", b"/", b"?", b"&", b"key=", b"&key=x", b"?key=%ff", b"a=b&" * 40, b"alt=sse", b";"),
    *(b":generateContent", b":streamGenerateContent", b"/v1beta/models/", b"/models/", b"..", b" ", b"+", b"#", b"="),
)


def yaml_change(rng: Random, data: bytes, other: bytes) -> bytes:
    """Lines moved, indented, doubled; a value replaced by an odd one."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    kind = rng.randrange(8)
    if kind < 3:
        name, colon, _ = lines[at].partition(b":")
        lines[at] = name + colon + b" " + rng.choice(_YAML)
    elif kind == 3:
        words = lines[at].split(b" ")
        words[rng.randrange(len(words))] = rng.choice(_YAML)
        lines[at] = b" ".join(words)
    elif kind == 4:
        lines[at] = b" " * rng.randrange(6) + lines[at].lstrip()
    elif kind == 5:
        lines[at : at + 1] = [lines[at]] * (2 if rng.random() < 0.98 else MAX_BYTES // (len(lines[at]) + 1))
    elif kind == 6:
        theirs = other.split(b"\n")
        lines.insert(at, rng.choice(theirs))
    else:
        del lines[at]
    return b"\n".join(lines)


def line_change(rng: Random, data: bytes, other: bytes) -> bytes:
    """A word of a request's target put in, or doubled."""
    if rng.random() < 0.3:
        return plain(rng, data, other)
    at = rng.randint(0, len(data))
    word = rng.choice(_LINE) * (1 if rng.random() < 0.98 else 2_000)
    return data[:at] + word + data[at:]
