"""The admin API: health, metrics, decisions, targets, workflows; FastAPI, so that its OpenAPI is its code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from poise import __version__
from poise.clock import Clock
from poise.decision import OutcomeKind, show_id
from poise.edge.admin import view
from poise.edge.admin.condition import Condition
from poise.edge.admin.explain import explain, number, summary
from poise.edge.admin.guard import body_of
from poise.edge.admin.metrics import CONTENT_TYPE, Metrics
from poise.errors import Error
from poise.store.query import MOST_ROWS, OPEN, Archive, Find

T = TypeVar("T")

_MOST_US = (1 << 51) - 1  # the last microsecond that fits an id
_NAME = Query(max_length=512, description="Exact match; all where it is left out.")
_TIME = Query(ge=0, le=_MOST_US, description="Wall time, microseconds since 1970.")


class Problem(BaseModel):
    """What went wrong, and how to get on."""

    code: str = Field(description="A stable code.")
    text: str
    hint: str


class Failed(BaseModel):
    """Every answer that is not 2xx, but for health."""

    error: Problem


class Health(BaseModel):
    """status is ``ok`` or says what is wrong, without details."""

    status: str


class DecisionList(BaseModel):
    """Decisions, newest first; cursor fetches the next ones, '' at the end."""

    decisions: list[dict[str, Any]]
    cursor: str


_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Failed, "description": text}
    for status, text in (
        (400, "The question cannot be understood."),
        (401, "The token is missing or wrong."),
        (503, "The store cannot be read now."),
    )
}
_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Failed, "description": "There is none."}}


def make_app(condition: Condition, data: Path, clock: Clock) -> FastAPI:
    """The application behind the guard."""
    app = FastAPI(
        title="Poise admin API",
        version=__version__,
        description="What Poise decides and why. Bearer token: POISE_ADMIN_TOKEN or `<data>/admin-token`.",
        docs_url=None,
        redoc_url=None,
        responses=_ERRORS,
    )
    _errors(app)
    _health(app, condition, clock)
    _decisions(app, data)
    _state(app, condition, data, clock)
    return app


def _errors(app: FastAPI) -> None:
    @app.exception_handler(Error)
    def told(_: Request, problem: Error) -> JSONResponse:
        return JSONResponse(body_of(problem), problem.status)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, problem: RequestValidationError) -> JSONResponse:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        error = Error("invalid_field", f"{where}: {first['msg']}", hint="GET /openapi.json says what is taken")
        return JSONResponse(body_of(error), 400)

    @app.exception_handler(HTTPException)
    def http(_: Request, problem: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed"}.get(problem.status_code, "bad_request")
        error = Error(code, str(problem.detail), hint="GET /openapi.json lists what there is")
        return JSONResponse(body_of(error), problem.status_code, headers=problem.headers)

    @app.exception_handler(500)
    def unforeseen(_: Request, __: Exception) -> JSONResponse:
        error = Error("internal", "the answer could not be made", hint="the reason is in control's log")
        return JSONResponse(body_of(error), 500)


def _health(app: FastAPI, condition: Condition, clock: Clock) -> None:
    @app.get("/healthz", tags=["health"], response_model=Health)
    async def healthz() -> dict[str, str]:
        """Whether control runs. 200 even while the store is down: requests are served all the same."""
        return {"status": view.health(condition)}

    @app.get("/readyz", tags=["health"], response_model=Health, responses={503: {"model": Health}})
    async def readyz(response: Response) -> dict[str, str]:
        """Whether workers serve; 503 until they have been heard, or when none is heard any more."""
        wrong = condition.ready()
        response.status_code = 503 if wrong else 200
        return {"status": wrong or view.health(condition)}

    metrics = Metrics(condition, clock)

    @app.get("/metrics", tags=["health"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics_text() -> Response:
        """Prometheus metrics."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)


def _decisions(app: FastAPI, data: Path) -> None:
    @app.get("/api/v1/decisions", tags=["decisions"], response_model=DecisionList)
    def decisions(
        workflow: Annotated[str, _NAME] = "",
        target: Annotated[str, _NAME] = "",
        outcome: Annotated[str, Query(description=f"{OPEN}, or one of {', '.join(OutcomeKind)}.")] = "",
        conversation: Annotated[str, _NAME] = "",
        since: Annotated[int, _TIME] = 0,
        until: Annotated[int, _TIME] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
        cursor: Annotated[str, Query(max_length=18, description="From the answer before this one.")] = "",
    ) -> dict[str, Any]:
        """Decisions that match, newest first."""
        if outcome and outcome != OPEN and outcome not in list(OutcomeKind):
            hint = f"one of {OPEN}, {', '.join(OutcomeKind)}"
            raise Error("invalid_field", f"outcome: {outcome[:40]!r} is none", hint=hint)
        before = number(cursor, "cursor") if cursor else 0
        what = Find(workflow, target, outcome, conversation, since, until, before, limit)
        with Archive(data) as archive:
            found = archive.find(what)
        more = show_id(found[-1].id) if len(found) == limit else ""
        return {"decisions": [summary(row) for row in found], "cursor": more}

    @app.get("/api/v1/decisions/{id}", tags=["decisions"], responses=_NOT_FOUND)
    def decision(id: str) -> dict[str, Any]:
        """One decision explained: inputs, candidates, signals, attempts, outcome, and what would have flipped it."""
        wanted = number(id, "id")
        return _read(data, lambda archive: explained(archive, wanted))


def _state(app: FastAPI, condition: Condition, data: Path, clock: Clock) -> None:
    @app.get("/api/v1/targets", tags=["state"])
    async def targets() -> dict[str, Any]:
        """Every target: where it is, its health, latency and calls in flight."""
        return {"targets": view.targets(condition, clock.now_us())}

    @app.get("/api/v1/workflows", tags=["state"])
    async def workflows() -> dict[str, Any]:
        """Every workflow: objective against what was attained within the last minute, rate, cost."""
        return {"workflows": view.workflows(condition, clock.now_us())}

    @app.get("/api/v1/status", tags=["state"])
    def status() -> dict[str, Any]:
        """All of it at once, with the store's state and what loops did last."""
        told = view.status(condition, clock.now_us())
        try:
            with Archive(data) as archive:
                told["actions"] = archive.newest("actions", 20)
                told["gaps"] = archive.newest("gaps", 20)
        except Error as problem:
            told["store"]["unreadable"] = problem.text
        return told


def explained(archive: Archive, wanted: int) -> dict[str, Any]:
    """A decision's explanation. Raises Error where it is not stored (yet, or any more)."""
    row = archive.get(wanted)
    if row is None:
        hint = "decisions are stored within a second and kept as `retention` says"
        raise Error("not_found", f"{show_id(wanted)} is not in the store", hint=hint)
    return explain(row, archive.policy(row.policy) if row.policy else None)


def _read(data: Path, ask: Callable[[Archive], T]) -> T:
    with Archive(data) as archive:
        return ask(archive)
