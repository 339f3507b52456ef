"""The admin API: what it tells of decisions and of the present state, and how it says no."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.control.board import Action, merge
from poise.decision import Drop, Outcome, OutcomeKind, encode_outcome, show_id
from poise.edge.admin.explain import WHY_DROPPED
from poise.signal import Board, Measure, Reading, TargetSignals, WorkerSignals
from tests.admin.calls import Desk
from tests.store.samples import NOW_US, OUTCOME, POLICY
from tests.store.stores import FIRST, World, begin, end


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An API over a store of five completed, one failed, one refused and one open request."""
    desk = Desk(tmp_path)
    with World(tmp_path) as world:
        writer = world.writer()
        for number in range(8):
            if number == 6:
                writer.refused(FIRST + 6, "invalid_api_key", "support-chat", "", 401)
                continue
            begin(writer, number, conversation="c-1" if number < 2 else "")
            if number < 6:
                end(writer, number, 2 if number == 5 else 1)
        report = world.step()
        desk.condition.take_report(report)
        yield desk


def test_decisions_are_listed_newest_first_page_by_page(desk: Desk) -> None:
    """The cursor leads through all of them, each once, and ends."""
    seen: list[str] = []
    cursor = ""
    while True:
        answer = desk.get(f"/api/v1/decisions?limit=3&cursor={cursor}").json
        seen += [row["id"] for row in answer["decisions"]]
        cursor = answer["cursor"]
        if not cursor:
            break

    assert [show_id(FIRST + number) for number in range(7, -1, -1)] == seen


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("outcome=failed", [5]),
        ("outcome=refused", [6]),
        ("outcome=open", [7]),
        ("conversation=c-1", [1, 0]),
        ("workflow=support-chat&outcome=completed&limit=2", [4, 3]),
        ("target=gpt-5.2@openai-us", [5, 4, 3, 2, 1, 0]),
        ("target=none@nowhere", []),
        (f"since={NOW_US + 1}", []),
        (f"until={NOW_US + 1}&workflow=support-chat", [7, 6, 5, 4, 3, 2, 1, 0]),
    ],
)
def test_decisions_are_found_by_their_facts(desk: Desk, query: str, numbers: list[int]) -> None:
    """Each filter narrows the list to what matches."""
    found = desk.get(f"/api/v1/decisions?{query}").json["decisions"]

    assert [show_id(FIRST + number) for number in numbers] == [row["id"] for row in found]


def test_the_list_has_the_code_of_what_failed(tmp_path: Path) -> None:
    """It stands in the outcome's record; one that cannot be read costs its code, not the list."""
    desk = Desk(tmp_path)
    with World(tmp_path) as world:
        writer = world.writer()
        failed = Outcome(OutcomeKind.FAILED, 502, code="upstream_failed")
        for number, (outcome, raw) in enumerate(
            [(2, encode_outcome(failed)), (3, b"\xc1"), (1, encode_outcome(OUTCOME))]
        ):
            begin(writer, number)
            writer.finished(FIRST + number, outcome, 502, "gpt-5.2@openai-us", 9, 0, 0, 0, raw, -1, 1)
        world.step()

    assert ["", "", "upstream_failed"] == [row["code"] for row in desk.get("/api/v1/decisions").json["decisions"]]


def test_a_decision_is_explained_whole(desk: Desk) -> None:
    """Facts, every candidate with parts or reason and figures, signals with trust, attempts, cost, and flips."""
    told = desk.get(f"/api/v1/decisions/{show_id(FIRST)}").json
    decision = told["decision"]
    by_target = {candidate["target"]: candidate for candidate in decision["candidates"]}
    signals = {name: candidate["signals"]["first_token"]["state"] for name, candidate in by_target.items()}

    assert {candidate.target.id for candidate in POLICY.candidates} == set(by_target)
    assert 900 == decision["facts"]["tokens"]
    assert "ejected" == by_target["llama-4-maverick@box-eu"]["reason"]
    assert "2.0 s more" in by_target["llama-4-maverick@box-eu"]["because"]
    assert "fresh" == signals["claude-sonnet-4-5@anthropic-us"]
    assert "stale" == signals["gpt-5.2@openai-eu"]
    assert "missing" == signals["gpt-5.2@openai-us"]
    assert 800_000 == by_target["gpt-5.2@openai-us"]["signals"]["first_token"]["assumed_us"]
    assert ["overload", ""] == [attempt["failure"] for attempt in told["ended"]["attempts"]]
    assert 3_225 == told["cost_usd_e6"]
    assert decision["rules_current"]
    assert told["flips"]
    assert all(flip["choice"] != decision["choice"] for flip in told["flips"])


def test_a_refusal_and_an_open_request_are_explained_too(desk: Desk) -> None:
    """What has no decision or no end says so instead of failing."""
    refused = desk.get(f"/api/v1/decisions/{show_id(FIRST + 6)}").json
    under_way = desk.get(f"/api/v1/decisions/{show_id(FIRST + 7)}").json

    assert (None, "refused", "invalid_api_key") == (refused["decision"], refused["ended"]["kind"], refused["code"])
    assert ("open", None) == (under_way["outcome"], under_way["ended"])
    assert under_way["decision"]["candidates"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/decisions/zzz", 400, "invalid_field"),
        ("/api/v1/decisions/..%2f..%2fetc", 400, "invalid_field"),
        ("/api/v1/decisions/d-ffffffffffffffff", 400, "invalid_field"),
        ("/api/v1/decisions/d-0000000000000001", 404, "not_found"),
        ("/api/v1/decisions?limit=0", 400, "invalid_field"),
        ("/api/v1/decisions?limit=1001", 400, "invalid_field"),
        ("/api/v1/decisions?limit=ten", 400, "invalid_field"),
        ("/api/v1/decisions?since=-1", 400, "invalid_field"),
        (f"/api/v1/decisions?until={1 << 60}", 400, "invalid_field"),
        ("/api/v1/decisions?outcome=splendid", 400, "invalid_field"),
        ("/api/v1/decisions?cursor=17", 400, "invalid_field"),
        ("/api/v1/decisions?workflow=" + "w" * 600, 400, "invalid_field"),
        ("/nope", 404, "not_found"),
    ],
)
def test_bad_questions_are_told_what_is_wrong(desk: Desk, path: str, status: int, code: str) -> None:
    """A wrong question gets a code, a text and a hint, never a trace; the next good one is served."""
    answer = desk.get(path)

    assert (status, code) == (answer.status, answer.json["error"]["code"])
    assert answer.json["error"]["text"]
    assert answer.json["error"]["hint"]
    assert "Traceback" not in answer.body.decode()
    assert 200 == desk.get("/api/v1/decisions").status


def test_only_reading_is_possible(desk: Desk) -> None:
    """No path takes anything but GET."""
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert 405 == desk.get("/api/v1/decisions", method=method).status


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=40), field=st.sampled_from(["workflow", "target", "conversation", "outcome", "cursor"]))
def test_no_text_is_an_error_of_ours(desk: Desk, name: str, field: str) -> None:
    """Quotes, control characters, SQL: whatever is asked for is not found or refused."""
    answer = desk.get(f"/api/v1/decisions?{field}={quote(name, errors='replace')}")

    assert answer.status in {200, 400}


def test_a_missing_store_is_an_error_with_a_hint(tmp_path: Path) -> None:
    """Before the store exists its questions fail plainly, and those about the state are answered."""
    desk = Desk(tmp_path)

    assert 404 == desk.get("/api/v1/decisions").status
    assert 200 == desk.get("/api/v1/status").status
    assert "unreadable" in desk.get("/api/v1/status").json["store"]


def _heard(desk: Desk) -> None:
    reading = Reading(3, 250_000, NOW_US + 2_000_000, Measure(420_000, 1, 9, NOW_US - 5_000_000))
    view = WorkerSignals(
        0, 77, NOW_US, 1_500, (TargetSignals("gpt-5.2@openai-us", reading),), {"accepted": 5}, {"decide": 12}
    )
    desk.condition.take_signals([view], merge([view], Board(), NOW_US))


def test_ready_means_that_workers_were_heard(desk: Desk) -> None:
    """503 until a worker's signals arrived, and again when none is heard any more."""
    before = desk.get("/readyz", token=None)
    _heard(desk)
    during = desk.get("/readyz", token=None)
    desk.condition.take_signals([], Board())
    after = desk.get("/readyz", token=None)

    assert [503, 200, 503] == [before.status, during.status, after.status]
    assert {"status": "ok"} == during.json


def test_a_store_that_is_down_is_said_and_does_not_unready(desk: Desk) -> None:
    """Requests are served without the store: health stays 200, its word and the metric change."""
    _heard(desk)
    assert desk.condition.report is not None
    desk.condition.report = desk.condition.report._replace(up=False, because="database is locked")

    assert (200, {"status": "store down"}) == (desk.get("/healthz").status, desk.get("/healthz").json)
    assert (200, {"status": "store down"}) == (desk.get("/readyz").status, desk.get("/readyz").json)
    assert b"poise_store_up 0.0" in desk.get("/metrics").body
    assert "database is locked" == desk.get("/api/v1/status").json["store"]["because"]


def test_workflows_show_objective_beside_what_was_attained(desk: Desk) -> None:
    """Five of six that their caller did not spoil were completed; all first bytes were in time; refusals are apart."""
    (workflow,) = desk.get("/api/v1/workflows").json["workflows"]

    assert (800_000, 999_000) == (workflow["objective"]["first_token_us"], workflow["objective"]["success_e6"])
    assert {"completed": 5, "failed": 1, "refused": 1} == workflow["outcomes"]
    assert pytest.approx(5 / 6) == workflow["attained"]["success_share"]
    assert 1.0 == workflow["attained"]["first_token_share"]
    assert pytest.approx(6 * 3_225e-6) == workflow["cost_usd"]


def test_the_minute_passes(desk: Desk) -> None:
    """What began more than a minute ago counts in the totals, no longer in the rates."""
    desk.clock.us += 80_000_000
    (workflow,) = desk.get("/api/v1/workflows").json["workflows"]

    assert 0 == workflow["requests"]
    assert None is workflow["attained"]["success_share"]
    assert b'poise_requests_total{outcome="completed",target="gpt-5.2@openai-us",workflow="support-chat"} 5.0' in (
        desk.get("/metrics").body
    )


def test_targets_show_health_and_latency(desk: Desk) -> None:
    """Every target of the configuration, with what the board says of it."""
    _heard(desk)
    targets = {row["target"]: row for row in desk.get("/api/v1/targets").json["targets"]}
    row = targets["gpt-5.2@openai-us"]

    assert 4 == len(targets)
    assert ("ejected", 2_000_000, 3, 6) == (row["state"], row["ejected_for_us"], row["in_flight"], row["requests"])
    assert (420_000, 5_000_000) == (row["first_token"]["value_us"], row["first_token"]["age_us"])
    assert ("in", None) == (targets["gpt-5.2@openai-eu"]["state"], targets["gpt-5.2@openai-eu"]["first_token"])


def test_metrics_hold_what_happened(desk: Desk) -> None:
    """Requests, attempts, durations, lag, stages, ejections, store, journal and drops are all there."""
    _heard(desk)
    desk.condition.take_actions([Action(NOW_US, "health", "gpt-5.2@openai-us", "eject", "x")])
    text = desk.get("/metrics").body.decode()

    for line in (
        'poise_requests_total{outcome="failed",target="gpt-5.2@openai-us",workflow="support-chat"} 1.0',
        'poise_attempts_total{outcome="completed",target="gpt-5.2@openai-us",workflow="support-chat"} 10.0',
        'poise_request_seconds_bucket{le="1.048576",outcome="completed",workflow="support-chat"} 0.0',
        'poise_request_seconds_bucket{le="2.097152",outcome="completed",workflow="support-chat"} 5.0',
        'poise_request_seconds_sum{outcome="completed",workflow="support-chat"} 9.5',
        'poise_first_byte_seconds_count{workflow="support-chat"} 6.0',
        'poise_first_token_objective_total{kept="yes",workflow="support-chat"} 6.0',
        'poise_loop_lag_seconds{worker="0"} 0.0015',
        'poise_stage_seconds{stage="decide",worker="0"} 1.2e-05',
        'poise_worker_count{what="accepted",worker="0"} 5.0',
        'poise_target_ejected{target="gpt-5.2@openai-us"} 1.0',
        'poise_target_in_flight{target="gpt-5.2@openai-us"} 3.0',
        'poise_actions_total{action="eject",subject="gpt-5.2@openai-us"} 1.0',
        "poise_store_up 1.0",
        "poise_journal_fill_ratio 0.0",
        "poise_stored_total 14.0",
        "poise_detail_dropped_total 0.0",
        "poise_records_dropped_total 0.0",
    ):
        assert line in text.splitlines()


def test_strangers_names_do_not_make_metrics_grow(tmp_path: Path) -> None:
    """A thousand made-up model names are one label."""
    desk = Desk(tmp_path)
    with World(tmp_path) as world:
        writer = world.writer()
        for number in range(1000):
            writer.refused(FIRST + number, "unknown_model", f"made-up-{number}", "", 404)
        desk.condition.take_report(world.step())
    text = desk.get("/metrics").body.decode()

    assert 'poise_requests_total{outcome="refused",target="",workflow="(other)"} 1000.0' in text
    assert "made-up" not in text


def test_every_reason_has_its_words() -> None:
    """The list of reasons is closed, and each is explained with its figures."""
    assert set(Drop) == set(WHY_DROPPED)


def test_the_description_describes(desk: Desk) -> None:
    """Each path and filter has a text, and every error is declared."""
    described = desk.get("/openapi.json").json
    paths = described["paths"]

    assert {
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1/decisions",
        "/api/v1/decisions/{id}",
        "/api/v1/targets",
        "/api/v1/workflows",
        "/api/v1/status",
    } == set(paths)
    assert all(path["get"]["description"] for path in paths.values())
    assert {"400", "401", "503"} <= paths["/api/v1/decisions"]["get"]["responses"].keys()
    assert "404" in paths["/api/v1/decisions/{id}"]["get"]["responses"]


def test_ids_are_read_and_shown_alike(desk: Desk) -> None:
    """The id in a list is the id that its own page takes and shows."""
    for row in desk.get("/api/v1/decisions").json["decisions"]:
        assert row["id"] == desk.get(f"/api/v1/decisions/{row['id']}").json["id"]


def test_everything_is_json(desk: Desk) -> None:
    """Answers can be decoded by any client: no number beyond 53 bits, no bytes."""
    raw = desk.get(f"/api/v1/decisions/{show_id(FIRST)}").body

    def numbers(value: object) -> Iterator[int]:
        if isinstance(value, dict):
            for inner in value.values():
                yield from numbers(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from numbers(inner)
        elif isinstance(value, int):
            yield value

    assert all(abs(number) < 1 << 53 for number in numbers(msgspec.json.decode(raw)))
