"""What placement has at hand of the record, as of its last unit: a cache, and never the truth.

Whatever is taken from here rests on versions that the record compares when the unit is committed.
"""

from collections import OrderedDict
from collections.abc import Iterable

from journey.dimension import DimensionJourney
from journey.identity import Id, Person
from schemas.intended import Name
from streams.journeys import Journey

JOURNEYS_MAX = 150_000
JOURNEY_BYTES_MAX = 96 * 1024 * 1024
"""As they are kept, all together. In memory they take about two and a half times as much."""

JOURNEY_BYTES_MIN = 512
STATEMENT_BYTES = 512
"""What a journey without any statement takes, and one statement of a dimension, which is not kept, about."""

PERSONS_MAX = 200_000
VERSIONS_MAX = 500_000
"""More than JOURNEYS_MAX and PERSONS_MAX together: what they rest on stays."""

NAMES_MAX = 1_000_000


class PlacementCache:
    """Journeys, persons, versions and names. `forget` all when a unit could not be committed."""

    def __init__(self) -> None:
        self.journeys: OrderedDict[str, Journey] = OrderedDict()
        """See `keep` and `drop`."""
        self._sizes: dict[str, int] = {}
        self.journey_bytes = 0
        self.persons: OrderedDict[Id, Person] = OrderedDict()
        self.versions: dict[str, int] = {}
        """At which version what is at hand was read, by key; 0 where nothing was there."""
        self.unrecorded: set[Id] = set()
        """Ids that the record did not know when they were asked for."""
        self._whole: set[str] = set()
        """Subjects that came with their first touchpoint since: all names that stand under them, or are voided there, are in `_names`."""
        self._names: set[int] = set()
        """As hashes: one that is there by chance is asked for, and not found."""

    def keep(self, subject: str, journey: Journey, size: int = 0) -> None:
        """Have `journey` at hand, as the one that was needed last. `size`: of its bytes, where it is kept."""
        if isinstance(journey, DimensionJourney):
            size = STATEMENT_BYTES * len(journey.statements)
        size += JOURNEY_BYTES_MIN
        self.journey_bytes += size - self._sizes.get(subject, 0)
        self._sizes[subject] = size
        self.journeys[subject] = journey
        self.journeys.move_to_end(subject)

    def drop(self, subject: str) -> None:
        self.journeys.pop(subject, None)
        self.journey_bytes -= self._sizes.pop(subject, 0)

    def forget(self) -> None:
        self.journeys.clear()
        self._sizes.clear()
        self.journey_bytes = 0
        self.persons.clear()
        self.versions.clear()
        self.unrecorded.clear()
        self._forget_names()

    def _forget_names(self) -> None:
        self._whole.clear()
        self._names.clear()

    def _forget_versions(self) -> None:
        """All but those that what is at hand rests on. Whoever is met again is looked up as if for the first time."""
        needed = self.journeys.keys() | self.persons.keys()
        self.versions = {key: version for key, version in self.versions.items() if key in needed}
        self.unrecorded &= needed
        self._whole &= needed
        if len(self.versions) > VERSIONS_MAX:
            self.forget()

    def new_names(self, names: Iterable[Name]) -> set[Name]:
        """Note `names`, at whose subjects' versions we stand. Returns those that the record may hold or void: it has to be asked."""
        asked: set[Name] = set()
        for name in names:
            subject = name[0]
            if subject not in self._whole:
                if self.versions[subject] > 0:
                    asked.add(name)
                    continue
                self._whole.add(subject)
            mark = hash(name)
            if mark in self._names:
                asked.add(name)
            else:
                self._names.add(mark)
        return asked

    def may_be_there(self, name: Name) -> bool:
        """Whether the record may hold `name`, at whose subject's version we stand."""
        return hash(name) in self._names if name[0] in self._whole else self.versions[name[0]] > 0

    def bound(self) -> None:
        """Let go of what was not needed for longest."""
        while len(self.journeys) > JOURNEYS_MAX or self.journey_bytes > JOURNEY_BYTES_MAX:
            self.drop(next(iter(self.journeys)))
        while len(self.persons) > PERSONS_MAX:
            # All ids of a person or none: who is asked for by one of them is looked for by the name as well.
            _, one = self.persons.popitem(last=False)
            for id in one.ids:
                self.persons.pop(id, None)
        if len(self.versions) > VERSIONS_MAX:
            self._forget_versions()
        if len(self._names) > NAMES_MAX:
            self._forget_names()
