"""The web application: its routes over one engine."""

import asyncio

from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from fastapi.telemetry import TelemetryConfig

from app.server import audit, health, importing, keys, publishing, reading
from app.server.access import Callers
from app.server.cors import Cors
from app.server.heads import HeadAsGet
from app.server.live import TransitionFeed
from app.server.metrics import measure
from app.server.pages import definitions, entrance, letters, operation, rendering, reports, restated, selling, subjects
from app.server.pages.lengthy import Lengthy
from app.server.problems import answer_problems, check_text
from app.server.served import Served

TRACES_ONLY: TelemetryConfig = {"metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}
"""FastAPI makes a span of each request, where `app.engine.tracing` has begun."""


def application(served: Served, one_time: bytes | None = None) -> FastAPI:
    """Everything that `journey serve` answers. `one_time` is the hash of a key that is kept nowhere."""
    app = FastAPI(
        title="Customer journey engine",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        telemetry=TRACES_ONLY,
        dependencies=[Depends(check_text)],
    )
    app.state.served = served
    app.state.callers = Callers(served, one_time)
    app.state.feed = TransitionFeed(served)
    app.state.problems = entrance.Problems()
    app.state.lengthy = Lengthy()
    answer_problems(app)
    measure(app)
    app.include_router(health.router)
    app.add_middleware(Cors)
    app.add_middleware(HeadAsGet)
    publishing.prepare(app)
    app.state.imports = asyncio.Semaphore(importing.FILES_MAX)
    for router in (keys.router, publishing.router, importing.router):
        app.include_router(router)
    app.include_router(reading.routes())
    for pages in (entrance, reports, restated, subjects, selling, letters, definitions, operation):
        app.include_router(pages.router)
    app.include_router(audit.pages)
    app.mount("/static", StaticFiles(directory=rendering.HERE / "static"), name="static")
    return app
