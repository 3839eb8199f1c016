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
NAMES_MAX = 2_000_000


class AtHand:
    """Journeys, persons, versions and names. `forget` all when a unit could not be committed."""

    def __init__(self) -> None:
        self.journeys: OrderedDict[str, Journey] = OrderedDict()
        self.persons: OrderedDict[Id, Person] = OrderedDict()
        self.versions: dict[str, int] = {}
        """At which version what is at hand was read, by key; 0 where nothing was there."""
        self.unrecorded: set[Id] = set()
        """Ids that the record did not know when they were asked for."""
        self._names: dict[str, set[int]] = {}
        """Of subjects that came with their first touchpoint since: the hashes of all names that stand under them or are voided there."""
        self._names_count = 0

    def forget(self) -> None:
        self.journeys.clear()
        self.persons.clear()
        self.versions.clear()
        self.unrecorded.clear()
        self._names.clear()
        self._names_count = 0

    def new_names(self, names: Iterable[Name]) -> set[Name]:
        """Note `names`, at whose subjects' versions we stand. Returns those that the record may hold or void: it has to be asked."""
        asked: set[Name] = set()
        for name in names:
            subject = name[0]
            noted = self._names.get(subject)
            if noted is None:
                if self.versions[subject] > 0:
                    asked.add(name)
                    continue
                noted = self._names[subject] = set()
            mark = hash(name)
            if mark in noted:
                asked.add(name)
            else:
                noted.add(mark)
                self._names_count += 1
        return asked

    def may_be_there(self, name: Name) -> bool:
        """Whether the record may hold `name`, at whose subject's version we stand."""
        noted = self._names.get(name[0])
        return self.versions.get(name[0], 1) > 0 if noted is None else hash(name) in noted

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
        if self._names_count > NAMES_MAX:
            self._names.clear()
            self._names_count = 0
