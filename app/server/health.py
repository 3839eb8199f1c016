"""Whether the server is there, and whether it can do its work."""

from fastapi import APIRouter, Request

from app.server.served import Served

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(request: Request) -> dict[str, str | int]:
    """The log and both read models can be reached: else 503, with what is the matter."""
    here: Served = request.app.state.served
    await here.check()
    await here.check_log()
    return {"status": "ok", "position": here.positions.position}
