"""What whoever reads outside events and exports left out, or was not sure of."""

from collections import Counter
from dataclasses import dataclass, field

from schemas.csv_cell import CELL_SHOWN_MAX, quoted

NOTICED_MAX = 1_000
"""Names of events that are told apart, with why something of them is left out."""
OTHERS = "(others)"


@dataclass(slots=True)
class ReadTwice:
    """Cells of a column that fit two formats of a rule which say different things; and one of them."""

    text: str
    place: str
    how: str
    count: int = 0
    last: str = ""
    """Where the last of them is: a row may make several touchpoints of one cell."""


@dataclass(slots=True)
class Separated:
    """Cells of a column that were read as having three decimals, `24.000`, and one of them: they may be thousands."""

    are_decimals: bool = False
    """Whether another cell says so: no group of thousands is written like it."""
    text: str = ""
    place: str = ""
    read_as: str = ""
    count: int = 0
    last: str = ""
    """Where the last of them is, as above."""


@dataclass(slots=True)
class Noticed:
    """What a reader of outside events and exports left out or was not sure of, so that whoever sends them sees it."""

    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By the name of the event and why: how many."""
    rounded: int = 0
    """Amounts with more digits than their currency has."""
    no_ids: Counter[str] = field(default_factory=Counter)
    """Ids that are none, such as `undefined`, and were taken as not given: by field, how many."""

    read_twice: dict[tuple[str, tuple[str, ...]], ReadTwice] = field(default_factory=dict)
    """By column and formats."""
    unknown: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    """Texts that a map's `values` or `starts` don't know: by field and which of the two, each with how often."""
    separated: dict[tuple[str, str], Separated] = field(default_factory=dict)
    """By file and column."""
    place: str = ""
    """Of the row that is read now."""

    def note_separated(self, found: Separated, text: str, read_as: str) -> None:
        if not found.count:
            found.text, found.place, found.read_as = text, self.place, read_as
        found.count += found.last != self.place
        found.last = self.place

    def note_twice(self, column: str, formats: tuple[str, ...], text: str, how: str) -> None:
        found = self.read_twice.setdefault((column, formats), ReadTwice(text, self.place, how))
        found.count += found.last != self.place
        found.last = self.place

    def note_unknown(self, name: str, known: str, text: str) -> None:
        texts, text = self.unknown.setdefault((name, known), Counter()), text[: CELL_SHOWN_MAX + 1]
        texts[text if text in texts or len(texts) < NOTICED_MAX else OTHERS] += 1

    def warnings(self) -> list[str]:
        """What may be wrong with what was read: `Changed: "03/04/2026" (deals.csv:2) is read as …, and … fits … too (12 cells)`."""
        twice = [(column, one.text, one.place, one.how, one.count) for (column, _), one in self.read_twice.items()]
        twice += [
            (column, one.text, one.place, _thousands(one), one.count)
            for (_, column), one in self.separated.items()
            if one.count and not one.are_decimals
        ]
        return [
            f"{column}: {quoted(text)} ({place}) {how} ({count:,} {'cell' if count == 1 else 'cells'})"
            for column, text, place, how, count in twice
        ]

    def note(self, event: str, why: str, number: int = 1) -> None:
        known = (event, why) in self.left_out or len(self.left_out) < NOTICED_MAX
        self.left_out[(event, why) if known else (OTHERS, why)] += number

    def add(self, other: "Noticed") -> None:
        """What another reader of outside events noticed, too."""
        for (event, why), number in other.left_out.items():
            self.note(event, why, number)
        self.rounded += other.rounded
        self.no_ids.update(other.no_ids)


def _thousands(found: Separated) -> str:
    whole = f"{int(found.read_as.replace('.', '')):,}".replace(",", " ")
    decimal = "," if "." in found.text else "."
    return f'is read as {found.read_as}; if {whole} is meant, say `number: {{decimal: "{decimal}"}}` in the map'
