"""`journey reconcile` on the embedded runtime: all laws hold, and a row spoiled by hand is named, with exit status 1."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from projections.laws import LAWS, MODELS
from tests.app.command import here, put, refused, touch
from tests.examples import SENT

ALL = len(LAWS) + 2
TABLES = [(name, table.name, [column.name for column in table.key]) for name, model in MODELS.items() for table in model.tables]


def spoil(cwd: Path, database: str, *statements: str) -> None:
    with sqlite3.connect(cwd / "journey-data" / f"{database}.db") as db:
        for one in statements:
            assert db.execute(one).rowcount, f"{one} changed nothing"


def rows_of(cwd: Path, database: str, table: str) -> int:
    with sqlite3.connect(cwd / "journey-data" / f"{database}.db") as db:
        (number,) = db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
    return int(number)


def some_of_every_type() -> Iterator[bytes]:
    """Four of each type that can be of anybody, and of those that need more what they need: enough for three rows in every table."""
    for n in range(4):
        day = f"2026-03-0{n + 1}"
        for type, (subject, _) in SENT.items():
            if subject.startswith(("user:", "anon:")) and type not in ("identified", "unlinked", "retracted", "order_placed", "refund"):
                yield touch(type, id=f"{type}-{n}", subject=f"user:z{n}", at=f"{day}T10:00:00Z")
        of: list[tuple[str, str, dict[str, Any]]] = [
            ("order_placed", "user:zz", {"order": f"o-{n}", "amount": "9.00"}),
            ("refund", "user:zz", {"order": f"o-{n}", "amount": "10.00"}),
            ("campaign_launched", f"campaign:z{n}", {"campaign": f"z{n}", "name": f"Z{n}", "aliases": [f"Other {n}"]}),
            ("page_view", f"user:z{n}", {"utm_campaign": f"Zed {n}"}),
            ("page_view", f"user:bot{n}", {"bot": True}),
            ("media_reported", "campaign:spring", {"ad": str(n)}),
            ("fx_rate", "company:self", {"on": day}),
            ("target_set", "company:self", {"team": str(n)}),
            ("market_insight", "company:self", {"market": str(n)}),
            ("press_mention", "company:self", {"outlet": str(n)}),
            ("activity_scheduled", f"user:z{n}", {"activity": str(n), "deal": None}),
            ("subscription_started", "account:acme", {"subscription": str(n)}),
            ("deal_opened", f"deal:z{n}", {"deal": f"z{n}", "products": ["shoes"]}),
        ]
        for type, subject, data in of:
            yield touch(type, id=f"{subject}-{type}-{n}", subject=subject, at=f"{day}T12:00:00Z", **data)


def broken(cwd: Path) -> dict[str, list[dict[str, Any]]]:
    """By law, what `journey reconcile --json` says breaks it."""
    ran = here("reconcile", "--json", cwd=cwd)
    answer = orjson.loads(ran.raw)
    found = {one["law"]: one["broken"] for one in answer["laws"] if one["broken"]}
    assert ran.status == (1 if found else 0)
    assert answer["broken"] == sum(map(len, found.values()))
    assert len(answer["laws"]) == ALL
    return found


@pytest.mark.parametrize("at_once", [7, 2_000])
def test_all_is_well(desk: Path, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many subjects are derived at once: a person's ids are in several parts then."""
    monkeypatch.setattr("streams.rebuilding.SUBJECTS_PER_PART_MAX", at_once)
    ran = here("reconcile", cwd=desk)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.endswith(f": {ALL} of {ALL} laws hold\n")
    assert broken(desk) == {}


def test_a_row_counted_twice_a_row_gone_and_a_row_too_many_are_named_in_each_table(desk: Path) -> None:
    text = here("definition", "show", "--default", cwd=desk).out
    (desk / "mine.yaml").write_text(text.replace("segments: {}", "segments: {seen: {types: page_view}}"))
    assert here("definition", "use", "mine.yaml", cwd=desk).status == 0
    put(desk / "more.jsonl", *some_of_every_type())
    assert here("ingest", "more.jsonl", cwd=desk).status == 0
    assert {(model, table): n for model, table, _ in TABLES if (n := rows_of(desk, model, table)) < 3} == {}
    for model, table, columns in TABLES:
        row = f"({', '.join(columns)}) = (SELECT {', '.join(columns)} FROM {table} ORDER BY {', '.join(columns)} LIMIT 1 OFFSET {{}})"
        spoil(
            desk,
            model,
            f"UPDATE {table} SET n = n + 1 WHERE {row.format(0)}",
            f"DELETE FROM {table} WHERE {row.format(1)}",
            f"UPDATE {table} SET {columns[-1]} = {columns[-1]} || '9' WHERE {row.format(2)}",
        )
    found = broken(desk)["the rows are what the histories derive to"]
    assert {(one["model"], one["table"]) for one in found} == {(model, table) for model, table, _ in TABLES}
    for model, table, columns in TABLES:
        some = [one for one in found if (one["model"], one["table"]) == (model, table)]
        twice, gone, was, too_many = sorted(some, key=lambda one: (one["expected"] is None, one["found"] is None))
        assert twice["found"]["n"] == twice["expected"]["n"] + 1
        assert {gone["found"], was["found"], too_many["expected"]} == {None}
        assert set(twice["row"]) == set(columns)


def test_what_is_wrong_is_told_with_its_table(desk: Path) -> None:
    spoil(desk, "sales", "DELETE FROM leads")
    ran = here("reconcile", cwd=desk)
    assert ran.status == 1
    assert "sales.leads" in ran.out
    assert "found no row" in ran.out


@pytest.mark.parametrize(
    ("law", "model", "statement"),
    [
        ("a row holds one fact or more", "marketing", "UPDATE touched SET n = -1"),
        ("a person has one outlook", "sales", "UPDATE outlook SET n = 2"),
        ("a transition is there once", "sales", "UPDATE stages SET n = 2"),
        ("who leaves a stage was in it", "marketing", "UPDATE stages SET left_stage = 'nowhere'"),
        ("a lead cycle is created once", "sales", "DELETE FROM leads WHERE step = 'created'"),
        ("a deal stands in one way at a time", "marketing", "UPDATE deals SET n = 2"),
        ("a deal is closed when it has an outcome", "sales", "UPDATE deals SET closed_at = 1 WHERE outcome = 'open'"),
        ("a deal is open, won, lost or abandoned", "sales", "UPDATE deals SET outcome = 'gone'"),
        ("a lead cycle stands in one way at a time", "sales", "UPDATE lead_states SET n = 2"),
        ("a lead cycle has one answer, and a state where it was accepted", "sales", "UPDATE lead_states SET answer = 'maybe'"),
        ("a lead cycle has one answer, and a state where it was accepted", "marketing", "UPDATE lead_states SET state = 'working'"),
        ("entered less left is in stage", "marketing", "UPDATE stages SET left_stage = 'nowhere'"),
        ("an order is there once", "marketing", "UPDATE orders SET n = 2"),
        ("refunds take no more of an order than there is", "marketing", "UPDATE lowered SET amount_minor = amount_minor * 1000000"),
        ("refunds take no more of an order than there is", "marketing", "UPDATE lowered SET order_id = 'another'"),
        ("refunds take of an order from its date on", "marketing", "UPDATE lowered SET at = order_at - 1"),
        ("what a refund takes is below 0", "marketing", "UPDATE lowered SET amount_minor = 0"),
        (
            "a won conversion is of a win of its deal",
            "marketing",
            "UPDATE conversions SET conversion = 'won', of_what = '0' WHERE conversion = 'lead'",
        ),
        ("points end after they begin", "sales", "UPDATE scores SET until_at = at"),
        ("both hold the same transitions", "sales", "UPDATE stages SET rule = 'another'"),
        ("both hold the same outlooks", "marketing", "UPDATE outlook SET seen_at = seen_at + 1"),
        ("both hold the same steps of leads", "sales", "DELETE FROM leads"),
        ("both hold the same deals", "sales", "UPDATE deals SET amount_minor = amount_minor + 1"),
        (
            "figures add up over each dimension",
            "marketing",
            "UPDATE spelled SET name = (SELECT campaign FROM touched WHERE campaign <> '' LIMIT 1)",
        ),
        ("both answer alike what both are asked", "sales", "DELETE FROM stages"),
        ("both answer alike what both are asked", "sales", "DELETE FROM lead_states"),
        ("what was won is won in both", "sales", "UPDATE deals SET outcome = 'won', closed_at = at, closed_on = day"),
    ],
)
def test_each_law_sees_what_breaks_it(desk: Path, law: str, model: str, statement: str) -> None:
    spoil(desk, model, statement)
    assert law in broken(desk)


def test_a_journey_and_a_person_that_are_kept_otherwise_are_named(desk: Path) -> None:
    put(desk / "linked.jsonl", touch("identified", id="link", subject="anon:zz", other="user:zz"), touch(id="seen", subject="user:zz"))
    assert here("ingest", "linked.jsonl", cwd=desk).status == 0
    assert broken(desk) == {}
    spoil(
        desk,
        "journey",
        "UPDATE journeys SET body = CAST('{}' AS BLOB) WHERE subject = 'user:zz'",
        "UPDATE subjects SET person = 'anon:zz' WHERE key = 'anon:zz'",
    )
    found = broken(desk)["the journeys kept are those derived"]
    assert {(one["table"], *one["row"].values()) for one in found} == {("journeys", "user:zz"), ("persons", "anon:zz")}
    # The histories are the truth: from them it is put right.
    assert here("rebuild", "all", cwd=desk).status == 0
    assert broken(desk) == {}


def test_rows_of_which_nothing_can_be_worked_out_are_said_to_be(desk: Path) -> None:
    spoil(desk, "sales", "UPDATE stages SET stage = 'no such stage'")
    assert broken(desk)
    spoil(desk, "marketing", "UPDATE spend SET day = '1st of May' WHERE day = (SELECT MAX(day) FROM spend)")
    assert "can be worked out" in [one["expected"] for some in broken(desk).values() for one in some]


def test_without_data_it_is_one_line(tmp_path: Path) -> None:
    assert "there is no data" in refused(here("reconcile", cwd=tmp_path))


def test_rebuild_puts_right_what_it_names(desk: Path) -> None:
    spoil(desk, "sales", "DELETE FROM deals", "UPDATE scores SET points = points + 1")
    told = here("reconcile", cwd=desk)
    assert "journey rebuild" in told.err
    assert here("rebuild", "sales", cwd=desk).status == 0
    assert broken(desk) == {}
