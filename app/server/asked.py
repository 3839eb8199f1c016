"""What a request asks: the options of `journey report` as query parameters, each with its bounds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Annotated, Any, get_args

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from app.engine.clock import now
from app.engine.question import Question
from app.server.problems import HttpProblem
from app.server.served import Served
from app.text.arguments import asked_until, currency_of, day_of, filters, funnel_of, names_of
from journey.definition import FunnelOrder
from journey.errors import Refused
from journey.instants import Instant, moment
from projections.figures.figure import Figure, Model

TEXT_MAX = 1_000
"""The letters of one value at most."""

VALUES_MAX = 100
"""How often `by` and `where` may be given."""

YEARS_AHEAD_MAX = 10
"""How far ahead may be asked for: periods in which nothing is are answered too, each with its cells."""

TOP_MAX = 100_000
PAGE_MAX, PAGE = 500, 50
"""How many of a list a page has, at most and where nobody says."""

POSITION_MAX = 2**53
WAIT_SECONDS_MAX, WAIT_SECONDS = 30.0, 5.0
"""How long a request waits for a position, at most and where nobody says."""

RETRY_SECONDS = 1
"""After how long one is to come again that waited for nothing."""

Text = Annotated[str, Field(max_length=TEXT_MAX)]
Texts = Annotated[list[Text], Field(max_length=VALUES_MAX)]
Time = Annotated[str, Field(max_length=64)]


class AskedPosition(BaseModel):
    """What all that is read may be asked with."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    min_position: int = Field(0, ge=0, le=POSITION_MAX, description="Answer once both read models have this position.")
    wait: float = Field(
        WAIT_SECONDS, ge=0, le=WAIT_SECONDS_MAX, allow_inf_nan=False,
        description="How many seconds to wait for `min_position`. It is a 412 where that is not enough.",
    )  # fmt: skip


class AsOf(AskedPosition):
    until: Time = Field(
        "",
        description="As of the end of this day of the reporting zone (2025-06-30), or of this instant (2025-06-30T12:00:00Z). "
        "Default: now.",
    )
    known_at: Time = Field(
        "",
        description="As known at this position (17), or at the last one recorded up to the end of this day of the reporting zone"
        " (2025-06-30), or up to this time (2025-06-30T12:00:00Z). Default: now.",
    )

    @cached_property
    def asked_until(self) -> Instant | date:
        """Raises Refused."""
        if not self.until:
            return now()
        asked = asked_until(self.until)
        year = asked.year if isinstance(asked, date) else moment(asked).year
        if year > moment(now()).year + YEARS_AHEAD_MAX:
            raise Refused(f"until {self.until!r} is more than {YEARS_AHEAD_MAX} years ahead")
        return asked

    @property
    def known(self) -> str | None:
        return self.known_at or None


class AskedPage(AsOf):
    limit: int = Field(PAGE, ge=1, le=PAGE_MAX, description="How many are on a page at most.")
    after: Text = Field("", description="A cursor: what the link to the next page has.")


class AskedDays(AsOf):
    from_: Time = Field("", alias="from", description="What is dated on this day or later.")
    to: Time = Field("", description="What is dated before this day.")


class OfFigures(AskedDays):
    """Which dimensions there are, `parameters` says."""

    by: Texts = Field([], description="Break down by these, and by one period at most. Several may stand in one, with commas in between.")
    where: Texts = Field([], description="Only what has this value: owner=anna. Of several of one dimension, any.")
    currency: Annotated[str, Field(max_length=4)] = Field(
        "", description="Convert money to it, at stated rates; `each`: to none. Default: the definition's, where there are rates to it."
    )

    @property
    def grouping(self) -> tuple[str, ...] | None:
        """None where nobody says: then a section is broken down as it is shown."""
        return names_of(",".join(self.by)) if self.by else None

    @property
    def filters(self) -> dict[str, tuple[str, ...]]:
        """Raises Refused."""
        return filters(self.where)

    def question(self, model: Model, sections: Sequence[str] = ()) -> Question:
        """Raises Refused."""
        return Question(
            model, sections, self.grouping, self.filters,
            from_on=day_of("--from", self.from_) if self.from_ else None, to_on=day_of("--to", self.to) if self.to else None,
            until=self.asked_until, known_at=self.known, currency=currency_of(self.currency or None),
        )  # fmt: skip


class OfReport(OfFigures):
    top: int = Field(0, ge=0, le=TOP_MAX, description="So many at most of what is listed, the highest. Default: all.")

    def question(self, model: Model, sections: Sequence[str] = ()) -> Question:
        """Raises Refused."""
        return replace(super().question(model, sections), top=self.top)


class OfFunnel(OfFigures):
    """What figures of funnels may be asked with besides."""

    funnel: Text | None = Field(
        None,
        description="One funnel: its name in the definition, or its steps with commas in between, as `journey funnel` has it:"
        " lead,demo:optional,won. Default: all funnels of the definition.",
    )
    within: Time | None = Field(None, description="How long after the first step all others of `funnel` may come: 30d.")
    order: Time | None = Field(None, description=f"In which order the steps of `funnel` come: {', '.join(get_args(FunnelOrder))}.")

    def question(self, model: Model, sections: Sequence[str] = ()) -> Question:
        """Raises Refused."""
        return replace(super().question(model, sections), funnel=funnel_of(self.funnel, self.within, self.order))


class OfEvidence(OfFigures):
    limit: int = Field(20, ge=1, le=PAGE_MAX, description="How many deals, people or leads are told of.")
    after: Text = Field("", description="A cursor: what the link to the next page has.")


class OfChanges(OfFigures):
    from_position: Time = Field(description="The earlier position, or a day or time of recording.")
    to_position: Time = Field(description="The later one.")
    section: Texts = Field([], description="Only these sections.")


class OfFunnelReport(OfFunnel, OfReport):
    pass


class OfFunnelEvidence(OfFunnel, OfEvidence):
    pass


def parameters(options: type[AskedPosition], figures: Sequence[Figure] = ()) -> list[dict[str, Any]]:
    """`options` as OpenAPI has them, with the dimensions that `figures` are broken down and filtered by."""
    schema = options.model_json_schema()
    said = schema["properties"]
    breakdowns = dict.fromkeys(name for figure in figures for name in figure.breakdowns)
    dimensions = {name: dimension for figure in figures for name, dimension in figure.dimensions.items()}
    if breakdowns:
        said["by"]["items"] = {"type": "string", "enum": [*breakdowns]}
    if dimensions:
        said["where"]["items"] = {"type": "string", "pattern": f"^({'|'.join(dimensions)})="}
        said["where"]["description"] += "".join(f"\n- {name}: {one.says or name}" for name, one in dimensions.items())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": one.pop("description", ""),
            "schema": {key: value for key, value in one.items() if key != "title"},
        }
        for name, one in said.items()
    ]


async def ready(request: Request, asked: AskedPosition) -> Served:
    """The engine, once its read models are where the request wants them. Raises HttpProblem."""
    here: Served = request.app.state.served
    if not await here.positions.wait(asked.min_position, asked.wait):
        at = here.positions.position
        raise HttpProblem(
            412,
            f"position {asked.min_position} is not in the read models yet; they are at {at}",
            headers={"Retry-After": str(RETRY_SECONDS)},
            position=at,
        )
    return here
