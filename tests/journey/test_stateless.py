"""Facts of touchpoints that need no state: each touchpoint has one, whoever hears of it."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from journey import deal, dimension, person_fold, statements
from journey import facts as f
from journey.channels import excluded
from journey.definition import Definition
from journey.facts import KINDS, NEVER, Facts, Outlook
from journey.histories import Stored, is_person, keys, person_history, settle, takes_part
from journey.instants import DAY, SECOND, day, instant, rfc3339
from journey.person import PersonJourney
from journey.stateless import ELSEWHERE, NOWHERE, STATELESS
from journey.touchpoints import NAMES, TYPES, Touchpoint
from schemas.definition_files import default_definition
from tests.examples import EXAMPLES
from tests.journey.builders import (
    FRIDAY,
    ME,
    MONDAY,
    SMALL,
    TUESDAY,
    WEDNESDAY,
    closed,
    definition,
    derived,
    in_order,
    only,
    opened,
    touch,
    turns_in,
)

ON = "2026-03-02"
PERSONS = ((ME, "anon:a"), ("user:8",))


def asserted(touches: Iterable[Touchpoint], by: Definition = SMALL) -> Facts:
    """What all folds assert of a set of touchpoints: of `PERSONS`, their deals, and what there is besides."""
    stored: dict[str, list[Stored]] = defaultdict(list)
    for one in touches:
        for key in keys(one):
            stored[key].append(Stored(one, b""))
    deals = {key: settle(bodies, lambda body: body) for key, bodies in stored.items() if key.startswith("deal:")}
    facts: Facts = Counter()
    for ids in PERSONS:
        through = [one for history in deals.values() if not takes_part(history).isdisjoint(ids) for one in history]
        history = person_history(ids, (one for id in ids for one in stored[id]), through, lambda body: body)
        facts.update(person_fold.derive(by, ids[0], ids, history, turns_in(by, through))[1])
    for key, bodies in stored.items():
        if key in deals:
            facts.update(deal.derive(by, key, deals[key])[1])
        elif not is_person(key):
            facts.update(dimension.derive(by, key, settle(bodies, lambda body: body))[1])
    return facts


MADE = (
    f.Exposed, f.Emailed, f.SocialEngaged, f.ContentSeen, f.EventStep, f.FormStep, f.SurveyStep, f.Referred, f.ProductStep, f.Activity,
    f.Offered, f.TicketStep, f.NeedStated, f.Objection, f.Consented, f.SubscriptionStep, f.AccountMember, f.PressMentioned, f.CustomSeen,
)  # fmt: skip


# --- all types


def test_every_type_has_a_fact_here_or_elsewhere_or_a_reason_to_have_none() -> None:
    assert sorted(NAMES[kind] for kind in (*STATELESS, *ELSEWHERE, *NOWHERE)) == sorted(TYPES)


@pytest.mark.parametrize("name", [NAMES[kind] for kind in (*STATELESS, *ELSEWHERE)])
def test_a_touchpoint_of_every_type_makes_a_fact_of_its_kind(name: str) -> None:
    before = [
        touch("page_view", id="0"), touch("lead_created", id="1"), touch("lead_accepted", id="2"), opened(id="3"),
        touch("order_placed", order="o-1", id="4"), touch("account_joined", account="acme", id="5"),
    ]  # fmt: skip
    if name == "deal_reopened":
        before.append(closed(at=TUESDAY))
    if name == "lead_created":
        before = []
    data = {"refund": {"order": "o-1"}, "account_left": {"account": "acme"}}.get(name, {})
    one = touch(name, at=WEDNESDAY, id="new", subject=ME if EXAMPLES[name]["subject"].startswith("anon") else "", **data)
    by = default_definition()
    changed = f.subtract(asserted([*before, one], by), asserted(before, by))
    kinds = {fact.kind for fact in changed}
    assert ELSEWHERE[type(one.data)] in kinds if type(one.data) in ELSEWHERE else kinds & {kind._field_defaults["kind"] for kind in MADE}


@pytest.mark.parametrize("name", [NAMES[kind] for kind in NOWHERE])
def test_a_type_that_is_named_to_assert_nothing_does_not(name: str) -> None:
    one = touch(name, subject="anon:a")
    assert not derived(one, ids=(ME, "anon:a"))[1]
    assert not deal.derive(SMALL, "deal:12", [one._replace(subject="deal:12")])[1]
    assert not dimension.derive(SMALL, "company:self", [one._replace(subject="company:self")])[1]


# --- once


def _one(nth: int, name: str, on: int, whose: str, with_deal: bool, test: bool) -> Touchpoint:
    subject = EXAMPLES[name]["subject"]
    data = {"deal": "12"} if with_deal and is_person(subject) else {}
    return touch(name, id=str(nth), at=MONDAY + on * DAY, subject=whose if is_person(subject) else "", test=test, **data)


one_of_any = st.tuples(
    st.sampled_from([NAMES[kind] for kind in STATELESS]), st.integers(0, 3), st.sampled_from([ME, "anon:a", "user:8"]), st.booleans(),
    st.integers(0, 9).map(lambda n: n == 0),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(one_of_any, max_size=12), st.booleans())
def test_each_touchpoint_is_asserted_once_over_all_folds_and_none_that_is_excluded(drawn: list[Any], is_in_deal: bool) -> None:
    touches = [_one(nth, *values) for nth, values in enumerate(drawn)]
    everyone = [opened(people=(ME, "anon:a", "user:8"), id="d")] if is_in_deal else []
    facts = asserted([*touches, *everyone])
    counting = [one for one in touches if not excluded(SMALL, one.about)]
    assert sum(n for fact, n in facts.items() if type(fact) in MADE) == len(counting)
    assert all(n > 0 for n in facts.values())


def test_what_a_persons_touchpoint_says_of_a_deal_is_the_persons_and_what_the_deals_says_the_deals() -> None:
    offers = [touch("proposal_sent", subject=ME, id="a", at=TUESDAY), touch("proposal_sent", id="b", at=WEDNESDAY)]
    facts = asserted([opened(people=(ME, "user:8")), *offers])
    assert [(fact.subject, fact.deal) for fact in only(f.Offered, facts)] == [("deal:12", "12"), (ME, "12")]


@pytest.mark.parametrize("name", ["email_opened", "proposal_sent", "survey_answered", "subscription_started", "custom"])
@pytest.mark.parametrize("why", [{"test": True}, {"bot": True}, {"agent": "HeadlessChrome"}])
def test_what_is_excluded_has_no_fact_but_that_it_is_whatever_it_is_about(name: str, why: dict[str, Any]) -> None:
    subjects = {"survey_answered": "company:self", "subscription_started": "account:acme", "custom": "campaign:spring"}
    by = default_definition()
    assert asserted([touch(name, subject=subjects.get(name, ""))], by)
    left_out = touch(name, subject=subjects.get(name, ""), **why)
    reason = "agent" if "agent" in why else next(iter(why))
    assert asserted([left_out], by) == Counter([f.Excluded(left_out.subject, "2026-03-02", name, reason)])


def test_an_order_of_an_account_that_a_bot_placed_is_none() -> None:
    assert [type(fact) for fact in asserted([touch("order_placed", subject="account:acme", bot=True)])] == [f.Excluded]


def test_a_touchpoint_that_stands_under_two_ids_of_one_person_is_asserted_once() -> None:
    twice = [touch("call", subject=ME, id="1"), touch("call", subject="anon:a", id="1")]
    assert len(list(asserted(twice).elements())) == len([*only(f.Activity, asserted(twice)), *only(Outlook, asserted(twice))])
    assert len(only(f.Activity, asserted(twice))) == 1


def test_places_tell_apart_what_one_subject_says_at_one_instant_however_it_is_cut() -> None:
    history = in_order(touch("survey_answered", id=str(n), score=n, scale_max=10) for n in range(5))
    whole, facts = person_fold.derive(SMALL, ME, (ME,), history, {})
    assert [(fact.nth, fact.score) for fact in sorted(only(f.SurveyStep, facts), key=lambda fact: fact.nth)] == [
        (n, str(n)) for n in range(5)
    ]
    journey, added = PersonJourney(person=ME, ids=(ME,)), Facts()
    for one in history:
        journey, more = person_fold.advance(SMALL, journey, [one], {})
        added.update(more)
    assert added == facts
    assert journey == whole


# --- what they say


@pytest.mark.parametrize(
    ("name", "data", "kind", "said"),
    [
        ("ad_impression", {"channel": "display", "placement": "top"}, f.Exposed, ("display", "spring", "ad-1", "top")),
        ("email_sent", {}, f.Emailed, ("sent", "m-1", "spring", "", 0)),
        ("email_bounced", {"kind": "soft"}, f.Emailed, ("bounced", "m-1", "", "soft", 0)),
        ("email_opened", {"machine": True}, f.Emailed, ("opened", "m-1", "", "", 1)),
        ("email_opened", {"machine": None}, f.Emailed, ("opened", "m-1", "", "", 0)),
        ("social_engagement", {"post": "p"}, f.SocialEngaged, ("linkedin", "comment", "p", "", "0.5", 500_000)),
        ("content_view", {}, f.ContentSeen, ("viewed", "guide", "", 40 * SECOND, 750_000)),
        ("content_download", {}, f.ContentSeen, ("downloaded", "guide", "", -1, -1)),
        ("event_registered", {}, f.EventStep, ("registered", "fair", "onsite", "", -1)),
        ("event_attended", {}, f.EventStep, ("attended", "fair", "onsite", "", 90)),
        ("form_started", {}, f.FormStep, ("started", "contact", "demo", "")),
        ("form_submitted", {"campaign": "spring"}, f.FormStep, ("submitted", "contact", "demo", "spring")),
        ("survey_sent", {}, f.SurveyStep, (0, "sent", "nps", "2026-q1", "", "", "", 0, 0, 0, "", "", -1)),
        (
            "survey_answered",
            {"score": "8.50", "scale_min": "-1", "about": "call-1", "respondents": 12},
            f.SurveyStep,
            (0, "answered", "nps", "2026-q1", "nps", "q1", "8.5", 8_500_000, -1_000_000, 10_000_000, "", "call-1", 12),
        ),
        ("referral", {"partner": "agency"}, f.Referred, ("user:1", "agency", "friend")),
        ("signed_up", {}, f.ProductStep, ("signed_up", "free", "", "", 1, 0, 0, "", 0, "")),
        ("product_used", {}, f.ProductStep, ("used", "", "export", "", 3, 0, 0, "", 0, "")),
        ("product_viewed", {}, f.ProductStep, ("viewed", "", "", "shoes", 1, 0, 8000, "EUR", 0, "")),
        ("cart_updated", {"value": None, "currency": None}, f.ProductStep, ("cart_updated", "", "", "", 1, 1, 0, "", 0, "")),
        (
            "proposal_sent",
            {"discount": None, "list_amount": "1000.00", "valid_until": "2026-04-01"},
            f.Offered,
            (0, "proposal_sent", "12", "p-1", "2", "us", "", "", 1, 90000, 1, 100000, 1, 10000, "EUR", "2026-04-01"),
        ),
        ("negotiation", {}, f.Offered, (0, "negotiation", "12", "", "", "them", "", "", 0, 0, 0, 0, 1, 2500, "EUR", "")),
        ("support_ticket", {"ticket": "t", "status": "reopened"}, f.TicketStep, (0, "t", "reopened")),
        ("need_stated", {}, f.NeedStated, ("price", "", "")),
        ("objection_raised", {"competitor": "acme"}, f.Objection, (0, "raised", "o-1", "price", "", "acme", "", "")),
        ("objection_handled", {"objection": None, "topic": "price"}, f.Objection, (0, "handled", "", "price", "overcome", "", "", "")),
        ("consent_given", {"channel": "email"}, f.Consented, (0, ME, 1, "newsletter", "email", "consent", "v3", 0, "")),
        ("consent_withdrawn", {}, f.Consented, (0, ME, 0, "newsletter", "", "consent", "v3", 0, "")),
        ("account_joined", {"account": "acme", "role": "buyer"}, f.AccountMember, (0, "joined", "acme", "buyer")),
        ("custom", {}, f.CustomSeen, ("quiz_finished", "", "7", 7000, 0, "")),
        ("custom", {"value": "2.50", "currency": "EUR"}, f.CustomSeen, ("quiz_finished", "", "2.5", 2500, 250, "EUR")),
    ],
)
def test_a_fact_says_what_its_touchpoint_says(name: str, data: dict[str, Any], kind: type[f.Fact], said: tuple[Any, ...]) -> None:
    one = touch(name, **data)
    (fact,) = [fact for fact in asserted([one]) if type(fact) in MADE]
    assert type(fact) is kind
    assert fact[:3] == (one.subject, MONDAY, ON)
    assert fact[3 : 3 + len(said)] == said


@pytest.mark.parametrize(
    ("name", "data", "is_attempt", "is_conversation"),
    [
        ("call", {"direction": "out", "outcome": "no_answer"}, 1, 0),
        ("call", {"direction": "out", "outcome": "connected"}, 1, 1),
        ("call", {"direction": "in", "outcome": "connected"}, 0, 1),
        ("message", {"direction": "out", "automated": False}, 1, 0),
        ("message", {"direction": "out", "automated": True}, 0, 0),
        ("message", {"direction": "in", "automated": False}, 0, 0),
        ("meeting", {"status": "held"}, 1, 1),
        ("demo", {"status": "held"}, 1, 1),
        ("demo", {"status": "no_show"}, 0, 0),
        ("meeting", {"status": "scheduled"}, 0, 0),
        ("prospected", {}, 0, 0),
        ("follow_up", {}, 0, 0),
    ],
)
def test_an_attempt_is_a_humans_and_a_conversation_takes_two(
    name: str, data: dict[str, Any], is_attempt: int, is_conversation: int
) -> None:
    (fact,) = only(f.Activity, derived(touch(name, **data))[1])
    assert (fact.activity, fact.is_attempt, fact.is_conversation) == (name, is_attempt, is_conversation)
    assert fact.is_automated == int(data.get("automated", False))


def test_an_impression_that_nobody_can_have_seen_is_no_exposure() -> None:
    assert not only(f.Exposed, derived(touch("ad_impression", viewable=False))[1])
    assert only(f.Exposed, derived(touch("ad_impression", viewable=None))[1])


def test_a_subscription_says_from_which_day_its_mrr_counts() -> None:
    term = {"subscription": "s", "plan": "team", "currency": "EUR"}
    history = [
        touch("subscription_started", mrr="10.00", term_start_on="2026-04-01", term_end_on="2026-04-30", **term),
        touch("subscription_changed", at=TUESDAY, mrr="20.00", effective_on=None, **term),
        touch("renewal", at=WEDNESDAY, subscription="s", mrr="30.00", currency="EUR", term_end_on="2026-05-30", effective_on="2026-05-01"),
        touch("contract_ended", at=FRIDAY, subscription="s", ended_on="2026-05-30", kind="voluntary"),
    ]
    facts = asserted([one._replace(subject="account:acme") for one in history])
    steps = sorted(only(f.SubscriptionStep, facts), key=lambda fact: fact.at)
    assert [(one.step, one.mrr_minor, one.effective_on, one.term_end_on, one.term_days) for one in steps] == [
        ("started", 1000, "2026-04-01", "2026-04-30", 30),
        ("changed", 2000, "2026-03-03", "", -1),
        ("renewed", 3000, "2026-05-01", "2026-05-30", -1),
        ("ended", 0, "2026-05-31", "2026-05-30", -1),
    ]
    assert steps[-1].churn_kind == "voluntary"


def test_days_are_of_the_reporting_zone_also_those_that_are_stated_as_instants() -> None:
    tokyo = definition(zone="Asia/Tokyo")
    (fact,) = only(f.ProductStep, derived(touch("trial_started", at=instant(rfc3339("2026-03-02T20:00:00Z"))), by=tokyo)[1])
    assert fact.day == "2026-03-03"
    assert (fact.ends_at, fact.ends_on) == (instant(rfc3339("2026-03-16T10:00:00Z")), "2026-03-16")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_never_as_senders_write_it_is_a_day_like_another(zone: str) -> None:
    (fact,) = only(f.Consented, derived(touch("consent_given", expires_at="9999-12-31T23:59:59.999999Z"), by=definition(zone=zone))[1])
    assert (fact.expires_at, fact.expires_on) == (NEVER, "9999-12-31")
    assert day(instant(rfc3339("9999-12-31T20:00:00Z")), zone) == "9999-12-31"
    ended = touch("contract_ended", subject="account:acme", ended_on="9999-12-31")
    assert only(f.SubscriptionStep, asserted([ended]))[0].effective_on == date.max.isoformat()


def test_numbers_too_fine_or_too_large_for_whole_parts_are_kept_as_they_were_stated() -> None:
    fine, large = (only(f.SurveyStep, derived(touch("survey_answered", score=score))[1])[0] for score in ("4.6666665", "1e20"))
    assert (fine.score, fine.score_millionths) == ("4.6666665", 4_666_666)
    assert (large.score, large.score_millionths) == ("1" + "0" * 20, 10**18 - 1)


def test_a_campaign_that_is_not_its_own_folding_is_spelled_and_one_that_is_is_not() -> None:
    history = [touch("email_sent", campaign="Straße 26", id=str(n)) for n in range(2)]
    assert only(f.Spelled, derived(*history)[1]) == [f.Spelled("Straße 26", "strasse 26")] * 2
    assert not only(f.Spelled, derived(touch("email_sent", campaign="spring"))[1])


# --- scheduled activities: of a person's, and of a deal's


def planned(status: str = "open", *, at: int = MONDAY, activity: str = "a", **fields: Any) -> Touchpoint:
    said = {"id": f"{activity}{status}{at}"} | fields
    if said.get("subject") == ME:
        said["deal"] = None
    return touch("activity_scheduled", at=at, activity=activity, status=status, **said)


@pytest.mark.parametrize("subject", [ME, "deal:12"])
def test_of_a_scheduled_activity_there_is_what_was_stated_last_and_since_when(subject: str) -> None:
    history = [planned(subject=subject), planned("done", at=WEDNESDAY, subject=subject), planned("open", at=TUESDAY, subject=subject)]
    (fact,) = only(f.Scheduled, asserted([*history, opened()]))
    assert (fact.subject, fact.at, fact.status, fact.stated_at) == (subject, MONDAY, "done", WEDNESDAY)
    assert (fact.due_on, fact.owner) == ("2026-03-04", "ann")
    early = planned("canceled", at=FRIDAY, subject=subject, stated_at="2026-03-02T00:00:00Z")
    assert only(f.Scheduled, asserted([*history, opened(), early])) == [fact]


PERSONS_KEPT, DEALS_KEPT = TypeAdapter(PersonJourney), TypeAdapter(deal.DealJourney)


def dump(journey: PersonJourney | deal.DealJourney) -> bytes:
    return PERSONS_KEPT.dump_json(journey) if isinstance(journey, PersonJourney) else DEALS_KEPT.dump_json(journey)


@pytest.mark.parametrize("subject", [ME, "deal:12"])
@settings(max_examples=60, deadline=None)
@given(drawn=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 2)), max_size=6), data=st.data())
def test_scheduled_in_any_steps_is_scheduled_at_once(subject: str, drawn: list[tuple[str, int, int]], data: st.DataObject) -> None:
    history = in_order(
        planned(at=MONDAY + late, activity=activity, id=str(n), subject=subject, stated_at=f"2026-03-0{1 + version}T00:00:00Z")
        for n, (activity, late, version) in enumerate(drawn)
    )
    added, rest = Facts(), history
    mine, its = PersonJourney(person=ME, ids=(ME,)), deal.DealJourney(subject)
    while rest:
        some = data.draw(st.integers(1, len(rest)))
        kept = dump(mine), dump(its)
        if subject == ME:
            after, more = person_fold.advance(SMALL, mine, rest[:some], {})
            assert (dump(mine), dump(its)) == kept  # What it advanced from is left as it was, so that it may be tried again.
            mine = PERSONS_KEPT.validate_json(dump(after))
        else:
            found, more = deal.advance(SMALL, its, rest[:some])
            assert (dump(mine), dump(its)) == kept
            its = DEALS_KEPT.validate_json(dump(found))
        assert 0 not in more.values()
        added.update(more)
        rest = rest[some:]
    whole = person_fold.derive(SMALL, ME, (ME,), history, {}) if subject == ME else deal.derive(SMALL, subject, history)
    assert (mine if subject == ME else its, Facts({fact: n for fact, n in added.items() if n})) == whole


def test_what_is_about_an_activity_that_is_not_remembered_any_more_is_worked_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "SCHEDULED_MAX", 1)
    monkeypatch.setattr(deal, "SCHEDULED_MAX", 1)
    for subject, fold, goes_on in (
        (ME, lambda history: person_fold.derive(SMALL, ME, (ME,), history, {}), person_fold.goes_on),
        ("deal:12", lambda history: deal.derive(SMALL, "deal:12", history), deal.goes_on),
    ):
        journey, _ = fold([planned(subject=subject), planned(subject=subject, activity="b")])
        again = [planned("done", at=TUESDAY, activity=activity, subject=subject) for activity in "ab"]
        assert [goes_on(SMALL, journey, [one]) is None for one in again] == [True, False]
        assert goes_on(SMALL, journey, [again[0]._replace(subject="user:other")]) is not None


# --- as rows


def test_no_field_of_a_fact_is_a_word_that_sql_keeps_for_itself() -> None:
    """Nor one of PostgreSQL's, where SQLite has no such word."""
    kept = {"user", "order", "end", "analyze", "any", "both", "cast", "do", "only", "some", "offset", "placing", "left", "right", "primary"}
    with sqlite3.connect(":memory:") as db:
        for kind in KINDS.values():
            if kind in NEW:
                db.execute(f"CREATE TABLE t_{kind._field_defaults['kind']} ({', '.join(kind._fields[:-1])})")
                assert kept.isdisjoint(kind._fields)


NEW = {*MADE, f.Scheduled, f.Insight, f.Target, f.MediaReport, f.Aliased, f.Rate, f.Spelled}
