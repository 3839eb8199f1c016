"""What statements assert: values that their senders may restate. Per key the last by (stated_at, source, id) counts, for all instants."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from journey.channels import BLANK, names_brand
from journey.definition import Definition
from journey.exact_numbers import THOUSANDTHS, known, plain_text, whole_parts
from journey.facts import NEVER, Aliased, ContentAnswer, Described, Fact, Facts, Insight, MediaReport, Scheduled, Spent, Target, spelled
from journey.instants import Instant, day, instant, start_of_day
from journey.money import DECIMALS, TooLarge, minor, nearest, share
from journey.touchpoints import (
    About,
    ActivityScheduled,
    CampaignLaunched,
    ContentPublished,
    MarketInsight,
    MediaReported,
    SellerUpdated,
    SpendRecorded,
    TargetSet,
    Touchpoint,
    statement_of,
)

SCHEDULED_MAX = 500
"""Scheduled activities that are remembered of one subject; what is about an older one is worked out from the whole history."""

Version = tuple[Instant, str, str]


class Stated(NamedTuple):
    """What counts under a key: its version, the facts that it asserts, and since when anything was stated under the key."""

    version: Version
    facts: tuple[Fact, ...]
    since: Instant
    touch: Touchpoint | None = None
    """Of a rate, whose facts depend on other rates too: what stated it."""


class Planned(NamedTuple):
    """The same of a scheduled activity, as a journey that is kept as JSON has it."""

    version: Version
    fact: Scheduled


@dataclass(slots=True)
class Schedule:
    """The activities that were scheduled with a person or on a deal. `cut`: there were more than are remembered."""

    known: dict[str, Planned] = field(default_factory=dict)
    cut: bool = False

    def copied(self) -> "Schedule":
        return Schedule(self.known.copy(), self.cut)

    def bound(self) -> None:
        for key in list(self.known)[: max(0, len(self.known) - SCHEDULED_MAX)]:
            del self.known[key]
            self.cut = True

    def knows(self, subjects: Collection[str], touches: Iterable[Touchpoint]) -> bool:
        """Whether enough is remembered to take in those of `touches` that are about activities of `subjects`."""
        return not self.cut or all(
            _key(touch)[0] in self.known for touch in touches if isinstance(touch.data, ActivityScheduled) and touch.subject in subjects
        )

    def state(self, facts: Facts, definition: Definition, subject: str, touch: Touchpoint) -> None:
        """Take in `touch`, an `activity_scheduled` of the subject's own that counts, and add the signed facts that this changes."""
        key, version = _key(touch)
        before = self.known.get(key)
        if before is not None and version <= before.version:
            return
        at = touch.occurred_at if before is None else before.fact.at
        fact = _scheduled(definition, subject, touch, at, version[0])
        self.known[key] = Planned(version, fact)
        facts[fact] += 1
        if before is not None:
            facts[before.fact] -= 1
            for one in {fact, before.fact}:
                if not facts[one]:
                    del facts[one]


def _key(touch: Touchpoint) -> tuple[str, Version]:
    key, version = statement_of(touch)
    return json.dumps(key[1:], ensure_ascii=False), version


def _scheduled(definition: Definition, subject: str, touch: Touchpoint, at: Instant, stated_at: Instant) -> Scheduled:
    data = touch.data
    assert isinstance(data, ActivityScheduled)
    due = instant(data.due_at)
    return Scheduled(
        subject, at, day(at, definition.zone), data.activity, data.kind, min(due, NEVER), day(due, definition.zone), data.owner,
        touch.about.team or "", data.status, stated_at, touch.about.deal or "",
    )  # fmt: skip


def stated(definition: Definition, subject: str, touch: Touchpoint, at: Instant) -> Iterator[Fact]:
    """What a statement about nobody asserts, as long as it counts. What it describes holds from `at`, when its key was first stated: who
    restates it corrects it from the beginning. Rates depend on each other: see `rates`."""
    data, about = touch.data, touch.about
    match data:
        case SpendRecorded():
            days = (data.period_end - data.period_start).days + 1
            amount_minor = data.minor("amount") or 0
            for offset, part in enumerate(share(amount_minor, [1] * days)):
                if part:
                    yield Spent(
                        (data.period_start + timedelta(days=offset)).isoformat(), _campaign(subject, about), _channel(about), data.function,
                        data.kind, data.provider or touch.source, data.currency, part,
                    )  # fmt: skip
            yield from _spelled(_campaign(subject, about))
        case CampaignLaunched():
            fields = {"name": data.name, "objective": data.objective, "start_on": data.start_on.isoformat()}
            fields |= {"channels": listed(data.channels), "aliases": listed(data.aliases), "topics": listed(data.topics)}
            if data.end_on is not None:
                fields["end_on"] = data.end_on.isoformat()
            if data.segment is not None:
                fields["segment"] = data.segment
            yield from _described(subject, at, fields, definition.zone)
            for alias in dict.fromkeys(alias.casefold() for alias in data.aliases):
                yield Aliased(alias, subject.removeprefix("campaign:"), at, day(at, definition.zone), NEVER)
        case ContentPublished():
            fields = {"title": data.title, "format": data.format, "topics": listed(data.topics), "answers": listed(data.answers)}
            fields |= {name: value for name in ("stage", "audience") if (value := getattr(data, name)) is not None}
            yield from _described(subject, at, fields, definition.zone)
            for topic in dict.fromkeys(data.answers or data.topics):
                yield ContentAnswer(subject.removeprefix("content:"), topic, at, day(at, definition.zone))
        case SellerUpdated():
            # From the day that it states, whenever it said so.
            since = max(0, min(NEVER, start_of_day(data.since, definition.zone)))
            said = {"team": touch.about.team, "manager": data.manager}
            fields = {name: value for name, value in said.items() if value is not None}
            if data.active is not None:
                fields["active"] = "true" if data.active else "false"
            yield from _described(f"owner:{data.owner}", since, fields, definition.zone)
        case MediaReported():
            yield MediaReport(
                data.period_start.isoformat(), data.period_end.isoformat(), data.provider, _channel(about), _campaign(subject, about),
                data.ad or "", data.query or "", int(names_brand(definition, data.query or "")), known(data.impressions),
                known(data.clicks), known(data.reach), known(data.views), known(data.engagements), known(data.followers),
            )  # fmt: skip
            yield from _spelled(_campaign(subject, about))
        case MarketInsight():
            total = known(None if data.total is None else whole_parts(data.total, THOUSANDTHS))
            yield Insight(
                data.period_start.isoformat(), data.period_end.isoformat(), data.provider, data.metric, data.basis, data.market,
                data.competitor or "", plain_text(data.value), whole_parts(data.value, THOUSANDTHS), plain_text(data.total), total,
                data.currency or "",
            )  # fmt: skip
        case TargetSet():
            yield Target(
                data.period_start.isoformat(), data.period_end.isoformat(), data.metric, about.owner or "", about.team or "",
                _channel(about),
                about.campaign or "", plain_text(data.value), whole_parts(data.value, THOUSANDTHS), _money(data), data.currency or "",
            )  # fmt: skip
            yield from _spelled(about.campaign or "")
        case _:
            return


def _described(subject: str, at: Instant, fields: dict[str, str], zone: str) -> Iterator[Described]:
    for nth, (name, value) in enumerate(fields.items()):
        yield Described(subject, name, at, day(at, zone), nth, value)


def _spelled(campaign: str) -> Iterator[Fact]:
    if (one := spelled(campaign)) is not None:
        yield one


def _campaign(subject: str, about: About) -> str:
    return about.campaign or (subject.removeprefix("campaign:") if subject.startswith("campaign:") else "")


def _channel(about: About) -> str:
    return BLANK if about.channel == "" else about.channel or ""


def _money(data: TargetSet) -> int:
    """A target in minor units, to the nearest: no sender promised that it is whole. 0 where it is no money, or more than any is."""
    if data.currency not in DECIMALS:
        return 0
    try:
        return minor(nearest(data.value, data.currency)[0], data.currency)
    except TooLarge:
        return 0


def listed(names: Sequence[str]) -> str:
    """Several names as the value of one field: a JSON array, since a name may hold any character."""
    return json.dumps(list(names), ensure_ascii=False, separators=(",", ":"))
