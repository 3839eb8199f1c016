"""The demo: a simulated company through the whole machine."""

from datetime import date, timedelta
from pathlib import Path

from app.engine.folder import BESIDE_DATABASES, DATABASES, DEMO, make_private
from app.engine.ports import Engine
from app.engine.simulation_mark import note_simulated
from app.engine.summary import Summary
from app.simulation.spoiling import spoil
from app.simulation.world import simulate
from app.text.arguments import in_zone
from app.text.printing import note, progress
from journey.errors import Refused
from projections import marketing_report, sales_report
from projections.marketing_report import MarketingReport
from projections.sales_report import SalesReport
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


async def play(engine: Engine, customers: int) -> tuple[Summary, MarketingReport, SalesReport]:
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
    demand = await marketing_report.report(engine.marketing, definition, last)
    return summary, demand, await sales_report.report(engine.sales, definition, last)
