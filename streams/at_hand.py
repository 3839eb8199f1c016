"""What placement has at hand of the record, as of its last unit: a cache, and never the truth.

Whatever is taken from here rests on versions that the record compares when the unit is committed.
"""

from collections import OrderedDict
from collections.abc import Iterable

from journey.identity import Id, Person
from streams.journeys import Journey
from streams.ports import Name

JOURNEYS_MAX = 200_000
PERSONS_MAX = 400_000
VERSIONS_MAX = 1_000_000
NAMES_MAX = 1_000_000


class AtHand:
    """Journeys, persons, versions and names. `forget` all when a unit could not be committed."""

    def __init__(self) -> None:
        self.journeys: OrderedDict[str, Journey] = OrderedDict()
        self.persons: OrderedDict[Id, Person] = OrderedDict()
        self.versions: dict[str, int] = {}
        """At which version what is at hand was read, by key; 0 where nothing was there."""
        self.unrecorded: set[Id] = set()
        """Ids that the record did not know when they were asked for."""
        self._whole: set[str] = set()
        """Subjects that came with their first touchpoint since: all names that stand under them, or are voided there, are in `_names`."""
        self._names: set[int] = set()
        """As hashes: one that is there by chance is asked for, and not found."""

    def forget(self) -> None:
        self.journeys.clear()
        self.persons.clear()
        self.versions.clear()
        self.unrecorded.clear()
        self._forget_names()

    def _forget_names(self) -> None:
        self._whole.clear()
        self._names.clear()

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
        while len(self.journeys) > JOURNEYS_MAX:
            self.journeys.popitem(last=False)
        while len(self.persons) > PERSONS_MAX:
            # All ids of a person or none: who is asked for by one of them is looked for by the name as well.
            _, one = self.persons.popitem(last=False)
            for id in one.ids:
                self.persons.pop(id, None)
        if len(self.versions) > VERSIONS_MAX:
            self.forget()
        if len(self._names) > NAMES_MAX:
            self._forget_names()
