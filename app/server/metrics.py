"""`/metrics`, for Prometheus: what this server does, and where the read models are.

It needs a key that may audit, from wherever it is asked: so what a scraper keeps in its configuration can change nothing.
"""

import time
from contextlib import suppress
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.engine.ports import Engine
from app.server.access import needs
from app.server.roles import Right
from app.server.served import Served
from journey.errors import Away

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

    async def text(self, served: Served) -> bytes:
        """All of them, as of now."""

        async def run(engine: Engine) -> bytes:
            return await served.measures.text(engine, None, (engine.marketing, engine.sales))

        told = await served.read(run)
        self.published.set(served.published)
        with suppress(Away):
            self.duplicates.set(await served.duplicates())
        return generate_latest(self.registry) + told

    def _gauge(self, name: str, says: str) -> Gauge:
        return Gauge(name, says, registry=self.registry)


class MeasuredRequests:
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
    app.add_middleware(MeasuredRequests, metrics=metrics)
    app.include_router(router)


@router.get("/metrics", dependencies=[needs(Right.audit)], response_class=Response)
async def metrics(request: Request) -> Response:
    """What this server does, for Prometheus."""
    found: Metrics = request.app.state.metrics
    return Response(await found.text(request.app.state.served), media_type=CONTENT_TYPE_LATEST)
