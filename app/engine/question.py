"""What is asked of the figures at several positions alike: sections of a report, of one `until`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from app.engine.clock import now
from app.text.arguments import in_zone
from journey.definition import Definition
from journey.errors import Refused
from journey.instants import Instant, last_end_of_day
from projections.figures.answering import answer
from projections.figures.answers import Answer
from projections.figures.defined import asked_by
from projections.figures.figure import Asked, Model, Where
from projections.figures.reports import check_dimensions, sections_of, values_asked
from projections.read_model import Ask


@dataclass(slots=True)
class Question:
    """The sections of a model that are asked for at both positions: see `app.engine.asking.report`. `until` is one instant or day for both.
    `figures` are those that are asked where not all of the sections are."""

    model: Model
    sections: Sequence[str] = ()
    by: tuple[str, ...] = ()
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    from_on: str = ""
    to_on: str = ""
    until: Instant | date = field(default_factory=now)
    currency: str = ""
    figures: Collection[str] | None = None

    def asked(self, by: Definition) -> Asked:
        """What is asked where the definition is `by`, which says when days begin."""
        return asked_by(
            by,
            in_zone(self.until, by.zone),
            from_on=self.from_on,
            to_on=self.to_on,
            by=self.by,
            where=tuple(Where(name, tuple(values)) for name, values in self.where.items()),
            currency=self.currency,
        )

    async def named_as_known(self, asks: Sequence[Ask], by: Definition) -> None:
        """Ask for values by what they are called at one of several positions at least. Raises Refused where one is at none."""
        figures = [figure for section in sections_of(self.model, self.sections) for figure in section.figures]
        refused = None
        for ask in asks:
            try:
                self.where = dict(await values_asked(ask, figures, self.asked(by)))
                return
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
