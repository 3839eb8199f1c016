"""The demo: a simulated company through the whole machine."""

from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from app.engine.asking import report
from app.engine.folder import BESIDE_DATABASES, DATABASES, DEMO, make_private
from app.engine.ports import Engine
from app.engine.question import Question
from app.engine.simulation_mark import note_simulated
from app.engine.summary import Summary
from app.simulation.spoiling import spoil
from app.simulation.world import simulate
from app.text.arguments import in_zone
from app.text.printing import note, progress
from journey.definition import Definition
from journey.errors import Refused
from projections.figures.reports import Report
from projections.figures.sections import grouped
from schemas.incoming import Incoming

START, DAYS, CUSTOMERS, SEED = date(2025, 1, 1), 180, 4000, 7
HALF, ENDS = START + timedelta(days=DAYS // 2), START + timedelta(days=DAYS - 1)


def cleared(folder: Path) -> None:
    """Make room for the demo. Raises Refused where the folder holds something else."""
    try:
        if folder.exists() and any(folder.iterdir()) and not (folder / DEMO).exists():
            raise Refused(f"{folder} is not empty and was not made by the demo; name another folder with --data")
        for name in DATABASES:
            for rest in ("", *BESIDE_DATABASES):
                (folder / (name + rest)).unlink(missing_ok=True)
    except OSError as error:
        raise Refused(f"{folder} can't be used for the demo: {error.strerror}") from error
    make_private(folder, (DEMO,))


MARKETING_SHOWN = tuple(members[0].name for _, members in grouped("marketing"))
"""The sections of marketing that are shown: the first of each group. All of them are too many to read at once."""


class Played(NamedTuple):
    """What became of it; `somebody` is the person with the highest score."""

    summary: Summary
    definition: Definition
    marketing: Report
    sales: Report
    somebody: str


async def play(engine: Engine, customers: int) -> Played:
    """Simulate and take in; ask both read models as of the last simulated day."""
    note(f"simulating a company: {customers:,} people, {DAYS} days; 5 % arrives late, 5 % twice, 0.1 % is broken on purpose")
    made = simulate(customers=customers, days=DAYS, seed=SEED, start=START)
    # Late and twice, as it is in life: the answers are the same.
    sent = spoil(made, seed=SEED, late=0.05, duplicates=0.05, broken=0.001)
    await engine.start(note)
    await note_simulated(engine)
    with progress(None, "simulating and placing touchpoints") as tell:
        records = (Incoming(line, "simulation", f"simulation:{number}") for number, line in enumerate(sent, start=1))
        summary = await engine.ingest(records, lambda read: tell(0))
    definition = await engine.definition()
    last = in_zone(ENDS, definition.zone)
    scores = "SELECT person FROM scores WHERE at <= ? AND until_at > ? GROUP BY person ORDER BY SUM(points * n) DESC, person LIMIT 1"
    async with engine.sales.snapshot() as ask:
        somebody = [person for (person,) in await ask(scores, last, last)]
    marketing = await report(engine, Question("marketing", MARKETING_SHOWN, until=last))
    sales = await report(engine, Question("sales", until=last))
    return Played(summary, definition, marketing, sales, somebody[0] if somebody else "company:self")
