"""A question to the figures: a command makes it of its options, the server of a request, Python by itself (docs/asking.md)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from app.engine.clock import now
from app.text.arguments import in_zone
from journey.definition import Definition
from journey.errors import Refused
from journey.funnels import AskedFunnel
from journey.instants import Instant, instant, last_end_of_day
from projections.figures.answering import answer
from projections.figures.answers import Answer
from projections.figures.defined import asked_by, options_of
from projections.figures.figure import Asked, Model, Where
from projections.figures.reports import check_dimensions, sections_of, values_asked
from projections.read_model import Ask


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a model: of its `sections`, all where none is named, or of one figure.

    `by` names dimensions and at most one period; None is what each section is shown by. `where` keeps rows that have one of these values.
    The period is half-open: `to_on` is no longer in it. `until` is an instant, or the end of a day of the reporting zone; None is now.
    `known_at` is a position, or a time of recording; None is now. `currency` converts money at stated rates; None is the company's own
    where rates to it are stated, "" is each by itself.
    `top` is how many of the highest a list has at most: 0 is all, None as many as a terminal shows of people.
    `figures` are those that are compared at two positions where not all of the sections are.
    `funnel` is the one that figures of funnels are of, where not all of the definition's are asked for.
    """

    model: Model
    sections: Sequence[str] = ()
    by: Sequence[str] | None = None
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    from_on: date | None = None
    to_on: date | None = None
    until: Instant | date | datetime | None = None
    known_at: str | None = None
    currency: str | None = None
    top: int | None = 0
    figures: Collection[str] | None = None
    funnel: AskedFunnel | None = None

    def asked(self, by: Definition) -> Asked:
        """What is asked where the definition is `by`, which says when days begin. Raises Refused."""
        asked = asked_by(
            by,
            until_of(self.until, by),
            from_on="" if self.from_on is None else self.from_on.isoformat(),
            to_on="" if self.to_on is None else self.to_on.isoformat(),
            by=tuple(self.by or ()),
            where=tuple(Where(name, tuple(values)) for name, values in self.where.items()),
            currency=self.currency,
            known_at=self.known_at or "",
            top=self.top,
        )
        if self.funnel is None:
            return asked
        return replace(asked, options={**asked.options, **options_of([self.funnel.under(by)], by)})

    def at_several(self) -> "Question":
        """The same to be asked at several positions alike: of one instant, of all cells, and each amount in the currency that it was stated
        in unless one is named, since a late rate would change everything else."""
        return replace(self, by=self.by or (), until=now() if self.until is None else self.until, currency=self.currency or "", top=0)

    async def named_as_known(self, asks: Sequence[Ask], by: Definition) -> "Question":
        """The same, asking for values by what they are called at one of several positions at least. Raises Refused where one is at none."""
        figures = [figure for section in sections_of(self.model, self.sections) for figure in section.figures]
        refused = None
        for ask in asks:
            try:
                return replace(self, where=dict(await values_asked(ask, figures, self.asked(by))))
            except Refused as error:
                refused = refused or error
        raise refused or Refused("nobody to ask")

    async def answers(self, ask: Ask, by: Definition, only: Collection[str] | None = None) -> dict[str, Answer]:
        """By section; only figures of these names."""
        asked = self.asked(by)
        check_dimensions(self.model, self.sections, asked)
        found = {}
        for section in sections_of(self.model, self.sections):
            figures = [one for one in section.figures if not one.lacks(asked) and (self.figures is None or one.name in self.figures)]
            wanted = [figure for figure in figures if only is None or figure.name in only]
            if wanted:
                # Figures of a section share what they are asked until, and whether money is converted: some are asked as all are.
                until = last_end_of_day(asked.until, asked.zone) if any(one.of.grain == "day" for one in figures) else asked.until
                found[section.name] = await answer(ask, figures if self.currency else wanted, replace(asked, until=until))
        return found


def until_of(until: Instant | date | datetime | None, definition: Definition) -> Instant:
    """The instant that is meant: of a day its end."""
    if isinstance(until, datetime):
        return instant(until)
    return now() if until is None else in_zone(until, definition.zone)
