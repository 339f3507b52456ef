"""How the network cuts an answer changes nothing of what the receiver is told."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http_client.peers import OK
from tests.http_client.wires import exchange

HEAD = b"HTTP/1.1 200 OK\r\nServer: x\r\n"
CODED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ANSWERS = {
    "length": (OK, False),
    "chunked": (CODED + b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-Late: 1\r\n\r\n", False),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK, False),
    "until close": (HEAD + b"\r\nto the end", True),
    "cut": (OK[:-2], True),
    "cut in the head": (OK[:30], True),
    "two lengths": (HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok", True),
    "two codings": (HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", True),
    "bad chunk": (HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", True),
    "no body": (b"HTTP/1.1 204 No Content\r\n\r\n", False),
}


@pytest.mark.parametrize(("said", "eof"), ANSWERS.values(), ids=ANSWERS)
def test_cut_once_anywhere(said: bytes, eof: bool) -> None:
    """Every place to cut in two, and every byte alone, against all at once."""
    whole, whole_home, _ = exchange([said], eof=eof)
    alone, alone_home, _ = exchange([said[at : at + 1] for at in range(len(said))], eof=eof)

    assert len(whole.ends) == 1
    assert (whole.events, whole_home.released) == (alone.events, alone_home.released)
    for at in range(1, len(said)):
        cut, home, _ = exchange([said[:at], said[at:]], eof=eof)
        assert (whole.events, whole_home.released) == (cut.events, home.released)


@given(
    body=st.binary(max_size=300),
    sizes=st.lists(st.integers(1, 40), max_size=20),
    cuts=st.lists(st.integers(0, 800), max_size=12),
    missing=st.integers(0, 60),
)
def test_any_chunking_and_any_cutting(body: bytes, sizes: list[int], cuts: list[int], missing: int) -> None:
    """The body comes out as it went in; where bytes are missing at the end, it is never told to be whole."""
    said = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    rest = body
    for size in sizes:
        if rest:
            said += b"%x\r\n%b\r\n" % (len(rest[:size]), rest[:size])
            rest = rest[size:]
    said += (b"%x\r\n%b\r\n" % (len(rest), rest) if rest else b"") + b"0\r\n\r\n"
    sent = said[: len(said) - missing] if missing else said
    places = sorted({0, len(sent), *(min(cut, len(sent)) for cut in cuts)})
    heard, home, _ = exchange([sent[a:b] for a, b in pairwise(places)], eof=True)

    if missing:
        assert ["cut"] == heard.ends
        assert body.startswith(heard.data)
        assert 0 == home.released
    else:
        assert (body, ["end"], 1) == (heard.data, heard.ends, home.released)


@given(said=st.binary(min_size=1, max_size=200), cuts=st.lists(st.integers(0, 200), max_size=5), headed=st.booleans())
def test_rubbish_ends_exactly_once(said: bytes, cuts: list[int], headed: bool) -> None:
    """Whatever arrives, the receiver hears at most one head and exactly one ending."""
    sent = HEAD + said if headed else said
    places = sorted({0, len(sent), *(min(cut, len(sent)) for cut in cuts)})
    heard, _, wire = exchange([sent[a:b] for a, b in pairwise(places)], eof=True)

    assert 1 == len(heard.ends)
    assert heard.heads <= 1
    assert wire.closed
