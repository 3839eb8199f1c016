"""The web application: its routes over one engine."""

import asyncio
from collections.abc import Collection

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from app.server import health, importing, publishing
from app.server.problems import answer_problems
from app.server.served import Served


def application(served: Served, allowed_origins: Collection[str] = ()) -> FastAPI:
    """Everything that `journey serve` answers. Browsers on pages of `allowed_origins` may publish, and none else."""
    app = FastAPI(title="Customer journey engine", version="1", openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None)
    app.state.served = served
    answer_problems(app)
    app.include_router(health.router)
    if allowed_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(allowed_origins), allow_methods=["POST"], allow_headers=["*"], expose_headers=["Retry-After"]
        )
    publishing.prepare(app)
    app.include_router(publishing.router)
    app.state.imports = asyncio.Semaphore(importing.FILES_MAX)
    app.include_router(importing.router)
    return app
