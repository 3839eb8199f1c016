"""`journey report`: a read model as a report."""

from dataclasses import asdict
from datetime import date
from enum import StrEnum
from typing import Any

import typer

from app.engine.access import read
from app.engine.known_state import known, read_model
from app.engine.ports import Engine
from app.engine.simulation_mark import is_simulated
from app.text import reports as show_reports
from app.text.arguments import Data, Json, KnownAt, Until, asked_until, in_zone
from app.text.printing import as_json, note
from journey.instants import day
from projections import marketing_report, sales_report
from projections.marketing import marketing
from projections.sales import sales

app = typer.Typer(add_completion=False)


class Model(StrEnum):
    marketing = "marketing"
    sales = "sales"


@app.command()
def report(model: Model, data: Data = None, until: Until = None, known_at: KnownAt = None, json: Json = False) -> None:
    """Marketing's or sales' read model, as a report. Reports stand at ends of days."""
    asked = asked_until(until)

    async def run(engine: Engine) -> Any:
        was = await known(engine, known_at)
        definition = was.definition
        at = in_zone(asked, definition.zone)
        report = marketing_report.report if model is Model.marketing else sales_report.report
        if known_at is None:
            answer: Any = await report(engine.marketing if model is Model.marketing else engine.sales, definition, at)
        else:
            async with read_model(marketing if model is Model.marketing else sales, was) as store:
                answer = await report(store, definition, at)
        today = date.fromisoformat(day(at, definition.zone))
        return answer, await is_simulated(engine), today

    answer, simulated, today = read(data, run)
    if json:
        as_json({**asdict(answer), "simulated": simulated})
        return
    if model is Model.marketing:
        show_reports.marketing(answer, simulated=simulated)
    else:
        show_reports.sales(answer, simulated=simulated)
    if until is None:
        note(f"today is not over, so it is not in it; --until {today} has what is known of it")
