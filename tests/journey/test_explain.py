"""Reasons are the fold's own: a transition has its evidence, the score adds up, and what is said to be missing is what is missing."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey import person_fold
from journey.conditions import judge, standing
from journey.definition import Condition, Counted, DealIs, Definition, NoOpenDeal
from journey.definition import Scored as ScoreIs
from journey.explain import Evidence, Explanation, Unmet, WhyNot, explain
from journey.facts import LeadMoved, Scored, SegmentMoved, StageEntered
from journey.identity import Person
from journey.instants import DAY, HOUR, iso
from journey.leads import cycle_of, open_cycle
from journey.person_fold import derive, stepwise
from journey.plan import plan_of
from journey.touchpoints import Touchpoint
from tests.journey.builders import MONDAY, TUESDAY, WEDNESDAY, closed, definition, derived, in_order, only, opened, touch, turns_in
from tests.journey.random_histories import DAYS, DEFINITIONS, IDS, RICH, histories

ME = Person("user:7", IDS)
many = settings(deadline=None)
by_any_definition = pytest.mark.parametrize("by", DEFINITIONS, ids=["rich", "otherwise", "default"])


def explained(*history: Touchpoint, by: Definition = RICH, until: int = MONDAY + 3 * DAY, stage: str = "") -> Explanation:
    return explain(by, ME, in_order(history), turns_in(by, history), [], until, stage)


def rule(answer: Explanation, name: str) -> WhyNot:
    (found,) = (one for one in answer.why_not if one.rule == name)
    return found


# --- the same fold


@by_any_definition
@many
@given(history=histories(), days=st.integers(0, DAYS + 20))
def test_step_by_step_it_is_the_fold_of_what_was_up_to_then(by: Definition, history: list[Touchpoint], days: int) -> None:
    until = MONDAY + days * DAY
    steps, scene = stepwise(by, ME.name, IDS, history, turns_in(by, history), until)
    moved = [fact for step in steps for fact in step.facts.elements() if isinstance(fact, StageEntered | LeadMoved)]
    # A mail just after lets strike what is due by then.
    nothing = touch("email_sent", at=until + 1, id="zz")
    _, facts = derive(by, ME.name, IDS, [*(one for one in history if one.occurred_at <= until), nothing], turns_in(by, history))
    assert Counter(moved) == Counter({fact: count for fact, count in facts.items() if isinstance(fact, StageEntered | LeadMoved)})
    answer = explain(by, ME, history, turns_in(by, history), [], until)
    assert answer.stage == scene.journey.stage
    told = Counter((one.at, one.entered, tuple((seen.source, seen.id, seen.subject) for seen in one.because)) for one in answer.transitions)
    assert told == Counter((iso(move.at), move.stage if isinstance(move, StageEntered) else move.step, move.because) for move in moved)


@by_any_definition
@many
@given(history=histories(), days=st.integers(0, DAYS + 20))
def test_the_entries_of_the_ledger_add_up_to_the_score(by: Definition, history: list[Touchpoint], days: int) -> None:
    until = MONDAY + days * DAY
    answer = explain(by, ME, history, turns_in(by, history), [], until)
    _, facts = derive(by, ME.name, IDS, history, turns_in(by, history))
    assert sum(entry.points for entry in answer.ledger) == answer.score
    assert answer.score == sum(fact.points for fact in facts.elements() if isinstance(fact, Scored) and fact.at <= until < fact.until_at)


@by_any_definition
@many
@given(history=histories(), days=st.integers(0, DAYS + 20))
def test_segments_are_those_that_the_fold_moves(by: Definition, history: list[Touchpoint], days: int) -> None:
    until = MONDAY + days * DAY
    answer = explain(by, ME, history, turns_in(by, history), [], until)
    # A mail just after lets strike what is due by then.
    nothing = touch("email_sent", at=until + 1, id="zz")
    _, facts = derive(by, ME.name, IDS, [*(one for one in history if one.occurred_at <= until), nothing], turns_in(by, history))
    moved = Counter((one.segment, iso(one.at), one.step, one.because) for one in only(SegmentMoved, facts))
    assert moved == Counter(
        (one.segment, move.at, move.step, tuple((seen.source, seen.id, seen.subject) for seen in move.because))
        for one in answer.segments
        for move in one.moves
    )
    for one in answer.segments:
        last = one.moves[-1] if one.moves else None
        assert one.since == (last.at if last and last.step == "entered" else "")
        assert one.stands.met is bool(one.since)
    assert [one.segment for one in answer.segments] == sorted(by.segments)


def conditions(condition: Condition) -> list[Condition]:
    parts = getattr(condition, "all", None) or getattr(condition, "any", None) or ()
    return [condition, *(one for part in parts for one in conditions(part))]


@by_any_definition
@many
@given(history=histories())
def test_a_state_is_met_where_the_evaluation_says_that_it_holds(by: Definition, history: list[Touchpoint]) -> None:
    if not history:
        return
    until = history[-1].occurred_at
    _, scene = stepwise(by, ME.name, IDS, history, turns_in(by, history), until)
    if not hasattr(scene, "touch") or scene.touch.occurred_at != until:
        return  # The last one is a link, or nobody's: nothing was judged at it.
    for one in plan_of(by).rules:
        for condition in conditions(one.rule.when) if one.rule.when is not None else ():
            if isinstance(condition, Counted | ScoreIs | DealIs | NoOpenDeal):
                now, judged = standing(condition, scene, until), judge(condition, scene)
                assert now.met is judged.holds
                if judged.holds:
                    assert now.because == judged.because


@many
@given(history=histories(), days=st.integers(0, DAYS))
def test_what_is_said_to_meet_a_count_meets_it_and_one_less_does_not(history: list[Touchpoint], days: int) -> None:
    until = MONDAY + days * DAY
    history = [one for one in history if one.occurred_at <= until]
    answer = explain(RICH, ME, history, turns_in(RICH, history), [], until, "consideration")
    if answer.stage not in ("", "awareness"):
        return
    unmet = rule(answer, "reads").unmet
    lacking = max(1, unmet.need - unmet.have)
    for more, entered in ((lacking - 1, False), (lacking, True)):
        views = [touch("content_view", at=until, id=f"zz{nth}") for nth in range(more)]
        _, facts = person_fold.derive(RICH, ME.name, IDS, [*history, *views], turns_in(RICH, history))
        keys = {view.key for view in views}
        reads = [move for move in only(StageEntered, facts) if move.rule == "reads" and not keys.isdisjoint(move.because)]
        assert bool(reads) is entered


# --- what it says


def test_a_transition_has_the_touchpoints_that_counted_in_words() -> None:
    answer = explained(touch("content_view", at=MONDAY, id="a"), touch("content_view", at=TUESDAY, id="b"))
    *_, last = (move for move in answer.transitions if move.what == "stage")
    assert (last.left, last.entered, last.rule) == ("awareness", "consideration", "reads")
    assert [(one.type, one.id, one.at) for one in last.because] == [
        ("content_view", "a", iso(MONDAY)),
        ("content_view", "b", iso(TUESDAY)),
    ]


def test_a_deadline_that_struck_has_its_evidence_as_well() -> None:
    answer = explained(touch("page_view", at=MONDAY, id="a"), until=MONDAY + 10 * DAY)
    assert answer.stage == "lost"
    assert [one.id for one in answer.transitions[-1].because] == ["a"]
    before = explained(touch("page_view", at=MONDAY, id="a"), until=MONDAY + 10 * DAY - 1)
    assert rule(before, "silent").unmet.more == f"strikes at {iso(MONDAY + 10 * DAY)} if nothing more happens"


def test_a_count_says_how_many_there_are_and_how_many_more_it_takes() -> None:
    by = definition(
        {
            "awareness": [{"name": "first", "when": {"types": "content_view"}}],
            "consideration": [{"name": "reads", "when": {"count": {"times": 3, "of": {"types": "content_view"}, "within": "14d"}}}],
        }
    )
    one = rule(explained(touch("content_view", id="a"), by=by), "reads").unmet
    assert one.more == "1 of 3 content_view in 2w; 2 more"
    assert [seen.id for seen in one.because] == ["a"]
    lapsed = rule(explained(touch("content_view", id="a"), by=by, until=MONDAY + 14 * DAY + 1), "reads").unmet
    assert lapsed.more == "0 of 3 content_view in 2w; 3 more"


def test_points_that_expired_or_are_beyond_the_daily_limit_are_not_in_the_ledger() -> None:
    views = [touch("page_view", at=MONDAY + hour * HOUR, id=str(hour), url="https://shop.example/") for hour in range(3)]
    assert [entry.by.id for entry in explained(*views).ledger] == ["0", "1"]
    assert explained(*views, until=MONDAY + 10 * DAY).score == 10
    assert rule(explained(*views[:1], stage="consideration"), "keen").unmet.more == "score 10 of 20; 10 points more"


def test_an_open_deal_is_named_where_its_close_is_missing() -> None:
    both = explained(opened(at=MONDAY), opened("13", at=TUESDAY), closed("13", at=WEDNESDAY, outcome="lost"), stage="lost")
    lost, no_open = rule(both, "deal-lost").unmet.parts
    assert lost.met
    assert no_open.more == "the close of deal 12"
    assert rule(both, "silent").unmet.more == "waits while a deal is open"


def test_a_rule_that_leads_out_of_other_stages_says_which() -> None:
    assert rule(explained(touch("page_view"), stage="decision"), "new-deal").leads_from == ("lost", "recycled")
    assert rule(explained(touch("page_view"), stage="decision"), "deal").leads_from == ()


def test_what_ties_a_touchpoint_to_the_person_stands_apart_from_the_evidence() -> None:
    link = touch("identified", subject="anon:a", other="user:7", id="l")
    view, deal = touch("page_view", subject="anon:a", at=MONDAY, id="v"), opened(at=TUESDAY, id="d")
    answer = explain(RICH, ME, [view, deal], {}, [link], WEDNESDAY)
    stages = [move for move in answer.transitions if move.what == "stage"]
    assert [[one.ties for one in move.because] for move in stages] == [[(link.key,)], [(deal.key,)]]


def test_who_is_named_in_a_meeting_is_no_id_and_what_stands_under_a_deal_is_tied_by_who_was_named_in_it() -> None:
    """A meeting has names of people where an opening has ids; and not all that is published under a deal names it again."""
    link = touch("identified", subject="anon:a", other="user:7", id="l")
    names = touch("meeting", subject="user:8", at=MONDAY, id="m", deal="12", people=["Kim"], status="held")
    opening = touch("deal_opened", at=TUESDAY, people=[{"person": "anon:a"}], id="o")
    bought = touch("custom", subject="deal:12", at=WEDNESDAY, id="c", name="purchase")
    assert bought.about.deal is None
    answer = explain(DEFINITIONS[-1], ME, [names, opening, bought], {}, [link], WEDNESDAY)
    ties = {one.id: one.ties for move in answer.transitions for one in move.because}
    assert ties == dict.fromkeys(("m", "o", "c"), (link.key, opening.key))


# --- segments


def test_a_segment_is_told_by_what_led_in_and_out_and_what_it_would_take() -> None:
    readers = {"count": {"times": 2, "of": {"types": "content_view"}, "within": "5d"}}
    by = definition(segments={"readers": readers, "known": {"all": [{"types": "page_view"}, {"segment": "readers"}]}})
    history = touch("content_view", at=MONDAY, id="a"), touch("content_view", at=TUESDAY, id="b"), touch("page_view", at=WEDNESDAY, id="p")
    known, told = explained(*history, by=by).segments
    assert (told.segment, told.since, told.stands.more) == ("readers", iso(TUESDAY), "holds: 2 of content_view in 5d")
    assert [(move.step, move.by_time, [one.id for one in move.because]) for move in told.moves] == [("entered", False, ["a", "b"])]
    assert (known.since, [part.more for part in known.stands.parts]) == (iso(WEDNESDAY), ["holds: page_view", "holds: segment readers"])
    # Monday's view lies too far back from Saturday on.
    known, told = explained(*history, by=by, until=MONDAY + 5 * DAY).segments
    assert [(move.step, move.at, move.by_time) for move in told.moves[1:]] == [("left", iso(MONDAY + 5 * DAY), True)]
    assert (told.since, told.stands.more) == ("", "1 of 2 content_view in 5d; 1 more")
    assert (known.since, [part.more for part in known.stands.parts]) == ("", ["holds: page_view", "needs: segment readers"])
    assert explained(*history, by=by, stage="awareness").segments == ()


# --- leads


def lead_told(answer: Explanation) -> tuple[str, list[tuple[str, bool]]]:
    """Which of `why` and `why_not` tells of the lead, and the smallest parts of it."""

    def leaves(one: Unmet) -> list[tuple[str, bool]]:
        return [leaf for part in one.parts for leaf in leaves(part)] if one.parts else [(one.more, one.met)]

    if answer.why:
        return f"{answer.why[0].stage} since {answer.why[0].at}", leaves(answer.why[0].held)
    (missing,) = answer.why_not
    return f"no {missing.stage}", leaves(missing.unmet)


def test_an_mql_is_told_by_the_parts_that_held_then_with_their_touchpoints() -> None:
    view, form, download = touch("page_view"), touch("form_submitted", at=TUESDAY), touch("content_download", at=TUESDAY + 1)
    answer = explained(view, form, download, stage="mql")
    assert lead_told(answer) == (
        f"mql since {iso(TUESDAY)}",
        [("held: a score of 20 (20)", True), ("not then: content_download", False), ("not then: lead_scored whose grade is mql", False)],
    )
    assert [one.id for one in answer.why[0].held.parts[0].because] == [view.id, form.id]
    assert [(move.entered, move.cycle) for move in answer.transitions] == [("mql", 1)]
    stated = explained(touch("lead_created"), touch("lead_scored", at=TUESDAY, lead=None), stage="mql")
    assert lead_told(stated)[1][-1] == ("held: lead_scored whose grade is mql", True)


def test_who_is_no_mql_is_told_what_is_missing() -> None:
    lead = "needs a lead that is open: lead_created, lead_assigned or lead_accepted; or form_submitted"
    rest = [("needs: content_download", False), ("needs: lead_scored whose grade is mql", False)]
    assert lead_told(explained(touch("page_view"), stage="mql")) == (
        "no mql", [(lead, False), ("score 10 of 20; 10 points more", False), *rest]
    )  # fmt: skip
    views = [touch("page_view", id=id, url="https://shop.example/pricing") for id in ("a", "b")]
    assert lead_told(explained(*views, stage="mql"))[1][1] == ("a score of 20, which a lead's opening sets off", True)
    created = touch("lead_created", id="L")
    answer = explained(created, stage="mql")
    assert lead_told(answer)[1] == [("lead 1 is open", True), ("score 0 of 20; 20 points more", False), *rest]
    assert [one.id for one in answer.why_not[0].unmet.parts[0].because] == ["L"]


def test_an_sql_is_told_by_what_qualified_it_and_what_is_missing_before() -> None:
    created, need = touch("lead_created"), touch("need_stated", at=TUESDAY)
    assert lead_told(explained(created, need, stage="sql")) == (
        f"sql since {iso(TUESDAY)}", [("held: lead_qualified or need_stated", True)]
    )  # fmt: skip
    rejected = touch("lead_rejected", at=TUESDAY, lead=None)
    assert lead_told(explained(created, rejected, stage="sql")) == (
        "no sql", [("lead 1 has ended: rejected", True), ("needs: lead_qualified or need_stated", False)]
    )  # fmt: skip


@by_any_definition
@many
@given(history=histories(), days=st.integers(0, DAYS + 20), asked=st.sampled_from(["mql", "sql"]))
def test_a_lead_is_told_as_what_it_is_by_all_that_counted(by: Definition, history: list[Touchpoint], days: int, asked: str) -> None:
    until = MONDAY + days * DAY
    answer = explain(by, ME, history, turns_in(by, history), [], until, asked)
    _, scene = stepwise(by, ME.name, IDS, history, turns_in(by, history), until)
    cycles = scene.journey.cycles
    index = open_cycle(cycles) if asked == "mql" else cycle_of(cycles, None)
    cycle = cycles[index] if index is not None else None
    assert bool(answer.why) is bool(cycle and (cycle.mql_at if asked == "mql" else cycle.is_qualified))
    for one in answer.why:
        assert one.held.met
        (moved,) = (move for move in answer.transitions if (move.cycle, move.at) == (one.cycle, one.at))
        if not any(seen.type == "lead_scored" for seen in moved.because):
            # The opening of the lead is a reason too, where it was that which set it off.
            created = [seen for seen in moved.because if seen.at == one.at]
            assert {seen.id for seen in evidences(one.held)} <= {seen.id for seen in moved.because}
            assert {seen.id for seen in moved.because} <= {seen.id for seen in [*evidences(one.held), *created]}


def evidences(one: Unmet) -> list[Evidence]:
    return [*(one.because if not one.parts and one.met else ()), *(seen for part in one.parts for seen in evidences(part))]


def test_nobody_is_at_no_stage_and_lacks_everything() -> None:
    answer = explained()
    assert (answer.stage, answer.score, answer.transitions, answer.ledger) == ("", 0, (), ())
    assert {one.stage for one in answer.why_not} == set(RICH.stage_names)
    assert derived(by=RICH)[0].stage == ""
