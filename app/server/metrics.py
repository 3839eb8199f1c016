"""`/metrics`, for Prometheus: what this server does, and where the read models are.

It needs a key that may audit, from wherever it is asked: so what a scraper keeps in its configuration can change nothing.
"""

import time
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.engine.ports import Engine
from app.server.access import needs
from app.server.roles import Right
from app.server.served import Served
from streams.operators import State

router = APIRouter(tags=["operation"])

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
NO_ROUTE: Final = "(none)"
"""The route of what is nowhere: paths that clients make up are no labels."""

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """Those of one application. In `app.state.metrics`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "journey_http_requests", "Requests that were answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "journey_http_request_seconds", "How long until an answer began.", ("route",), registry=self.registry, buckets=SECONDS
        )
        self.published = self._gauge("journey_published_total", "Records that this server has published.")
        self.duplicates = self._gauge(
            "journey_duplicates_total", "Touchpoints that were there already: embedded, since this server started."
        )
        self.letters = Gauge("journey_dead_letters", "Dead letters, by what became of them.", ("state",), registry=self.registry)
        self.position = self._gauge("journey_record_position", "The last unit of the record.")
        self.at = Gauge("journey_read_model_position", "The last unit that a read model has.", ("model",), registry=self.registry)
        self.staleness = self._gauge(
            "journey_staleness_seconds", "How long the read models have been behind the record; 0 where they are not."
        )

    async def text(self, served: Served) -> bytes:
        """All of them, as of now. Raises Away."""

        async def run(engine: Engine) -> tuple[int, int, int, dict[State, int]]:
            marketing, sales = await engine.marketing.position(), await engine.sales.position()
            # Looked at last, so that no read model seems to be ahead of it.
            return marketing, sales, await engine.record.position(), dict(await engine.desk.states())

        marketing, sales, position, letters = await served.read(run)
        self.at.labels("marketing").set(marketing)
        self.at.labels("sales").set(sales)
        self.position.set(position)
        for state in State:
            self.letters.labels(state).set(letters.get(state, 0))
        self.published.set(served.published)
        self.duplicates.set(await served.duplicates())
        self.staleness.set(served.staleness())
        return generate_latest(self.registry)

    def _gauge(self, name: str, says: str) -> Gauge:
        return Gauge(name, says, registry=self.registry)


class Measured:
    """Counts and times what `app` answers."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, is_answered = time.perf_counter(), False

        def answered(status: int) -> None:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            method = scope["method"] if scope["method"] in METHODS else NO_ROUTE
            self._metrics.requests.labels(method, route, status).inc()
            # What goes on for as long as somebody listens would say nothing of how quick we are.
            self._metrics.seconds.labels(route).observe(time.perf_counter() - began)

        async def sending(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                answered(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            # Who is around us answers with it.
            if not is_answered:
                answered(500)
            raise


def measure(app: FastAPI) -> None:
    """Have what `app` answers counted and timed."""
    metrics = Metrics()
    app.state.metrics = metrics
    app.add_middleware(Measured, metrics=metrics)
    app.include_router(router)


@router.get("/metrics", dependencies=[needs(Right.audit)], response_class=Response)
async def metrics(request: Request) -> Response:
    """What this server does, for Prometheus."""
    found: Metrics = request.app.state.metrics
    return Response(await found.text(request.app.state.served), media_type=CONTENT_TYPE_LATEST)
