"""Every fault is witnessed by a raw client on virtual time: the bytes that came, the second at which, and how it ended."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from poise.sim.clock import VirtualClock
from poise.sim.wall.wall import Wall
from tests.sim.wall.talking import PATHS, Ear, ask, body_of, connect, heard, text_of, virtual

DIALECTS = (*PATHS, "gemini")


def head_of(ear: Ear) -> bytes:
    return ear.data.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_answer_is_the_same_at_every_restart(dialect: str) -> None:
    """Bytes follow from seed and prompt; the words are the same in each dialect, whole and streamed."""

    async def scene(clock: VirtualClock) -> list[bytes]:
        wall = Wall("wall", clock)
        ears = []
        for model in ("m,again", "m,again", "ok,vary,tokens=9", "ok,vary,tokens=9"):
            ears.append(connect(wall, clock))
            ears[-1].send(ask(model, dialect=dialect))
        await clock.sleep(1)
        numbers = [b"wall-%d" % number for number in range(1, 5)]
        return [ear.body.replace(number, b"wall-N") for ear, number in zip(ears, numbers, strict=True)]

    first, second, varied, again = virtual(scene)

    assert first == second
    assert varied != again
    assert "日本語".encode() in heard(ask("ok,tokens=60", dialect=dialect))[0].body


def test_words_are_those_of_the_whole_answer() -> None:
    """What a stream says is what the whole answer says."""
    whole = json.loads(heard(ask("ok,tokens=40", stream=False))[0].body)["choices"][0]["message"]["content"]

    assert whole == text_of(heard(ask("ok,tokens=40"))[0].body)
    assert 40 == len(whole.split())


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kept", [0, 1, 7, 20])
def test_cut_after_k_tokens_has_k_tokens_and_no_end(dialect: str, kept: int) -> None:
    """Nothing that ends a chunked answer, and nothing that ends the dialect's own."""
    ear, wall = heard(ask(f"cut:{kept}/20,rst", dialect=dialect))
    ends = (b"[DONE]", b"message_stop", b"response.completed", b'"finishReason"', b"\r\n0\r\n\r\n")

    assert "rst" == ear.ended
    assert kept == wall.log.all[0].sent_tokens
    assert [] == [end for end in ends if end in ear.data]


def test_cut_at_every_byte_leaves_exactly_those_bytes() -> None:
    """Counted behind the head, framing included, and within the head."""
    full = heard(ask("ok,tokens=3,model=m"))[0].data
    head, _, body = full.partition(b"\r\n\r\n")
    size = len(head) + 4
    for at in range(0, len(body), 7):
        assert (full[: size + at], "fin") == _cut(f"cut:b{at},tokens=3,model=m")
    for at in range(0, size, 5):
        assert (full[:at], "fin") == _cut(f"cut:h{at},tokens=3,model=m")


def _cut(plan: str) -> tuple[bytes, str]:
    ear, _ = heard(ask(plan))
    return ear.data, ear.ended


def test_fin_without_the_last_chunk_after_everything_was_said() -> None:
    """``cut:end``: [DONE] came, the chunked framing never ended."""
    ear, _ = heard(ask("cut:end,tokens=2"))

    assert "fin" == ear.ended
    assert ear.data.endswith(b"data: [DONE]\n\n\r\n")


def test_stream_without_done_and_stream_that_lingers() -> None:
    """F16 ends the HTTP message without [DONE]; F17 says [DONE] and ends nothing."""
    no_done, _ = heard(ask("ok,no-done,tokens=2"))
    linger, _ = heard(ask("linger,tokens=2"))
    late, _ = heard(ask("linger:5s,tokens=2"))

    assert no_done.data.endswith(b"0\r\n\r\n")
    assert b"[DONE]" not in no_done.data
    assert linger.data.endswith(b"[DONE]\n\n\r\n")
    assert "" == linger.ended
    assert (5.0, b"0\r\n\r\n") == late.pieces[-1]


def test_stall_is_silent_for_as_long_as_told_and_goes_on() -> None:
    """F20: 35 s after five tokens."""
    ear, wall = heard(ask("stall:5/35s,tokens=9"))
    for_ever, _ = heard(ask("stall:5,tokens=9"))

    assert 35.0 == ear.pieces[-1][0]
    assert 5 == len(text_of(body_of(b"".join(data for at, data in ear.pieces if at == 0))).split())
    assert 9 == wall.log.all[0].sent_tokens
    assert "" == for_ever.ended
    assert 5 == len(text_of(for_ever.body).split())


def test_pace_of_head_first_token_and_rate() -> None:
    """F19: what opens the stream comes after wait, the first token first later, then rate tokens a second."""
    ear, _ = heard(ask("ok,wait=2s,first=20s,rate=4,tokens=5"))
    times = sorted({at for at, _ in ear.pieces})

    assert [2.0, 22.0, 22.25, 22.5, 22.75, 23.0] == times
    assert 22.0 == heard(ask("ok,wait=2s,first=18s,rate=5,tokens=10", stream=False))[0].pieces[0][0]


def test_drip_is_one_byte_each_time() -> None:
    """F21."""
    ear, _ = heard(ask("drip:5s"), for_s=101.0)

    assert [5.0 * at for at in range(1, 21)] == [at for at, data in ear.pieces if len(data) == 1 and at > 0]


def test_silent_reset_and_hang_up_send_nothing() -> None:
    """F18, F29."""
    for plan, ended in (("silent", ""), ("reset", "rst"), ("hang-up", "fin")):
        ear, _ = heard(ask(plan))

        assert (b"", ended) == (ear.data, ear.ended)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("plan", "status", "words"),
    [
        ("429-quota", 429, b"our"),
        ("429-spend-cap", 429, b""),
        ("400-context", 400, b"maximum"),
        ("400-filter", 400, b"polic"),
        ("401", 401, b"api"),
        ("404", 404, b"model"),
        ("413", 413, b""),
        ("529", 529, b"verloaded"),
    ],
)
def test_error_status_comes_in_the_dialects_own_shape(dialect: str, plan: str, status: int, words: bytes) -> None:
    """F01-F06, F22."""
    ear, wall = heard(ask(plan, dialect=dialect))

    assert ear.data.startswith(b"HTTP/1.1 %d " % status)
    assert words in ear.body
    assert "error" in json.loads(ear.body)
    assert status == wall.log.all[0].status


def test_retry_after_in_all_its_forms() -> None:
    """F01: sent as given; ``@2`` is an HTTP date two seconds ahead."""
    for value in ("2", "-5", "1e9", "soon"):
        assert b"retry-after: %b\r\n" % value.encode() in heard(ask(f"429-retry-after={value}"))[0].data
    assert b"retry-after-ms: 1500" in head_of(heard(ask("429,retry-after-ms=1500"))[0])
    assert b"retry-after: Sun, 15 Jun 2025 15:06:42 GMT" in head_of(heard(ask("429,retry-after=@2"))[0])


def test_date_that_is_wrong() -> None:
    """F28."""
    assert b"date: Mon, 16 Jun 2025 15:06:40 GMT" in head_of(heard(ask("ok,date=%2B1d"))[0])
    assert b"date: yesterday" in head_of(heard(ask("ok,date=yesterday"))[0])


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("after", [0, 1, 4])
def test_error_inside_a_stream_comes_after_so_many_tokens(dialect: str, after: int) -> None:
    """F07, F08: status 200, the dialect's own error event, a proper end of the framing."""
    ear, wall = heard(ask(f"error:{after}-overload,tokens=9", dialect=dialect))
    row = wall.log.all[0]

    assert (200, after) == (row.status, row.sent_tokens)
    assert b'"error"' in ear.body
    assert b"verloaded" in ear.body
    assert ear.data.endswith(b"0\r\n\r\n")


def test_success_that_is_none() -> None:
    """F09, F10."""
    error, page, empty, kind = (heard(ask(plan))[0] for plan in ("error-body", "html", "empty", "ok,type=text/plain"))

    assert error.data.startswith(b"HTTP/1.1 200 ")
    assert "error" in json.loads(error.body)
    assert b"content-type: text/html" in head_of(page)
    assert b"" == empty.body
    assert b"content-type: text/plain" in head_of(kind)
    assert b"content-length: 0" in head_of(heard(ask("empty", stream=False))[0])


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("away", [10, -10])
def test_length_that_is_wrong_by_so_much(stream: bool, away: int) -> None:
    """F11: too long ends by FIN, too short leaves bytes that belong to nobody."""
    ear, _ = heard(ask(f"length:{away:+d}", stream=stream))
    head = head_of(ear)
    told = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])

    assert away == told - len(ear.body)
    assert ("fin" if away > 0 else "") == ear.ended


def test_json_and_chunks_that_break_off() -> None:
    """F11."""
    half, _ = heard(ask("half-json", stream=False))
    bad, _ = heard(ask("chunk:bad"))
    cut, _ = heard(ask("chunk:cut"))

    with pytest.raises(json.JSONDecodeError):
        json.loads(half.body)
    assert b"\r\nzz\r\n" in bad.data
    assert "fin" == cut.ended
    size = int(cut.data.rpartition(b"\r\ndata")[0].rpartition(b"\r\n")[2], 16)
    assert size > len(cut.data.rpartition(b"\r\ndata")[2]) + 4


STYLES = {
    "bad-line": b"this line has no field\n\n",
    "bad-json": b'data: {"choices": [{"del\n\n',
    "bad-utf8": b"\xff\xfe",
    "crlf": b"\r\n\r\ndata: {",
    "cr": b"\r\rdata: {",
    "bom": b"\xef\xbb\xbfdata",
    "comments": b": still here\n" * 1000,
    "no-space": b"\n\ndata:{",
    "ids": b"id: 1\nretry: 3000\ndata: ",
    "multi-line": b"data: {\ndata: ",
}


@pytest.mark.parametrize("style", STYLES)
def test_lines_of_a_stream_are_odd(style: str) -> None:
    """F12."""
    assert STYLES[style] in heard(ask(f"sse:{style},tokens=9"))[0].body


def test_ends_of_lines_that_are_mixed() -> None:
    """F12: all three kinds in one stream."""
    body = heard(ask("sse:mixed,tokens=9"))[0].body

    assert all(end in body for end in (b"}\r\n\r\n", b"}\n\n", b"}\r\r"))


def test_seam_at_every_byte_changes_nothing_but_the_pieces() -> None:
    """F12: a character of four bytes may lie across it."""
    whole = heard(ask("ok,tokens=30,model=m"))[0]
    for at in range(1, len(whole.data), 131):
        ear, _ = heard(ask(f"ok,tokens=30,model=m,split={at}"))

        assert whole.data == ear.data
        assert at in [sum(len(data) for _, data in ear.pieces[:count]) for count in range(1, len(ear.pieces) + 1)]


def test_slices_are_no_larger_than_asked_for() -> None:
    whole, sliced = (heard(ask(f"ok,tokens=3,model=m{more}"))[0] for more in ("", ",slice=1"))

    assert whole.data == sliced.data
    assert {1} == {len(data) for _, data in sliced.pieces}


def test_head_that_is_too_much_or_not_allowed() -> None:
    """F25."""
    many, _ = heard(ask("headers:100000"))
    large, _ = heard(ask("header-value:64KiB"))
    twice, _ = heard(ask("dup-length"))
    early, _ = heard(ask("interim:1000"))

    assert 100_000 == many.data.count(b"\r\nx-wall-")
    assert b"\r\nx-wall: %b\r\n" % (b"x" * 65_536) in large.data
    assert 2 == head_of(twice).count(b"content-length:")
    assert 1000 == early.data.count(b"103 Early Hints")
    for style, line in {"nul": b"a\x00b", "cr": b"a\rb", "space": b"x-bad :", "fold": b"\r\n b"}.items():
        assert line in heard(ask(f"bad-header:{style}"))[0].data


def test_compressed_body_that_nobody_asked_for() -> None:
    """F26: 1 MB in a few KB, and once more inside itself."""
    one, _ = heard(ask("gzip:1MB"))
    nested, _ = heard(ask("gzip:nested:1MB"))

    assert 1_000_000 == len(gzip.decompress(one.body))
    assert len(one.body) < 5000
    assert 1_000_000 == len(gzip.decompress(zlib.decompress(nested.body, 31)))


@pytest.mark.parametrize(
    ("plan", "place"),
    [
        ("redirect:metadata", b"http://169.254.169.254/latest/meta-data"),
        ("redirect:http", b"http://elsewhere.invalid/v1"),
        ("redirect:self,status=302", b"/trap"),
        ("redirect:https%3A%2F%2Fa.invalid%2Fb", b"https://a.invalid/b"),
    ],
)
def test_redirect_names_another_place(plan: str, place: bytes) -> None:
    """F27; who follows to the wall itself stands in the log at /trap, with the digest of the key that was shown."""
    ear, _ = heard(ask(plan))

    assert b"location: %b\r\n" % place in ear.data
    assert ear.data.startswith(b"HTTP/1.1 302 " if "302" in plan else b"HTTP/1.1 307 ")


def test_answer_that_is_not_what_was_asked_for() -> None:
    """F24: another model's name, an end nobody knows, a call whose JSON is broken."""
    ear, _ = heard(ask("ok,model=cheap-1,finish=tired", stream=False))
    said = json.loads(ear.body)
    call = json.loads(heard(ask("ok,tool=broken", stream=False))[0].body)["choices"][0]["message"]["tool_calls"][0]

    assert ("cheap-1", "tired") == (said["model"], said["choices"][0]["finish_reason"])
    with pytest.raises(json.JSONDecodeError):
        json.loads(call["function"]["arguments"])
    sound = json.loads(heard(ask("ok,tool=ok", stream=False))[0].body)["choices"][0]["message"]["tool_calls"][0]
    assert {"answer"} == json.loads(sound["function"]["arguments"]).keys()


def usages(dialect: str, how: str) -> list[object]:
    """Every count of written tokens that a stream told, in order."""
    ear, _ = heard(ask(f"ok,tokens=20,usage={how}", "three words here", dialect=dialect))
    names = {"completion_tokens", "output_tokens", "candidatesTokenCount"}
    found: list[object] = []

    def look(node: object) -> None:
        for name, value in node.items() if isinstance(node, dict) else ():
            found.extend([value] if name in names else [])
            look(value)

    for line in ear.body.split(b"\n"):
        if line.startswith(b"data: {"):
            look(json.loads(line[6:]))
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_counts_that_are_told_wrong(dialect: str) -> None:
    """F23: the answer has 20 tokens, whatever is said."""
    begins = [1] if dialect == "anthropic" else []  # a message begins with an output of one

    assert [*begins, 20] == usages(dialect, "")
    assert [] == usages(dialect, "none")
    assert [*begins, 0] == usages(dialect, "zero")
    assert [*begins, -20] == usages(dialect, "negative")
    assert [*begins, 80] == usages(dialect, "contradict")
    assert [*begins, 20, 20, 20] == usages(dialect, "repeat")
    assert 20 == usages(dialect, "after-done")[-1]
    assert 20 == usages(dialect, "inline")[-1]


def test_counts_behind_the_end_and_within_it() -> None:
    """F23: after [DONE]; in the chunk that also ends the choice."""
    after = heard(ask("ok,tokens=2,usage=after-done"))[0].body
    inline = heard(ask("ok,tokens=2,usage=inline"))[0].body

    assert b'"usage"' in after.partition(b"[DONE]")[2]
    last = json.loads(inline.split(b"data: ")[-2])
    assert ("stop", 2) == (last["choices"][0]["finish_reason"], last["usage"]["completion_tokens"])


def test_openai_counts_only_where_asked() -> None:
    """A stream whose caller did not say include_usage is told none, as OpenAI does."""
    assert b"usage" not in heard(ask("m", stream_options=None))[0].body


def test_gemini_as_one_array() -> None:
    """A caller that does not say alt=sse gets one JSON array."""
    request = ask("m", dialect="gemini").replace(b"?alt=sse", b"")
    said = json.loads(heard(request)[0].body)

    assert 12 < len(said)
    assert "STOP" == said[-1]["candidates"][0]["finishReason"]


def test_raw_bytes_are_sent_as_given() -> None:
    ear, _ = heard(ask("raw:SSH-2.0%0D%0A"))

    assert (b"SSH-2.0\r\n", "fin") == (ear.data, ear.ended)
