"""The fold of a person: stage, score, lead cycles, touches and conversions, from the person's history.

`derive` is `advance` from nothing. What is still to strike (`Outlook`) is taken back before touchpoints are folded, and asserted
anew after the last: that is what makes advancing in any number of steps, summed, equal to deriving the whole.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from journey import leads
from journey.channels import UNASSIGNED, came_by_brand, campaign_of, channel_of, excluded, names_its_origin, returns_from_paying
from journey.conditions import Scene, judge
from journey.deadlines import ahead, entered, next_due, strike
from journey.definition import Conversion, Definition
from journey.facts import (
    NEVER,
    Converted,
    DealPerson,
    Described,
    Facts,
    Milestone,
    Outlook,
    Scored,
    SessionEngaged,
    SessionStarted,
    Touch,
    Touched,
    TouchNoted,
    spelled,
)
from journey.instants import DAY, Instant, Micros, day
from journey.leads import LeadCycle
from journey.orders import NEVER_SENT, PAID, left_out, order_of, sent_again
from journey.person import NO_AUDIENCE, NOT_YET, SEGMENTS, PersonDeal, PersonJourney
from journey.plan import OfType, Plan, plan_of
from journey.score import Points, ScoreFall
from journey.segments import moved_by
from journey.sessions import Session
from journey.stateless import note, note_excluded
from journey.touchpoints import (
    PROFILE_FIELDS,
    AccountJoined,
    AccountLeft,
    Data,
    DealOpened,
    DealUpdated,
    Key,
    LeadAccepted,
    LeadAssigned,
    LeadCreated,
    LeadDisqualified,
    LeadQualified,
    LeadRecycled,
    LeadRejected,
    LeadScored,
    OrderPlaced,
    ProfileUpdated,
    Refund,
    Touchpoint,
)
from journey.turns import Turns

PAYING_MAX: Micros = DAY
"""Who comes back from paying within this goes on with the session that was left for it."""

PRIMARIES_KEPT_MAX = 2_000
"""Lists of people on deals whose primary ones are kept at hand."""


def derive(
    definition: Definition, person: str, ids: Sequence[str], history: Sequence[Touchpoint], turns: Turns
) -> tuple[PersonJourney, Facts]:
    """The journey of a whole history, in order, and all the facts that it asserts. `turns` are those of the deals in it."""
    journey = PersonJourney(person=person, ids=tuple(ids))
    return advance(definition, journey, history, _settled(definition, ids, history, turns), is_given=True)


def advance(
    definition: Definition, journey: PersonJourney, touches: Sequence[Touchpoint], turns: Turns, *, is_given: bool = False
) -> tuple[PersonJourney, Facts]:
    """`journey` after `touches`, which are in order and all later than those in it; and the signed facts that this changes.

    `turns`: what of them turns a deal, and what counts nowhere. `is_given`: the caller has no more use for `journey` as it was, and it
    may become the one that is returned.
    """
    fold = _Fold(plan_of(definition), journey if is_given else journey.copied(), turns)
    for touch in touches:
        fold.fold(touch)
    fold.journey.orders.bound()
    fold.journey.schedule.bound()
    fold.look_ahead()
    return fold.journey, fold.facts


def goes_on(definition: Definition, journey: PersonJourney, touches: Sequence[Touchpoint]) -> dict[Key, str] | None:
    """Which of `touches`, all later than those in `journey`, count nowhere by what it knows of orders. None: it is to be derived."""
    if not journey.schedule.knows(journey.ids, touches):
        return None
    own = _own(definition, journey.ids, touches)
    return journey.orders.onward(own) if own else {}


def _settled(definition: Definition, ids: Sequence[str], history: Sequence[Touchpoint], turns: Turns) -> Turns:
    """`turns`, and which orders and refunds of a person's history count nowhere."""
    return {**turns, **sent_again(_own(definition, ids, history))}


def _own(definition: Definition, ids: Sequence[str], history: Iterable[Touchpoint]) -> list[Touchpoint]:
    """The orders and refunds among the person's own touchpoints."""
    return [touch for touch in history if isinstance(touch.data, PAID) and touch.subject in ids and not excluded(definition, touch.about)]


class FoldStep(NamedTuple):
    """What one touchpoint brought about; `touch` None: what time brought, before the next one or after the last."""

    touch: Touchpoint | None
    facts: Facts


def stepwise(
    definition: Definition, person: str, ids: Sequence[str], history: Sequence[Touchpoint], turns: Turns, until: Instant
) -> tuple[list[FoldStep], Scene]:
    """The same fold, up to `until`, with what each touchpoint brought about told apart; and what conditions are judged by after it."""
    fold = _Fold(plan_of(definition), PersonJourney(person=person, ids=tuple(ids)), _settled(definition, ids, history, turns))
    steps = []
    for touch in history:
        if touch.occurred_at <= until:
            # Nothing that strikes before a touchpoint depends on it, so it may strike while the touchpoint is not looked at yet.
            if not fold.leaves_out(touch):
                fold.facts = Counter()
                fold.strike_before(touch.occurred_at)
                if fold.facts:
                    steps.append(FoldStep(None, fold.facts))
            fold.facts = Counter()
            fold.fold(touch)
            steps.append(FoldStep(touch, fold.facts))
    fold.facts = Counter()
    fold.strike_before(until + 1)
    fold.journey.ledger.expire(until + 1, fold.plan.score_limits)
    return [*steps, FoldStep(None, fold.facts)], fold.scene


def scene_of(
    definition: Definition, person: str, ids: Sequence[str], history: Sequence[Touchpoint], turns: Turns, touch: Touchpoint
) -> Scene:
    """What conditions were judged by at `touch`, which is in `history`."""
    fold = _Fold(plan_of(definition), PersonJourney(person=person, ids=tuple(ids)), _settled(definition, ids, history, turns))
    for one in history:
        fold.fold(one)
        if one is touch:
            break
    return fold.scene


class _Fold:
    """One run over touchpoints: the journey as it changes, the facts handed out so far, and the scene of the present touchpoint."""

    __slots__ = ("facts", "is_changed", "journey", "plan", "scene", "turns")

    def __init__(self, plan: Plan, journey: PersonJourney, turns: Turns) -> None:
        self.plan = plan
        self.journey = journey
        self.turns = turns
        self.is_changed = False
        """Whether anything happened that what is still to strike rests on."""
        self.facts: Facts = Counter()
        self.scene = Scene(plan.compiled, journey)

    def leaves_out(self, touch: Touchpoint) -> bool:
        """Whether the journey goes on as if the touchpoint had not been: it does not even bring time forward."""
        of_type = self.plan.of_type[type(touch.data)]
        return of_type.silent or excluded(self.plan.definition, touch.about) or self.turns.get(touch.key) == NEVER_SENT

    def fold(self, touch: Touchpoint) -> None:
        journey, plan, data, at = self.journey, self.plan, touch.data, touch.occurred_at
        turn = self.turns.get(touch.key) if self.turns else None
        if turn == NEVER_SENT:
            if touch.subject in journey.ids and (fact := left_out(journey.person, touch, self.plan.zone)) is not None:
                self.facts[fact] += 1
            return
        journey.seen = touch.order
        of_type = plan.of_type[type(data)]
        own = touch.subject in journey.ids
        if excluded(plan.definition, touch.about):
            if own:
                note_excluded(self.facts, plan.definition, journey.person, touch)
            return
        if of_type.silent:
            return
        if own:
            if of_type.stateless is not None:
                note(self.facts, plan.definition, journey.person, touch, journey.noted(at), of_type.stateless)
            elif of_type.schedules:
                journey.schedule.state(self.facts, plan.definition, journey.person, touch)
        if at > journey.quiet_until:
            self.strike_before(at)
            self.is_changed = True
        journey.now = at
        if journey.ledger.ends_at < at:
            journey.ledger.expire(at, plan.score_limits)
            self.is_changed = True
        if of_type.inert:
            return
        self.is_changed = True
        self.scene.begin(touch)
        origin = None
        if own:
            if of_type.traffic or of_type.session or of_type.touch:
                origin = self._touched(touch, of_type)
            if of_type.engages:
                self._engage(touch, of_type)
            if of_type.points:
                self._score(touch, of_type)
            if of_type.describes:
                self._describe(touch)
        if of_type.milestones:
            self._milestones(touch, of_type, origin)
        if of_type.counts:
            self._count(touch, of_type)
        if of_type.moves_deal:
            self._deal(touch, turn)
        if own:
            self._lead(touch, of_type)
            for conversion, test in of_type.conversions:
                if test is None or test(touch):
                    amount_minor, currency = _worth(data)
                    of = f"order:{order_of(data)}" if isinstance(data, OrderPlaced) else f"{touch.source}#{touch.id}"
                    self._converted(conversion, at, of=of, amount_minor=amount_minor, currency=currency)
        stage = journey.stage
        self._stage(touch, of_type)
        if plan.segments:
            self._segments(touch, of_type, is_other_stage=journey.stage != stage)
        if of_type.activity and not any(test is None or test(touch) for test in of_type.not_activity):
            others = journey.active_because if journey.active_at == at else ()
            journey.active_at, journey.active_because = at, (*others, touch.key)[-plan.definition.bounds.evidence_max :]

    # --- what is remembered of a touchpoint, and for how long

    def _touched(self, touch: Touchpoint, of_type: OfType) -> tuple[str, str]:
        """Count a touchpoint for marketing, keep the session going, and remember a touch. Its channel and campaign."""
        journey, definition, about, at = self.journey, self.plan.definition, touch.about, touch.occurred_at
        starts = of_type.session and at - journey.session_at > definition.session_idle
        if starts and at - journey.session_at <= PAYING_MAX and returns_from_paying(definition, about):
            starts = False
        if of_type.session and not starts and not names_its_origin(definition, about):
            channel, campaign = journey.session.channel, campaign_of(definition, about) or journey.session.campaign
        else:
            channel, campaign = channel_of(definition, touch), campaign_of(definition, about)
        if of_type.session:
            journey.session_at = at
        on = day(at, self.plan.zone)
        if starts:
            session = journey.session = Session(journey.session.number + 1, at, channel, campaign)
            is_new, is_brand = int(session.number == 1), came_by_brand(definition, about)
            fact = SessionStarted(journey.person, at, on, channel, campaign, session.number, is_new, is_brand)
            self.facts[fact] += 1
        if of_type.traffic:
            self.facts[Touched(journey.person, on, channel, campaign)] += 1
            if not journey.origins.has(channel, campaign):
                journey.origins, first = journey.origins.after(journey.person, at, on, channel, campaign)
                if first is not None:
                    self.facts[first] += 1
        if of_type.touch or starts:
            noted = Touch(at, of_type.name, channel, campaign, about.content or "")
            place = sum(1 for _ in takewhile(lambda one: one.touched_at == at, reversed(journey.touches)))
            self.facts[TouchNoted(journey.person, at, on, place, *noted[1:])] += 1
            self._remember(noted)
        if campaign and (of_type.traffic or of_type.touch or starts or of_type.milestones):
            self._note_spelling(campaign)
        return channel, campaign

    def _note_spelling(self, campaign: str) -> None:
        """Of a name that a fact carries."""
        fact = spelled(campaign)
        if fact is not None:
            self.facts[fact] += 1

    def _engage(self, touch: Touchpoint, of_type: OfType) -> None:
        """Let the session that goes on become engaged, once. A key event that is no part of sessions does not keep it going."""
        journey, definition, at = self.journey, self.plan.definition, touch.occurred_at
        session = journey.session
        if session.is_engaged or at - journey.session_at > definition.session_idle:
            return
        if of_type.key_events and any(test is None or test(touch) for test in of_type.key_events):
            session = session._replace(is_engaged=True)
        elif of_type.session:
            session = session.after(touch.data, engaged_seconds=definition.engaged_seconds)
        journey.session = session
        if session.is_engaged:
            on = day(session.started_at, self.plan.zone)
            fact = SessionEngaged(journey.person, session.started_at, on, at, session.channel, session.campaign)
            self.facts[fact] += 1

    def _milestones(self, touch: Touchpoint, of_type: OfType, origin: tuple[str, str] | None) -> None:
        """The steps that a touchpoint is, also one that comes through a deal. `origin`: its channel and campaign, where it has its own."""
        journey, at = self.journey, touch.occurred_at
        for name, test in of_type.milestones:
            if test is None or test(touch):
                if origin is None:
                    origin = self._origin(touch)
                    self._note_spelling(origin[1])
                self.facts[Milestone(journey.person, name, at, day(at, self.plan.zone), journey.place(at), *origin)] += 1

    def _origin(self, touch: Touchpoint) -> tuple[str, str]:
        """Of what is no traffic: the channel and campaign as stated, else those of the last touch up to it within the look-back."""
        definition, about = self.plan.definition, touch.about
        channel, campaign = UNASSIGNED, ""
        if self.journey.touches:
            last = self.journey.touches[-1]
            if last.touched_at >= touch.occurred_at - definition.attribution.look_back:
                channel, campaign = last.channel, last.campaign
        return channel if about.channel is None else channel_of(definition, touch), about.campaign or campaign

    def _remember(self, touch: Touch) -> None:
        """Keep a touch for as long as the look-back may ask for it, and at most `touches_max`: the first one and the last ones."""
        touches, attribution = self.journey.touches, self.plan.definition.attribution
        touches.append(touch)
        if len(touches) > attribution.touches_max:
            since = touch.touched_at - attribution.look_back
            gone = next((index for index, one in enumerate(touches) if one.touched_at >= since), 0)
            del touches[:gone]
            if len(touches) > attribution.touches_max:
                self.journey.touches_cut_at = touches.pop(1).touched_at

    def _score(self, touch: Touchpoint, of_type: OfType) -> None:
        journey, ledger, at = self.journey, self.journey.ledger, touch.occurred_at
        before = ledger.score
        for rule, test in of_type.points:
            if test is not None and not test(touch):
                continue
            if rule.per_day_max is not None:
                today = day(at, self.plan.zone)
                on, times = journey.per_day.get(rule.name, ("", 0))
                times = times + 1 if on == today else 1
                if times > rule.per_day_max:
                    continue
                journey.per_day[rule.name] = (today, times)
            until = NEVER if rule.expires is None else at + rule.expires
            ledger.add(Points(until, rule.points, touch.key))
            self.facts[Scored(journey.person, rule.name, rule.points, at, day(at, self.plan.zone), until)] += 1
            self.scene.scored = True
        if self.scene.scored and self.plan.score_limits:
            ledger.note_falls(before, self.plan.score_limits, ScoreFall(at, ledger.keys))
            journey.quiet_until = NOT_YET

    def _count(self, touch: Touchpoint, of_type: OfType) -> None:
        evidence_max = self.plan.definition.bounds.evidence_max
        for index, count, test in of_type.counts:
            if test is None or test(touch):
                kept = self.journey.counts.setdefault(index, [])
                kept.append((touch.occurred_at, touch.key))
                since = touch.occurred_at - count.within
                if kept[0][0] < since or len(kept) > evidence_max:
                    kept[:] = [one for one in kept if one[0] >= since][-evidence_max:]

    def _describe(self, touch: Touchpoint) -> None:
        journey, data, at = self.journey, touch.data, touch.occurred_at
        match data:
            case ProfileUpdated():
                for name in sorted(touch.named & PROFILE_FIELDS):
                    value = getattr(data, name) or ""
                    self._described(at, name, value)
                    if name in self.plan.profile_fields:
                        audience = journey.audience or NO_AUDIENCE
                        journey.audience = audience._replace(profile={**audience.profile, name: (value, touch.key)})
            case AccountJoined(account=account):
                journey.account = account
                self._described(at, "account", account)
            case AccountLeft(account=account):
                if account == journey.account:
                    journey.account = ""
                    self._described(at, "account", "")
            case OrderPlaced() | Refund():
                for fact, count in journey.orders.after(journey.person, touch, self.plan.zone):
                    self.facts[fact] += count
                    if not self.facts[fact]:
                        del self.facts[fact]
            case _:
                pass

    def _described(self, at: Instant, name: str, value: str) -> None:
        self.facts[Described(self.journey.person, name, at, day(at, self.plan.zone), self.journey.noted(at), value)] += 1

    # --- deals

    def _deal(self, touch: Touchpoint, turn: str | None) -> None:
        """What a touchpoint changes about a deal, as far as the person's own journey is concerned. `turn` is the deal's own."""
        data, journey, at = touch.data, self.journey, touch.occurred_at
        assert touch.about.deal is not None
        deal = journey.deals.get(touch.about.deal)
        before = None if deal is None else (deal.primary, deal.cycle)
        if deal is None:
            turn = turn or "open"
            deal = journey.deals[touch.about.deal] = self._begun(data, touch.key, turn)
        elif not deal.opened_at and (isinstance(data, DealOpened) or turn not in (None, "open")):
            begun = self._begun(data, touch.key, turn)
            deal.opened_by, deal.cycle, deal.lead_at = begun.opened_by, begun.cycle, begun.lead_at
        if isinstance(data, DealOpened):
            deal.opened_at = deal.opened_at or at
        if isinstance(data, DealOpened | DealUpdated) and data.people is not None:
            deal.primary = not _primaries(data).isdisjoint(journey.ids)
        if before != (deal.primary, deal.cycle):
            since, nth = day(at, self.plan.zone), journey.noted(at)
            self.facts[DealPerson(journey.person, f"deal:{touch.about.deal}", at, since, nth, int(deal.primary), deal.cycle)] += 1
        if not turn:
            return
        deal.outcome, deal.key, self.scene.deal_now = turn, touch.key, turn
        journey.quiet_until = NOT_YET
        if turn == "won":
            for conversion in self.plan.definition.attribution.conversions:
                if conversion.deal == "won":
                    self._converted(conversion, at, of=touch.about.deal, deal=deal)
        if turn != "open":
            for index, cycle in enumerate(journey.cycles):
                if cycle.number == deal.cycle and cycle.is_open:
                    because = tuple(dict.fromkeys([touch.key, deal.opened_by]))
                    self._step(index, leads.answered(cycle, "closed", at), "closed", touch, because=because)

    def _begun(self, data: Data, key: Key, turn: str | None) -> PersonDeal:
        """A deal as it begins. Its opening ties it to a lead cycle, else its close: an update that came before a lead does not keep the
        deal's close from it. Its lead creation is that of the lead that it names, else the person's first."""
        cycles, is_tied = self.journey.cycles, isinstance(data, DealOpened) or turn not in (None, "open")
        lead = data.lead if isinstance(data, DealOpened) else None
        index = leads.cycle_of_deal(cycles, lead) if is_tied else None
        if index is None:
            return PersonDeal("open", key, key)
        return PersonDeal("open", key, key, cycle=cycles[index].number, lead_at=cycles[index if lead else 0].created_at)

    # --- leads

    def _lead(self, touch: Touchpoint, of_type: OfType) -> None:
        journey, definition, data, scene = self.journey, self.plan.definition, touch.data, self.scene
        rule = definition.lead.created_by
        if of_type.about_lead:
            self._lead_touch(touch)
        elif (
            of_type.opens_lead and rule is not None and leads.open_cycle(journey.cycles) is None and self.plan.compiled.matches(rule, touch)
        ):
            self._open(touch, lead="", lead_source=of_type.name)
        if not journey.cycles:
            return
        if of_type.qualifies_lead and self.plan.compiled.matches(definition.lead.sql, touch):
            index = leads.cycle_of(journey.cycles, getattr(data, "lead", None))
            if index is not None and not journey.cycles[index].is_qualified:
                at = touch.occurred_at
                qualified = leads.answered(journey.cycles[index], "qualified", at, owner=touch.about.owner or "")
                self._step(index, qualified._replace(is_qualified=True, qualified_at=at), "qualified", touch)
        index = leads.open_cycle(journey.cycles)
        if index is not None and not journey.cycles[index].mql_at:
            is_new = "created" in scene.lead_steps
            lead = bool(scene.lead_steps)
            if is_new or self.plan.mql_may_hold(of_type.name, scored=scene.scored, deal=bool(scene.deal_now), lead=lead):
                judged = judge(definition.lead.mql, scene)
                if judged.holds and (judged.fresh or is_new):
                    # What it takes may have been there before; then it is the opening that sets it off.
                    self._make_mql(index, touch, judged.because if judged.fresh else (*judged.because, touch.key))

    def _lead_touch(self, touch: Touchpoint) -> None:
        """What a touchpoint about a lead says of the cycle that it belongs to."""
        data, cycles, at = touch.data, self.journey.cycles, touch.occurred_at
        assert isinstance(data, leads.LeadTouch)
        if self._opens_cycle(data):
            self._open(touch, lead=data.lead or "", lead_source=data.lead_source if isinstance(data, LeadCreated) else "")
        index = leads.cycle_of(cycles, data.lead)
        if index is None:
            return
        if data.lead and not cycles[index].lead:
            cycles[index] = cycles[index]._replace(lead=data.lead)
        cycle = cycles[index]
        match data:
            case LeadScored():
                if data.grade == "mql" and self.plan.definition.lead.mql_stated and cycle.is_open and not cycle.mql_at:
                    self._make_mql(index, touch, (touch.key,))
            case LeadAssigned():
                cycle = cycle._replace(owner=data.owner or "", team=data.team, assigned_at=cycle.assigned_at or at)
                cycle = leads.handed_over(cycle, self.plan.definition, "assigned", at=at, because=(touch.key,))
                self._step(index, cycle, "assigned", touch)
            case LeadAccepted():
                self._step(index, leads.answered(cycle, "accepted", at, owner=data.owner), "accepted", touch)
            case LeadRejected(reason=reason):
                self._step(index, leads.answered(cycle, "rejected", at)._replace(reason=reason), "rejected", touch)
            case LeadRecycled(reason=reason):
                self._step(index, leads.answered(cycle, "recycled", at)._replace(reason=reason), "recycled", touch)
            case LeadDisqualified(reason=reason):
                self._step(index, leads.answered(cycle, "disqualified", at)._replace(reason=reason), "disqualified", touch)
            case LeadCreated() | LeadQualified():
                pass  # It joined the open cycle; and the definition says what makes an SQL: see `_lead`.

    def _opens_cycle(self, data: leads.LeadTouch) -> bool:
        """Whether `data` opens a cycle: none is open, and it is no late answer to the one that expired."""
        cycles = self.journey.cycles
        if not isinstance(data, LeadCreated | LeadAssigned | LeadAccepted) or leads.open_cycle(cycles) is not None:
            return False
        index = leads.cycle_of(cycles, data.lead)
        return index is None or not (isinstance(data, LeadAccepted) and leads.may_still_answer(cycles[index], data.lead))

    def _open(self, touch: Touchpoint, *, lead: str, lead_source: str) -> None:
        """Open the next cycle. Its channel is as stated, else that of the last touch up to it within the look-back, else what the
        definition's rules make of the source that a CRM states."""
        journey, definition, data, at = self.journey, self.plan.definition, touch.data, touch.occurred_at
        last = journey.touches[-1] if journey.touches else None
        if last is None or last.touched_at < at - definition.attribution.look_back:
            stated = isinstance(data, LeadCreated) and data.lead_source
            last = Touch(at, "", channel_of(definition, touch) if stated else UNASSIGNED, "", "")
        journey.cycles_before += 1
        cycle = LeadCycle(
            number=journey.cycles_before,
            status="created",
            lead=lead,
            created_at=at,
            channel=last.channel if touch.about.channel is None else channel_of(definition, touch),
            campaign=touch.about.campaign or last.campaign,
            lead_source=lead_source,
            owner=touch.about.owner or "",
            team=touch.about.team or "",
            because=(touch.key,),
        )
        journey.cycles.append(leads.handed_over(cycle, definition, "created", at=at, because=cycle.because))
        del journey.cycles[: -leads.CYCLES_MAX]
        self._step(len(journey.cycles) - 1, journey.cycles[-1], "created", touch)

    def _make_mql(self, index: int, touch: Touchpoint, because: tuple[Key, ...]) -> None:
        cycle = self.journey.cycles[index]._replace(mql_at=touch.occurred_at)
        cycle = leads.handed_over(cycle, self.plan.definition, "mql", at=touch.occurred_at, because=because)
        self._step(index, cycle, "mql", touch, because=because)

    def _step(self, index: int, cycle: LeadCycle, step: str, touch: Touchpoint, *, because: tuple[Key, ...] = ()) -> None:
        """Note a step of a lead cycle, and the conversion that it may be."""
        journey, because = self.journey, because or (touch.key,)
        journey.cycles[index] = cycle
        journey.quiet_until = NOT_YET
        self.scene.lead_steps[step] = because
        at = touch.occurred_at
        self.facts.update(leads.moved(journey.person, cycle, step, self.plan.definition, at, journey.place(at), because))
        for conversion in self.plan.definition.attribution.conversions:
            if conversion.lead == step:
                self._converted(conversion, touch.occurred_at, of=f"lead:{cycle.number}", lead_at=cycle.created_at)

    # --- conversions and stages

    def _converted(
        self, conversion: Conversion, at: Instant, *, of: str, deal: PersonDeal | None = None, lead_at: Instant | None = None,
        amount_minor: int = 0, currency: str = "",
    ) -> None:  # fmt: skip
        """A success. Its lead creation is as given, or as the deal has it, else that of the last lead cycle."""
        journey = self.journey
        since = at - self.plan.definition.attribution.look_back
        if lead_at is None:
            lead_at = deal.lead_at if deal is not None else journey.cycles[-1].created_at if journey.cycles else 0
        fact = Converted(
            person=journey.person,
            conversion=conversion.name,
            of_what=of,
            at=at,
            day=day(at, self.plan.zone),
            is_primary=1 if deal is None or deal.primary else 0,
            amount_minor=amount_minor,
            currency=currency,
            lead_at=lead_at,
            opened_at=0 if deal is None else deal.opened_at,
            cut=1 if journey.touches_cut_at >= since else 0,
            path=tuple(touch for touch in journey.touches if touch.touched_at >= since),
        )
        self.facts[fact] += 1

    def _stage(self, touch: Touchpoint, of_type: OfType) -> None:
        """Enter at most one stage: that of the first rule that holds and that the touchpoint counts in; last stages are tried first."""
        journey, scene = self.journey, self.scene
        candidates = self.plan.candidates(
            journey.stage, of_type.name, scored=scene.scored, deal=bool(scene.deal_now), lead=bool(scene.lead_steps)
        )
        for one in candidates:
            assert one.rule.when is not None
            judged = judge(one.rule.when, scene)
            if judged.holds and judged.fresh:
                left, since = journey.stage, journey.entered_at
                nth = journey.enter(one.stage, touch.occurred_at, judged.because)
                self.facts[entered(self.plan, journey, left, since, nth, one.rule.name, judged.because)] += 1
                return

    def _segments(self, touch: Touchpoint, of_type: OfType, *, is_other_stage: bool) -> None:
        """Enter and leave segments, after all else that the touchpoint has brought about."""
        journey, scene = self.journey, self.scene
        set_off: dict[int, tuple[Key, ...]] = {index: (touch.key,) for index, test in of_type.lasting if test is None or test(touch)}
        if scene.lead_steps:
            set_off |= {index: scene.lead_steps[step] for index, step in self.plan.lasting_leads if step in scene.lead_steps}
        if set_off:
            audience = journey.audience or NO_AUDIENCE
            journey.audience = audience._replace(lasting={**set_off, **audience.lasting})
        if of_type.segments or is_other_stage or scene.scored or scene.deal_now or scene.lead_steps:
            self.facts.update(moved_by(self.plan, journey, touch.occurred_at, touch.key))
            journey.quiet_until = NOT_YET

    # --- what is still to strike

    def strike_before(self, at: Instant) -> None:
        """Let happen what the time up to `at` has brought. What is due at `at` itself comes after the touchpoints of that instant."""
        journey, plan, struck = self.journey, self.plan, 0
        while (due := next_due(plan, journey)) is not None and due.at < at:
            assert struck < plan.chain_max, f"more than {plan.chain_max} deadlines follow each other for {journey.person}"
            struck += due.name != SEGMENTS
            self.facts.update(strike(plan, journey, due))
        journey.quiet_until = NEVER if due is None else due.at

    def look_ahead(self) -> None:
        """Take back the outlook as it was, and assert the one from here."""
        journey = self.journey
        before = journey.outlook
        if not self.is_changed and before is not None and (not before.ahead or before.ahead[0].at >= journey.now):
            return
        later = ahead(self.plan, journey)
        outlook = Outlook(journey.person, journey.active_at, later) if later or journey.active_at != NOT_YET else None
        if outlook != journey.outlook:
            if journey.outlook is not None:
                self.facts[journey.outlook] -= 1
            if outlook is not None:
                self.facts[outlook] += 1
            journey.outlook = outlook


@lru_cache(PRIMARIES_KEPT_MAX)
def _primaries(data: DealOpened | DealUpdated) -> frozenset[str]:
    """The ids that `data` says are primary. Everybody on the deal asks for the same ones, and there may be hundreds."""
    return frozenset(person.person for person in data.people or () if person.primary)


def _worth(data: Data) -> tuple[int, str]:
    """What a touchpoint says that it is worth, in minor units; nothing where it says no currency."""
    for name in ("value", "amount"):
        if name in data.money:
            amount_minor: int | None = data.minor(name)  # type: ignore[union-attr]  # Types with money have it.
            if amount_minor is not None:
                return amount_minor, data.currency or ""  # type: ignore[union-attr]
    return 0, ""
