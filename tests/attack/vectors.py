"""Requests that two readers might understand in two ways. Each row: a name, the bytes, what must become of them.

``refused``  one error, then the connection is closed: nothing that follows can be trusted
``answered`` the message is sound and not to be served: one error, and the connection goes on
``served``   the message has one meaning only, so it is served like any other
"""

from __future__ import annotations

from typing import NamedTuple

from tests.attack.wire import AUTH, HOST, chat, chunked, get, post

BODY = chat("vector")
SIZE = b"%d" % len(BODY)
LINE = b"POST /v1/chat/completions HTTP/1.1\r\n"
HEAD = LINE + HOST + AUTH
CL = b"content-length: " + SIZE + b"\r\n"
TE = b"transfer-encoding: chunked\r\n"
CHUNKS = chunked(BODY)


class Vector(NamedTuple):
    """One row."""

    name: str
    data: bytes
    fate: str = "refused"
    codes: tuple[str, ...] = ("bad_framing",)


def te(line: bytes) -> bytes:
    """A chunked body under this transfer-encoding line."""
    return HEAD + line + b"\r\n" + CHUNKS


def cl(line: bytes) -> bytes:
    """A plain body under this content-length line."""
    return HEAD + line + b"\r\n" + BODY


def target(raw: bytes, method: bytes = b"GET") -> bytes:
    """A request for this target."""
    return method + b" " + raw + b" HTTP/1.1\r\n" + HOST + AUTH + b"\r\n"


def host(lines: bytes) -> bytes:
    """A request with these host lines."""
    return LINE + AUTH + lines + CL + b"\r\n" + BODY


_EITHER = ("bad_framing", "bad_header", "bad_request")

FRAMING = [
    # two lengths: a content-length and a transfer-encoding
    Vector("CL.TE", HEAD + CL + TE + b"\r\n" + CHUNKS),
    Vector("TE.CL", HEAD + TE + CL + b"\r\n" + CHUNKS),
    Vector("CL.TE short", HEAD + b"content-length: 4\r\n" + TE + b"\r\n" + CHUNKS),
    Vector("CL 0 with TE", HEAD + b"content-length: 0\r\n" + TE + b"\r\n" + CHUNKS),
    Vector(
        "TE.CL with a request inside",
        HEAD + b"content-length: 4\r\n" + TE + b"\r\n5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n",
    ),
    # two lengths: content-length twice
    Vector("CL twice, equal", cl(CL + CL), codes=_EITHER),
    Vector("CL twice, different", cl(CL + b"content-length: 3\r\n"), codes=_EITHER),
    Vector("CL twice, other case", cl(CL + b"CONTENT-LENGTH: 3\r\n"), codes=_EITHER),
    Vector("CL as a list", cl(b"content-length: " + SIZE + b", " + SIZE + b"\r\n")),
    Vector("CL as a list of two", cl(b"content-length: 3, " + SIZE + b"\r\n")),
    # a length that is read in two ways
    Vector("CL plus", cl(b"content-length: +" + SIZE + b"\r\n")),
    Vector("CL minus", cl(b"content-length: -1\r\n")),
    Vector("CL minus zero", cl(b"content-length: -0\r\n")),
    Vector("CL hexadecimal", cl(b"content-length: 0x10\r\n")),
    Vector("CL with a point", cl(b"content-length: 10.0\r\n")),
    Vector("CL with an exponent", cl(b"content-length: 1e2\r\n")),
    Vector("CL empty", cl(b"content-length: \r\n")),
    Vector("CL of blanks within", cl(b"content-length: 1 0\r\n")),
    Vector("CL in quotes", cl(b'content-length: "10"\r\n')),
    Vector("CL past 64 bits", cl(b"content-length: 18446744073709551617\r\n")),
    Vector("CL of 40 digits", cl(b"content-length: " + b"9" * 40 + b"\r\n")),
    Vector("CL in Arabic digits", cl("content-length: \u0661\u0660\r\n".encode()), codes=_EITHER),
    Vector("CL with underscore in its digits", cl(b"content-length: 1_0\r\n")),
    Vector("CL larger than allowed", cl(b"content-length: 99999999999\r\n"), codes=("body_too_large",)),
    # a coding that is read in two ways
    Vector("TE twice", te(TE + TE), codes=_EITHER),
    Vector("TE twice, identity second", te(TE + b"transfer-encoding: identity\r\n"), codes=_EITHER),
    Vector("TE twice, identity first", te(b"transfer-encoding: identity\r\n" + TE), codes=_EITHER),
    Vector("TE chunked, identity", te(b"transfer-encoding: chunked, identity\r\n")),
    Vector("TE identity, chunked", te(b"transfer-encoding: identity, chunked\r\n")),
    Vector("TE gzip, chunked", te(b"transfer-encoding: gzip, chunked\r\n")),
    Vector("TE chunked, chunked", te(b"transfer-encoding: chunked, chunked\r\n")),
    Vector("TE identity", te(b"transfer-encoding: identity\r\n")),
    Vector("TE xchunked", te(b"transfer-encoding: xchunked\r\n")),
    Vector("TE chunkedx", te(b"transfer-encoding: chunkedx\r\n")),
    Vector("TE in quotes", te(b'transfer-encoding: "chunked"\r\n')),
    Vector("TE with a parameter", te(b"transfer-encoding: chunked;q=1\r\n")),
    Vector("TE with a comma before", te(b"transfer-encoding: ,chunked\r\n")),
    Vector("TE with a comma behind", te(b"transfer-encoding: chunked,\r\n")),
    Vector("TE empty", te(b"transfer-encoding: \r\n")),
    Vector("TE with vertical tab", te(b"transfer-encoding:\x0bchunked\r\n"), codes=_EITHER),
    Vector("TE with form feed", te(b"transfer-encoding: chunked\x0c\r\n"), codes=_EITHER),
    Vector("TE with NUL", te(b"transfer-encoding: chunked\x00\r\n"), codes=_EITHER),
    Vector("TE with a high byte", te(b"transfer-encoding: \xffchunked\r\n"), codes=_EITHER),
    Vector("TE folded", te(b"transfer-encoding:\r\n chunked\r\n"), codes=_EITHER),
    Vector("TE in HTTP/1.0", te(TE).replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
    # names that are read in two ways
    Vector("space before the colon of TE", te(b"transfer-encoding : chunked\r\n"), codes=_EITHER),
    Vector("tab before the colon of TE", te(b"transfer-encoding\t: chunked\r\n"), codes=_EITHER),
    Vector("space before the colon of CL", cl(b"content-length : " + SIZE + b"\r\n"), codes=_EITHER),
    Vector("space before a name", cl(b" x: y\r\n" + CL), codes=_EITHER),
    Vector("space before the first name", LINE + b" x: y\r\n" + HOST + AUTH + CL + b"\r\n" + BODY, codes=_EITHER),
    Vector("obs-fold", cl(b"x: a\r\n b\r\n" + CL), codes=_EITHER),
    Vector("obs-fold of a CL", cl(b"x: a\r\n\tcontent-length: 3\r\n" + CL), codes=_EITHER),
    Vector("name with _", cl(b"content_length: 3\r\n" + CL), codes=("bad_header",)),
    Vector("TE with _", te(b"transfer_encoding: chunked\r\n" + TE), codes=("bad_header",)),
    Vector("name with NUL", cl(b"x\x00y: a\r\n" + CL), codes=_EITHER),
    Vector("name with a high byte", cl(b"x\xe9: a\r\n" + CL), codes=_EITHER),
    Vector("name with a quote", cl(b'x"y: a\r\n' + CL), codes=_EITHER),
    Vector("no name", cl(b": a\r\n" + CL), codes=_EITHER),
    Vector("line without a colon", cl(b"content-length\r\n" + CL), codes=_EITHER),
    # line ends that are read in two ways
    Vector("bare LF after the request line", LINE[:-2] + b"\n" + HOST + AUTH + CL + b"\r\n" + BODY, codes=_EITHER),
    Vector("bare LF between headers", cl(b"x: a\n" + CL), codes=_EITHER),
    Vector("bare LF before a TE", cl(b"x: a\ntransfer-encoding: chunked\r\n" + CL), codes=_EITHER),
    Vector("bare CR before a TE", cl(b"x: a\rtransfer-encoding: chunked\r\n" + CL), codes=_EITHER),
    Vector("bare CR within a value", cl(b"x: a\rb\r\n" + CL), codes=_EITHER),
    Vector("bare CR at the end of the head", HEAD + CL + b"\r" + BODY, codes=_EITHER),
    Vector("bare LF at the end of the head", HEAD + CL + b"\n" + BODY, codes=_EITHER),
    Vector("CR CR LF", cl(b"x: a\r\r\n" + CL), codes=_EITHER),
    Vector("NUL in a value", cl(b"x: a\x00b\r\n" + CL), codes=_EITHER),
    Vector("DEL in a value", cl(b"x: \x7f\r\n" + CL), codes=_EITHER),
    Vector("SOH in a value", cl(b"x: a\x01b\r\n" + CL), codes=_EITHER),
    Vector("escape in a value", cl(b"x: \x1b[31m\r\n" + CL), codes=_EITHER),
    # chunks
    Vector("chunk size 0x", HEAD + TE + b"\r\n0x5\r\nabcde\r\n0\r\n\r\n"),
    Vector("chunk size plus", HEAD + TE + b"\r\n+5\r\nabcde\r\n0\r\n\r\n"),
    Vector("chunk size minus", HEAD + TE + b"\r\n-5\r\nabcde\r\n0\r\n\r\n"),
    Vector("chunk size with blanks before", HEAD + TE + b"\r\n 5\r\nabcde\r\n0\r\n\r\n"),
    Vector("chunk size with blanks behind", HEAD + TE + b"\r\n5 \r\nabcde\r\n0\r\n\r\n"),
    Vector("chunk size empty", HEAD + TE + b"\r\n\r\nabcde\r\n0\r\n\r\n"),
    Vector("chunk size past 64 bits", HEAD + TE + b"\r\n10000000000000005\r\nabcde\r\n0\r\n\r\n"),
    Vector("chunk too long", HEAD + TE + b"\r\n5\r\nabcdefg\r\n0\r\n\r\n"),
    Vector("chunk without its CRLF", HEAD + TE + b"\r\n5\r\nabcde0\r\n\r\n"),
    Vector("chunk with bare LF", HEAD + TE + b"\r\n5\nabcde\n0\n\n"),
    Vector("chunk data ended by bare LF", HEAD + TE + b"\r\n5\r\nabcde\n0\r\n\r\n"),
    Vector("chunk extension with bare LF", HEAD + TE + b"\r\n5;a\nabcde\r\n0\r\n\r\n"),
    Vector("chunk extension with bare CR", HEAD + TE + b"\r\n5;a\rb\r\nabcde\r\n0\r\n\r\n"),
    Vector("chunk extension with NUL", HEAD + TE + b"\r\n5;a\x00b\r\nabcde\r\n0\r\n\r\n"),
    Vector("chunk extension", HEAD + TE + b"\r\n%x;a=b\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY), "served"),
    Vector("chunk size with leading zeros", HEAD + TE + b"\r\n000%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY), "served"),
    Vector("TE in capitals", te(b"Transfer-Encoding: CHUNKED\r\n"), "served"),
    Vector("trailer", HEAD + TE + b"\r\n" + chunked(BODY, end=b"0\r\nx: y\r\n\r\n")),
    Vector("trailer that frames", HEAD + TE + b"\r\n" + chunked(BODY, end=b"0\r\ncontent-length: 5\r\n\r\n")),
    Vector("trailer that authorizes", HEAD + TE + b"\r\n" + chunked(BODY, end=b"0\r\n" + AUTH + b"\r\n")),
]

LINES = [
    Vector("HTTP/0.9", b"GET /v1/models\r\n", codes=("bad_framing", "bad_host")),
    Vector("HTTP/0.9, said", b"GET /v1/models HTTP/0.9\r\n" + HOST + AUTH + b"\r\n"),
    Vector("HTTP/2.0, said", b"GET /v1/models HTTP/2.0\r\n" + HOST + AUTH + b"\r\n"),
    Vector("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", codes=_EITHER),
    Vector("HTTP/1.2", b"GET /v1/models HTTP/1.2\r\n" + HOST + AUTH + b"\r\n"),
    Vector("HTTP/11", b"GET /v1/models HTTP/11\r\n" + HOST + AUTH + b"\r\n"),
    Vector("http/1.1 in small letters", b"GET /v1/models http/1.1\r\n" + HOST + AUTH + b"\r\n"),
    Vector("TLS to a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)),
    Vector("SSH to this port", b"SSH-2.0-OpenSSH_9.6\r\n"),
    Vector("method in small letters", b"get /v1/models HTTP/1.1\r\n" + HOST + AUTH + b"\r\n"),
    Vector("method that nobody knows", b"HACK /v1/models HTTP/1.1\r\n" + HOST + AUTH + b"\r\n"),
    Vector("method with NUL", b"GE\x00T /v1/models HTTP/1.1\r\n" + HOST + AUTH + b"\r\n"),
    Vector("tab in the request line", b"GET\t/v1/models HTTP/1.1\r\n" + HOST + AUTH + b"\r\n"),
    Vector("two spaces in the request line", LINE.replace(b" HTTP", b"  HTTP") + HOST + AUTH + CL + b"\r\n" + BODY, "served"),
    Vector("absolute form", target(b"http://poise.test/v1/models"), codes=("bad_request",)),
    Vector("absolute form, another host", target(b"http://evil.test/v1/models"), codes=("bad_request",)),
    Vector("authority form", target(b"poise.test:443", b"CONNECT"), codes=("bad_request", "upgrade_refused")),
    Vector("authority form with GET", target(b"poise.test:443"), codes=("bad_request", "bad_framing")),
    Vector("asterisk form", target(b"*", b"OPTIONS"), codes=("bad_request",)),
    Vector("target with a NUL", target(b"/v1/\x00models"), codes=_EITHER),
    Vector("target with a high byte", target(b"/v1/\xffmodels"), codes=_EITHER),
    Vector("target with an escape", target(b"/v1/\x1b[2Jmodels"), codes=_EITHER),
    Vector("target without a slash", target(b"v1/models"), codes=_EITHER),
    Vector("target of 9 KB", target(b"/" + b"a" * 9000), codes=("uri_too_long",)),
    Vector("two hosts, equal", host(HOST + HOST), codes=("bad_header",)),
    Vector("two hosts", host(HOST + b"host: evil.test\r\n"), codes=("bad_header",)),
    Vector("no host", host(b""), codes=("bad_host",)),
    Vector("upgrade", cl(b"connection: upgrade\r\nupgrade: h2c\r\n" + CL), codes=("upgrade_refused",)),
    Vector("upgrade to a WebSocket", get(head=b"upgrade: websocket\r\nconnection: upgrade\r\n"), codes=("upgrade_refused",)),
    Vector("upgrade, not said in connection", cl(b"upgrade: h2c\r\n" + CL), codes=("upgrade_refused",)),
    *(
        Vector(f"host {bad!r}", host(b"host: " + bad + b"\r\n"), codes=("bad_host", "bad_header", "bad_framing"))
        for bad in (
            b"", b"a.com/health?", b"a.com#x", b"a b", b"a\tb", b"user@a.com", b"a.com:", b"a.com:80:80", b"a.com:99x",
            b"a.com:123456", b"[::1", b"::1", b"[::1]x", b"[g::1]", b"a.com, b.com", b"a.com\\b", b"a%2fb", b"a\x00b",
            b"\xc3\xa9.com", b"a" * 300, b"<script>", b"a;b", b"a'b", b"..\r\n .",
        )
    ),
    Vector("chat with GET", target(b"/v1/chat/completions"), "answered", ("method_not_allowed",)),
    Vector("models with DELETE", target(b"/v1/models", b"DELETE"), "answered", ("method_not_allowed",)),
    Vector("TRACE", target(b"/v1/models", b"TRACE"), "answered", ("method_not_allowed",)),
    Vector("GET with a body", get(b"/v1/nothing", CL) + BODY, "answered", ("not_found",)),
    Vector("request in the body of a 404", post(get(), path=b"/x"), "answered", ("not_found",)),
    Vector("empty lines before", b"\r\n\r\n" + cl(CL), "served"),
    *(
        Vector(f"path {path.decode()}", target(path), "answered", ("not_found", "unknown_model"))
        for path in (
            b"//v1/models", b"/v1//models", b"/v1/./models", b"/v1/../v1/models", b"/v1/%2e%2e/v1/models", b"/v1/models/..",
            b"/v1/models%00", b"/v1/models;x=1", b"/v1%2fmodels", b"/V1/Models", b"/v1/models.", b"/v1/models#x",
            b"/v1/models/../../admin", b"/metrics", b"/healthz", b"/readyz", b"/admin", b"/docs", b"/openapi.json",
            b"/config_dump", b"/debug/pprof", b"/.env", b"/v1/decisions", b"/",
        )
    ),
]  # fmt: skip
