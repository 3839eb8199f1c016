"""The web application: its routes over one engine."""

from fastapi import FastAPI

from app.server import health, publishing
from app.server.problems import answer_problems
from app.server.served import Served


def application(served: Served) -> FastAPI:
    """Everything that `journey serve` answers."""
    app = FastAPI(title="Customer journey engine", version="1", openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None)
    app.state.served = served
    answer_problems(app)
    app.include_router(health.router)
    publishing.prepare(app)
    app.include_router(publishing.router)
    return app
