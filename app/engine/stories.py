"""One customer's story, and why it is at its stage: as of an instant, as known at a position."""

from datetime import date
from functools import partial

from app.engine.known_state import definition_at, known, position_known
from app.engine.ports import Engine
from app.engine.question import until_of
from journey.errors import Refused
from journey.instants import Instant
from streams import explaining, story_differences
from streams import timeline as telling


async def timeline(engine: Engine, id: str, until: Instant | date | None, known_at: str | None) -> telling.Timeline:
    """Raises NotThere where nothing is known of `id`, Refused where it can't be asked so."""
    definition, bodies = await known(engine, known_at)
    return await telling.timeline(definition, bodies, id, until_of(until, definition))


async def timeline_between(
    engine: Engine, id: str, until: Instant | date | None, positions: tuple[str, str]
) -> story_differences.StoryDifferences:
    """What is told differently at two positions, or times of recording. Raises Refused."""
    earlier, later = [await position_known(engine, known_at) for known_at in positions]
    if earlier > later:
        raise Refused(f"position {earlier} is after {later}; name the earlier one first")
    at = until_of(until, await definition_at(engine, later))
    return await story_differences.story_differences(partial(definition_at, engine), engine.record, id, at, earlier, later)


async def explained(engine: Engine, id: str, until: Instant | date | None, known_at: str | None, stage: str = "") -> explaining.Explained:
    """Raises NotThere where nothing is known of `id`, Refused where it can't be asked so."""
    definition, bodies = await known(engine, known_at)
    return await explaining.explained(definition, bodies, id, until_of(until, definition), stage)
