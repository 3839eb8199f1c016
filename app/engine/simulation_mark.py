"""How data remembers that some of it is simulated."""

from app.engine.clock import now
from app.engine.ports import Engine


async def note_simulated(engine: Engine) -> None:
    """Keep with the data that some of it is simulated: every report of it says so."""
    if not await is_simulated(engine):
        reason = "simulated touchpoints were taken in"
        await engine.desk.decide(at=now(), actor="journey", action="simulated", reason=reason, detail={})


async def is_simulated(engine: Engine) -> bool:
    return bool(await engine.desk.decisions("simulated"))
