"""SigV4 against botocore's own, byte by byte."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.edge.clouds.keeper import Keeper
from poise.edge.clouds.signer import Grant
from poise.edge.clouds.sigv4 import MAX_PATHS, SigV4
from poise.sim.clock import EPOCH_US, VirtualClock, run
from tests.clouds.installed import need

KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "")
WITH_TOKEN = (*KEYS[:2], "IQoJb3JpZ2luX2VjEXAMPLE//token==")
CONVERSE = b"/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"


def _keeper(values: tuple[str, ...]) -> Keeper:
    made: list[Keeper] = []

    async def main(clock: VirtualClock) -> None:
        async def fetch() -> Grant:
            return Grant(values)

        keeper = Keeper("aws", fetch, clock)
        await keeper.refresh()
        made.append(keeper)

    run(main, 1)
    return made[0]


PLAIN, TOKEN = _keeper(KEYS), _keeper(WITH_TOKEN)


def _theirs(
    method: bytes, path: bytes, host: bytes, body: bytes, now_us: int, values: tuple[str, ...], headers: dict[str, str]
) -> dict[str, str]:
    auth, awsrequest, credentials = need("botocore.auth"), need("botocore.awsrequest"), need("botocore.credentials")
    known = credentials.Credentials(values[0], values[1], values[2] or None)
    url = f"https://{host.decode()}{path.decode()}"
    request = awsrequest.AWSRequest(
        method=method.decode(), url=url, data=body, headers={"host": host.decode(), **headers}
    )
    moment = datetime.fromtimestamp(now_us // 1_000_000, UTC)
    with patch("botocore.auth.get_current_datetime", lambda: moment):
        auth.SigV4Auth(known, "bedrock", "eu-central-1").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items() if name.lower() not in {"host", *headers}}


def _ours(lines: bytes) -> dict[str, str]:
    assert lines.endswith(b"\r\n")
    pairs = [line.partition(": ") for line in lines.decode().split("\r\n")[:-1]]
    return {name: value for name, _, value in pairs}


paths = st.lists(
    st.sampled_from(
        ["model", "a.b-c_d~e", "arn%3Aaws%3Abedrock%3Aeu%3A1%2Fx", "..", ".", "", "%20", "ü%", "x=y", "converse"]
    ),
    max_size=5,
).map(lambda steps: "/" + "/".join(steps))
queries = st.lists(st.sampled_from(["b=2", "a=1", "a=0", "empty=", "x%20y=%2F"]), unique=True, max_size=3).map(
    lambda pairs: "?" + "&".join(pairs) if pairs else ""
)
HEADERS = [
    {},
    {"content-type": "application/json"},
    {"accept": "a,  b", "x-amzn-bedrock-trace": "ENABLED", "zeta": "1"},
]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"POST", b"GET"]),
    paths.filter(lambda path: path.isascii()),
    queries,
    st.binary(max_size=300),
    st.integers(0, 40 * 365 * 86_400).map(lambda s: EPOCH_US + s * 1_000_000),
    st.booleans(),
    st.sampled_from(HEADERS),
)
def test_it_signs_as_botocore_does(
    method: bytes, path: str, query: str, body: bytes, now_us: int, token: bool, headers: dict[str, str]
) -> None:
    """Whatever the path, the body, the day and the headers."""
    signer = SigV4(TOKEN if token else PLAIN, "eu-central-1", headers=tuple(headers.items()))
    host, whole = b"bedrock-runtime.eu-central-1.amazonaws.com", f"{path}{query}".encode()

    theirs = _theirs(method, whole, host, body, now_us, WITH_TOKEN if token else KEYS, headers)
    assert theirs == _ours(signer.lines(method, whole, host, body, now_us))


def test_one_signer_signs_on_over_seconds_days_and_new_keys() -> None:
    """What it remembers of a second, a day and a key is forgotten in time."""

    async def main(clock: VirtualClock) -> None:
        granted = [KEYS, WITH_TOKEN, KEYS]

        async def fetch() -> Grant:
            return Grant(granted[0])

        keeper = Keeper("aws", fetch, clock)
        signer = SigV4(keeper, "eu-central-1")
        while granted:
            await keeper.refresh()
            for step_s in (0, 0.5, 1, 3600, 86_400, 86_400 * 30):
                now_us = EPOCH_US + int(step_s * 1e6)
                lines = signer.lines(b"POST", CONVERSE, b"h.example:8443", b"{}", now_us)
                assert _theirs(b"POST", CONVERSE, b"h.example:8443", b"{}", now_us, granted[0], {}) == _ours(lines)
            granted.pop(0)
            await asyncio.sleep(0)

    run(main, 1)


def test_it_signs_awss_own_worked_example() -> None:
    """From the documentation of SigV4's test suite: ``get-vanilla``, which needs no library to compare with."""
    signer = SigV4(_keeper(("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "")), "us-east-1", "service")
    moment_us = int(datetime(2015, 8, 30, 12, 36, 0, tzinfo=UTC).timestamp() * 1e6)
    lines = signer.lines(b"GET", b"/", b"example.amazonaws.com", b"", moment_us)

    assert (
        b"x-amz-date: 20150830T123600Z\r\n"
        b"authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        b"SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31\r\n"
    ) == lines


def test_paths_that_callers_choose_do_not_fill_the_memory() -> None:
    """They are remembered up to a bound."""
    signer = SigV4(PLAIN, "eu-central-1")
    for number in range(3 * MAX_PATHS):
        signer.lines(b"POST", b"/%d" % number, b"h", b"", EPOCH_US)

    assert MAX_PATHS >= len(signer._paths)  # noqa: SLF001 - the bound is the point


@pytest.mark.parametrize("values", [KEYS, WITH_TOKEN])
def test_the_secret_is_not_sent(values: tuple[str, ...]) -> None:
    """Only what it signed."""
    lines = SigV4(_keeper(values), "eu-central-1").lines(b"POST", b"/", b"h", b"x", EPOCH_US)

    assert values[1].encode() not in lines
