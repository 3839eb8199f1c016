"""What an ingest did, in numbers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.units import PIPELINE, STAGE, RecordCounts, Unit


@dataclass(slots=True)
class Summary:
    """What an ingest did."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)
    unknown_fields: Counter[str] = field(default_factory=Counter)
    unknown_stages: Counter[str] = field(default_factory=Counter)
    """Pipelines and stages that the definition does not know."""
    number: int | None = None
    """Of the import."""
    held: int = 0
    """How many more ids than before bounds keep apart from others; less than 0, where fewer."""

    def add(self, unit: Unit) -> None:
        self.accepted += unit.accepted
        self.held += unit.held_more
        self.duplicates += unit.duplicates
        self.conflicts += len(unit.contested)
        self.dead_letters.update(letter.code for letter in unit.dead_letters)
        self._count_unknown({f"{type}.{name}": seen for (type, name), seen in unit.unknown_fields.items()})

    def add_up(self, other: "Summary") -> None:
        """Add what another one did of the same import."""
        self.read += other.read
        self.accepted += other.accepted
        self.held += other.held
        self.duplicates += other.duplicates
        self.conflicts += other.conflicts
        self.dead_letters.update(other.dead_letters)
        self.unknown_fields.update(other.unknown_fields)
        self.unknown_stages.update(other.unknown_stages)

    def count(self, before: RecordCounts, after: RecordCounts) -> None:
        """Add what a record's units did between two counts of it."""
        self.accepted += after.accepted - before.accepted
        self.duplicates += after.duplicates - before.duplicates
        self.conflicts += after.conflicts - before.conflicts
        self.held += after.held - before.held
        self.dead_letters.update(Counter(after.dead_letters) - Counter(before.dead_letters))
        self._count_unknown(Counter(after.unknown_fields) - Counter(before.unknown_fields))

    def _count_unknown(self, names: Mapping[str, int]) -> None:
        for name, seen in names.items():
            kind, _, rest = name.partition(".")
            if kind in (PIPELINE, STAGE):
                self.unknown_stages[f"{kind} {rest}"] += seen
            else:
                self.unknown_fields[name] += seen
