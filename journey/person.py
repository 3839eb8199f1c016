"""The fold of a person: stage, score, lead cycles, touches and conversions, from the person's history.

`derive` is `advance` from nothing. What is still to strike (`Outlook`) is taken back before touchpoints are folded, and asserted
anew after the last: that is what makes advancing in any number of steps, summed, equal to deriving the whole.
"""

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Literal

from journey import leads
from journey.channels import campaign_of, channel_of, excluded
from journey.conditions import PersonDeal, Points, Scene, judge
from journey.deadlines import CHAIN_MAX, Due, next_due
from journey.definition import Conversion, Definition
from journey.facts import NEVER, Converted, Described, Facts, LeadMoved, Ordered, Outlook, Scored, StageEntered, Strike, Touch, Touched
from journey.instants import Instant, day
from journey.leads import LeadCycle
from journey.plan import OfType, Plan, plan_of
from journey.touchpoints import (
    AccountJoined,
    AccountLeft,
    Close,
    DealOpened,
    DealReopened,
    DealUpdated,
    Identified,
    Key,
    LeadAccepted,
    LeadAssigned,
    LeadCreated,
    LeadDisqualified,
    LeadQualified,
    LeadRecycled,
    LeadRejected,
    LeadScored,
    Order,
    OrderPlaced,
    ProfileUpdated,
    Refund,
    Retracted,
    Touchpoint,
    Unlinked,
)

FOLD_VERSION = 1
"""Raised when the folds come to assert other facts from the same history; a golden file tells."""

NOT_YET: Instant = -(2**53)


@dataclass(slots=True)
class PersonJourney:
    """How far a person has come: all that the next touchpoint needs to know of those before it. Bounded."""

    person: str
    ids: tuple[str, ...]
    seen: Order | None = None
    """The place of the last touchpoint folded, whatever it was about."""
    active_at: Instant = NOT_YET
    active_because: tuple[Key, ...] = ()
    stage: str = ""
    entered_at: Instant = NOT_YET
    entered_because: tuple[Key, ...] = ()
    moved_at: Instant = NOT_YET
    """The instant of the last transitions, stages and leads alike, and how many there were of it."""
    moved: int = 0
    session_at: Instant = NOT_YET
    session_channel: str = ""
    session_campaign: str = ""
    ledger: list[Points] = field(default_factory=list)
    per_day: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Of a scoring rule with a daily limit: the day, and how often it has counted on it."""
    counts: dict[int, list[tuple[Instant, Key]]] = field(default_factory=dict)
    deals: dict[str, PersonDeal] = field(default_factory=dict)
    cycles: list[LeadCycle] = field(default_factory=list)
    cycles_before: int = 0
    touches: list[Touch] = field(default_factory=list)
    touches_cut_at: Instant = NOT_YET
    """The instant of the last touch that was dropped, though the look-back still held it."""
    outlook: Outlook | None = None

    def copied(self) -> "PersonJourney":
        """A journey of its own, sharing only what is never changed in place."""
        other = copy(self)
        other.ledger = self.ledger.copy()
        other.per_day = self.per_day.copy()
        other.counts = {index: kept.copy() for index, kept in self.counts.items()}
        other.deals = {deal: copy(one) for deal, one in self.deals.items()}
        other.cycles = self.cycles.copy()
        other.touches = self.touches.copy()
        return other

    @property
    def score(self) -> int:
        """The points that count after the last touchpoint."""
        return sum(entry.points for entry in self.ledger)


def derive(definition: Definition, person: str, ids: Sequence[str], history: Sequence[Touchpoint]) -> tuple[PersonJourney, Facts]:
    """The journey of a whole history, in order, and all the facts that it asserts."""
    return advance(definition, PersonJourney(person=person, ids=tuple(ids)), history)


def advance(definition: Definition, journey: PersonJourney, touches: Sequence[Touchpoint]) -> tuple[PersonJourney, Facts]:
    """`journey` after `touches`, which are in order and all later than those in it; and the signed facts that this changes."""
    fold = _Fold(plan_of(definition), journey.copied(), Counter())
    for touch in touches:
        fold.fold(touch)
    fold.look_ahead()
    return fold.journey, Counter({fact: count for fact, count in fold.facts.items() if count})


@dataclass(slots=True)
class _Fold:
    """One run over touchpoints: the journey as it changes, and the facts handed out so far."""

    plan: Plan
    journey: PersonJourney
    facts: Facts

    def fold(self, touch: Touchpoint) -> None:
        journey = self.journey
        self._strike_before(touch.occurred_at)
        journey.seen = touch.order
        data = touch.data
        if isinstance(data, Identified | Unlinked | Retracted) or excluded(self.plan.definition, data):
            return
        of_type = self.plan.of_type[type(data)]
        own = touch.subject in journey.ids
        scene = Scene(self.plan, touch, journey.counts, journey.ledger, journey.deals)
        self._forget(touch.occurred_at)
        if own:
            self._touched(touch, of_type)
            self._score(touch, of_type, scene)
            self._describe(touch)
        self._count(touch, of_type)
        self._deal(touch, scene)
        if own:
            self._lead(touch, of_type, scene)
            self._convert(touch, of_type)
        self._stage(touch, of_type, scene)
        if of_type.activity and not any(test is None or test(data) for test in of_type.not_activity):
            journey.active_at, journey.active_because = touch.occurred_at, (touch.key,)

    # --- what is remembered, and for how long

    def _forget(self, at: Instant) -> None:
        """Drop points that have expired. A deadline at `at` comes after the touchpoints at `at`, so those count still."""
        ledger = self.journey.ledger
        if ledger and any(entry.until < at for entry in ledger):
            ledger[:] = [entry for entry in ledger if entry.until >= at]

    def _touched(self, touch: Touchpoint, of_type: OfType) -> None:
        """Count a touchpoint for marketing, keep the session going, and remember a touch."""
        if not (of_type.traffic or of_type.session or of_type.touch):
            return
        journey, definition, data, at = self.journey, self.plan.definition, touch.data, touch.occurred_at
        starts = False
        if of_type.session:
            starts = at - journey.session_at > definition.session_idle
            if starts:
                journey.session_channel = channel_of(definition, of_type.name, data)
                journey.session_campaign = campaign_of(definition, data)
            journey.session_at = at
        if of_type.session and not starts and not _names_its_origin(touch):
            channel, campaign = journey.session_channel, campaign_of(definition, data) or journey.session_campaign
        else:
            channel, campaign = channel_of(definition, of_type.name, data), campaign_of(definition, data)
        if of_type.traffic:
            self.facts[Touched(journey.person, day(at, self.plan.zone), channel, campaign)] += 1
        if of_type.touch or starts:
            self._remember(Touch(at, of_type.name, channel, campaign, data.content or ""))

    def _remember(self, touch: Touch) -> None:
        """Keep a touch for as long as the look-back may ask for it, and at most `touches_max`: the first one and the last ones."""
        touches, attribution = self.journey.touches, self.plan.definition.attribution
        touches.append(touch)
        if len(touches) > attribution.touches_max:
            since = touch.at - attribution.look_back
            gone = next((index for index, one in enumerate(touches) if one.at >= since), 0)
            del touches[:gone]
            if len(touches) > attribution.touches_max:
                self.journey.touches_cut_at = touches.pop(1).at

    def _score(self, touch: Touchpoint, of_type: OfType, scene: Scene) -> None:
        journey = self.journey
        for rule, test in of_type.points:
            if test is not None and not test(touch.data):
                continue
            if rule.per_day_max is not None:
                today = day(touch.occurred_at, self.plan.zone)
                on, times = journey.per_day.get(rule.name, ("", 0))
                times = times + 1 if on == today else 1
                if times > rule.per_day_max:
                    continue
                journey.per_day[rule.name] = (today, times)
            until = NEVER if rule.expires is None else touch.occurred_at + rule.expires
            journey.ledger.append(Points(until, rule.points, touch.key))
            self.facts[Scored(journey.person, rule.name, rule.points, touch.occurred_at, until)] += 1
            scene.scored = True

    def _count(self, touch: Touchpoint, of_type: OfType) -> None:
        evidence_max = self.plan.definition.bounds.evidence_max
        for index, count, test in of_type.counts:
            if test is None or test(touch.data):
                kept = self.journey.counts.setdefault(index, [])
                kept.append((touch.occurred_at, touch.key))
                since = touch.occurred_at - count.within
                if kept[0][0] < since or len(kept) > evidence_max:
                    kept[:] = [one for one in kept if one[0] >= since][-evidence_max:]

    def _describe(self, touch: Touchpoint) -> None:
        journey, data, at = self.journey, touch.data, touch.occurred_at
        match data:
            case ProfileUpdated():
                for name in sorted(touch.named & _PROFILE):
                    self._described(at, name, getattr(data, name) or "")
            case AccountJoined(account=account):
                self._described(at, "account", account)
            case AccountLeft():
                self._described(at, "account", "")
            case OrderPlaced():
                self.facts[Ordered(journey.person, data.order, at, data.currency, data.minor("amount") or 0)] += 1
            case Refund():
                self.facts[Ordered(journey.person, data.order or f"deal:{data.deal}", at, data.currency, -(data.minor("amount") or 0))] += 1
            case _:
                pass

    def _described(self, at: Instant, name: str, value: str) -> None:
        self.facts[Described(self.journey.person, name, at, self._place(at), value)] += 1

    # --- deals

    def _deal(self, touch: Touchpoint, scene: Scene) -> None:
        """What a touchpoint changes about a deal, as far as the person's own journey is concerned."""
        data, journey = touch.data, self.journey
        match data:
            case DealOpened() | DealReopened():
                outcome = "open"
            case DealUpdated():
                outcome = "" if data.deal in journey.deals else "open"
            case Close():
                outcome = data.outcome
            case _:
                return
        deal = journey.deals.get(data.deal)
        if deal is None:
            deal = journey.deals[data.deal] = PersonDeal(outcome, touch.key, touch.occurred_at, self._cycle_of_deal(touch))
        if isinstance(data, DealOpened | DealUpdated) and data.people is not None:
            deal.primary = any(person.primary and person.person in journey.ids for person in data.people)
        if outcome:
            deal.outcome, deal.key, scene.deal_now = outcome, touch.key, outcome
        if outcome == "won":
            for conversion in self.plan.definition.attribution.conversions:
                if conversion.deal == "won":
                    self._converted(conversion, touch.occurred_at, of=data.deal, deal=deal)
        if isinstance(data, Close):
            self._end_cycle_of(deal, touch, scene)

    def _cycle_of_deal(self, touch: Touchpoint) -> int:
        """The number of the lead cycle that a deal belongs to: the one that it names, else the last one opened before it. 0: none."""
        lead = touch.data.lead if isinstance(touch.data, DealOpened) else None
        index = leads.cycle_of(self.journey.cycles, lead)
        return 0 if index is None else self.journey.cycles[index].number

    def _end_cycle_of(self, deal: PersonDeal, touch: Touchpoint, scene: Scene) -> None:
        for index, cycle in enumerate(self.journey.cycles):
            if cycle.number == deal.cycle and cycle.is_open:
                self._step(index, leads.answered(cycle, "closed"), "closed", touch, scene)

    # --- leads

    def _lead(self, touch: Touchpoint, of_type: OfType, scene: Scene) -> None:
        journey, definition, data = self.journey, self.plan.definition, touch.data
        if isinstance(data, leads.LeadTouch):
            self._lead_touch(touch, scene)
        else:
            rule = definition.lead.created_by
            if rule is not None and not self._open_cycle() and self.plan.matches(rule, data):
                self._open(touch, scene, lead="", lead_source=of_type.name)
        if self.plan.matches(definition.lead.sql, data):
            index = leads.cycle_of(journey.cycles, getattr(data, "lead", None))
            if index is not None and journey.cycles[index].status != "qualified":
                qualified = leads.answered(journey.cycles[index], "qualified", owner=data.owner or "")
                self._step(index, qualified, "qualified", touch, scene)
        cycle = self._open_cycle()
        if cycle is not None and not cycle.mql_at:
            steps = bool(scene.lead_steps)
            if self.plan.mql_may_hold(of_type.name, scored=scene.scored, deal=bool(scene.deal_now), lead=steps) or steps:
                judged = judge(definition.lead.mql, scene)
                if judged.holds and (judged.fresh or steps):
                    self._make_mql(len(journey.cycles) - 1, touch, scene, judged.because)

    def _lead_touch(self, touch: Touchpoint, scene: Scene) -> None:
        """What a touchpoint about a lead says of the cycle that it belongs to."""
        data, journey, at = touch.data, self.journey, touch.occurred_at
        assert isinstance(data, leads.LeadTouch)
        if isinstance(data, LeadCreated):
            current = self._open_cycle()
            if current is None:
                self._open(touch, scene, lead=data.lead, lead_source=data.lead_source)
            elif not current.lead:
                journey.cycles[-1] = replace(current, lead=data.lead)
            return
        if isinstance(data, LeadAssigned | LeadAccepted) and self._open_cycle() is None and not self._is_known(data.lead):
            self._open(touch, scene, lead=data.lead or "", lead_source=data.lead_source if isinstance(data, LeadCreated) else "")
        index = leads.cycle_of(journey.cycles, data.lead)
        if index is None:
            return
        cycle = journey.cycles[index]
        match data:
            case LeadScored():
                if data.grade == "mql" and self.plan.definition.lead.mql_stated and cycle.is_open and not cycle.mql_at:
                    self._make_mql(index, touch, scene, (touch.key,))
            case LeadAssigned():
                cycle = replace(cycle, owner=data.owner or "", team=data.team)
                if cycle.waits and cycle.basis != "assigned":
                    cycle = leads.handed_off(cycle, self.plan.definition, at=at, basis="assigned", because=(touch.key,))
                self._step(index, cycle, "assigned", touch, scene)
            case LeadAccepted():
                self._step(index, leads.answered(cycle, "accepted", owner=data.owner), "accepted", touch, scene)
            case LeadRejected(reason=reason):
                self._step(index, leads.answered(cycle, "rejected"), "rejected", touch, scene, reason=reason)
            case LeadRecycled(reason=reason):
                self._step(index, leads.answered(cycle, "recycled"), "recycled", touch, scene, reason=reason)
            case LeadDisqualified(reason=reason):
                self._step(index, leads.answered(cycle, "disqualified"), "disqualified", touch, scene, reason=reason)
            case LeadQualified():
                pass  # The definition says what makes an SQL: see `_lead`.

    def _open_cycle(self) -> LeadCycle | None:
        cycles = self.journey.cycles
        return cycles[-1] if cycles and cycles[-1].is_open else None

    def _is_known(self, lead: str | None) -> bool:
        return bool(lead) and any(cycle.lead == lead for cycle in self.journey.cycles)

    def _open(self, touch: Touchpoint, scene: Scene, *, lead: str, lead_source: str) -> None:
        """Open the next cycle. Its channel is as stated, else that of the last touch up to it within the look-back."""
        journey, data, at = self.journey, touch.data, touch.occurred_at
        last = journey.touches[-1] if journey.touches else None
        if last is None or last.at < at - self.plan.definition.attribution.look_back:
            last = Touch(at, "", "Unassigned", "", "")
        stated = channel_of(self.plan.definition, scene.plan.of_type[type(data)].name, data) if data.channel is not None else None
        journey.cycles_before += 1
        cycle = LeadCycle(
            number=journey.cycles_before,
            status="created",
            lead=lead,
            created_at=at,
            channel=last.channel if stated is None else stated,
            campaign=data.campaign or last.campaign,
            lead_source=lead_source,
            owner=data.owner or "",
            team=data.team or "",
            because=(touch.key,),
        )
        journey.cycles.append(leads.opened(cycle, self.plan.definition))
        del journey.cycles[: -leads.CYCLES_MAX]
        self._step(len(journey.cycles) - 1, journey.cycles[-1], "created", touch, scene)

    def _make_mql(self, index: int, touch: Touchpoint, scene: Scene, because: tuple[Key, ...]) -> None:
        cycle = replace(self.journey.cycles[index], mql_at=touch.occurred_at)
        if cycle.waits and cycle.basis == "created":
            cycle = leads.handed_off(cycle, self.plan.definition, at=touch.occurred_at, basis="mql", because=because)
        self._step(index, cycle, "mql", touch, scene, because=because)

    def _step(
        self, index: int, cycle: LeadCycle, step: str, touch: Touchpoint, scene: Scene, *, reason: str = "", because: tuple[Key, ...] = ()
    ) -> None:
        """Note a step of a lead cycle, and the conversion that it may be."""
        self.journey.cycles[index] = cycle
        scene.lead_steps.append(step)
        self.moved_lead(cycle, step, touch.occurred_at, reason=reason, because=because or (touch.key,))
        for conversion in self.plan.definition.attribution.conversions:
            if conversion.lead == step:
                self._converted(conversion, touch.occurred_at, of=f"lead:{cycle.number}")

    def moved_lead(
        self, cycle: LeadCycle, step: str, at: Instant, *, because: tuple[Key, ...], reason: str = "", basis: str = "", rule: str = ""
    ) -> None:
        self.facts[
            LeadMoved(
                self.journey.person, cycle.number, at, self._place(at), step, cycle.lead, cycle.owner, cycle.team,
                cycle.channel, cycle.campaign, cycle.lead_source, reason, basis, rule or step, because,
            )
        ] += 1  # fmt: skip

    # --- conversions and stages

    def _convert(self, touch: Touchpoint, of_type: OfType) -> None:
        for conversion, test in of_type.conversions:
            if test is None or test(touch.data):
                data = touch.data
                value = data.minor("value") if hasattr(data, "value") else data.minor("amount") if hasattr(data, "amount") else None
                currency = data.currency if value is not None else ""
                self._converted(
                    conversion, touch.occurred_at, of=f"{touch.source}#{touch.id}", amount_minor=value or 0, currency=currency or ""
                )

    def _converted(
        self, conversion: Conversion, at: Instant, *, of: str, deal: PersonDeal | None = None, amount_minor: int = 0, currency: str = ""
    ) -> None:
        journey = self.journey
        since = at - self.plan.definition.attribution.look_back
        number = journey.cycles[-1].number if deal is None and journey.cycles else deal.cycle if deal is not None else 0
        lead_at = next((cycle.created_at for cycle in journey.cycles if cycle.number == number), 0)
        self.facts[
            Converted(
                person=journey.person,
                conversion=conversion.name,
                of=of,
                at=at,
                primary=1 if deal is None or deal.primary else 0,
                amount_minor=amount_minor,
                currency=currency,
                lead_at=lead_at,
                opened_at=0 if deal is None else deal.opened_at,
                cut=1 if journey.touches_cut_at >= since else 0,
                path=tuple(touch for touch in journey.touches if touch.at >= since),
            )
        ] += 1

    def _stage(self, touch: Touchpoint, of_type: OfType, scene: Scene) -> None:
        """Enter at most one stage: that of the first rule that holds and that the touchpoint counts in; last stages are tried first."""
        candidates = self.plan.candidates(
            self.journey.stage, of_type.name, scored=scene.scored, deal=bool(scene.deal_now), lead=bool(scene.lead_steps)
        )
        for one in candidates:
            assert one.rule.when is not None
            judged = judge(one.rule.when, scene)
            if judged.holds and judged.fresh:
                self.enter(one.stage, touch.occurred_at, one.rule.name, judged.because)
                return

    def enter(self, stage: str, at: Instant, rule: str, because: tuple[Key, ...]) -> None:
        journey = self.journey
        self.facts[StageEntered(journey.person, stage, at, self._place(at), journey.stage, rule, because)] += 1
        journey.stage, journey.entered_at, journey.entered_because = stage, at, because

    def _place(self, at: Instant) -> int:
        """The next place among what happened to the person at `at`."""
        journey = self.journey
        journey.moved = journey.moved + 1 if journey.moved_at == at else 0
        journey.moved_at = at
        return journey.moved

    # --- what is still to strike

    def _strike_before(self, at: Instant) -> None:
        """Let happen what the time up to `at` has brought. What is due at `at` itself comes after the touchpoints of that instant."""
        for _ in range(CHAIN_MAX):
            due = next_due(self.plan, self.journey)
            if due is None or due.at >= at:
                return
            self._strike(due)
        raise AssertionError(f"more than {CHAIN_MAX} deadlines follow each other for {self.journey.person}")

    def _strike(self, due: Due) -> None:
        if due.stage:
            self.enter(due.stage, due.at, due.name, due.because)
            return
        cycles = self.journey.cycles
        cycle = cycles[-1]
        match due.name:
            case "breached":
                cycles[-1] = replace(cycle, breach_at=0)
            case "expired":
                cycles[-1] = replace(cycle, status="expired", expire_at=0)
            case step:
                cycles[-1] = leads.answered(cycle, step)
        self.moved_lead(cycles[-1], due.name, due.at, because=due.because, basis=cycle.basis)

    def look_ahead(self) -> None:
        """Take back the outlook as it was, and assert the one from here."""
        journey = self.journey
        outlook = self._outlook()
        if outlook != journey.outlook:
            if journey.outlook is not None:
                self.facts[journey.outlook] -= 1
            if outlook is not None:
                self.facts[outlook] += 1
            journey.outlook = outlook

    def _outlook(self) -> Outlook | None:
        """The clock, run out: every deadline that would strike, one after the other, on a copy of the journey."""
        ahead = copy(self.journey)
        ahead.cycles = ahead.cycles.copy()
        run = _Fold(self.plan, ahead, Counter())
        strikes: list[Strike] = []
        while (due := next_due(self.plan, ahead)) is not None:
            left, cycle = (ahead.stage, None) if due.stage else ("", ahead.cycles[-1])
            run._strike(due)
            strikes.append(
                Strike(
                    at=due.at,
                    nth=ahead.moved,
                    name=due.stage or due.name,
                    left=left,
                    rule=due.name,
                    cycle=0 if cycle is None else cycle.number,
                    basis="" if cycle is None else cycle.basis,
                )
            )
            if len(strikes) > CHAIN_MAX:
                raise AssertionError(f"more than {CHAIN_MAX} deadlines follow each other for {ahead.person}")
        if ahead.active_at == NOT_YET and not strikes:
            return None
        return Outlook(ahead.person, ahead.active_at, tuple(strikes))


_PROFILE = frozenset({"country", "region", "language", "age_band", "gender", "job_title", "seniority", "department", "lead_source"})


def _names_its_origin(touch: Touchpoint) -> bool:
    data = touch.data
    return data.channel is not None or data.utm_source is not None or data.click_id is not None
