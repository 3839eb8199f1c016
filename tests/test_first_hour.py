"""docs/first-hour.md is true: its commands run one after the other, and print what it says; and its figures are those of the files.

`python -m tests.written_pages` writes what the commands print now into it, for somebody to look at.
"""

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.app.command import ROOT, here, worked_out
from tests.written_pages import PAGES, at_desk, check

FILES = ROOT / "examples" / "first-hour"
ZONE = ("--zone", "Europe/Berlin")
TAKEN = (
    ("hubspot-contacts", "hubspot-crm-exports-all-contacts-*.csv", ZONE),
    ("hubspot-deals", "hubspot-crm-exports-all-deals-*.csv", ZONE),
    ("google-ads-cost", "google-ads-cost-2026-11-01.csv", ZONE),
    ("meta-ads-cost", "Acme-*.csv", ZONE),
    ("stripe-payments", "unified_payments.csv", ()),
    ("stripe-payments", "refunds.csv", ()),
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_the_commands_run_and_print_what_the_page_says(page: Path, tmp_path: Path) -> None:
    check(page, at_desk(tmp_path))


def rows(pattern: str, *, above: int = 0) -> Iterator[dict[str, str]]:
    for path in sorted(FILES.glob(pattern)):
        with path.open(encoding="utf-8") as file:
            yield from csv.DictReader(file.readlines()[above:])


def amount(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all the files have been taken in."""
    folder = tmp_path_factory.mktemp("company")
    for name, pattern, zone in reversed(TAKEN):
        assert here("ingest", *sorted(FILES.glob(pattern)), "--map", name, *zone, "--strict", cwd=folder).status == 0
    assert here("ingest", FILES / "calls.jsonl", "--strict", cwd=folder).status == 0
    return folder


def test_cost_is_the_sum_of_the_campaigns_rows(company: Path) -> None:
    google = sum(amount(row["Cost"]) for row in rows("google-ads-cost-*.csv", above=2) if not row["Campaign status"].startswith("Total"))
    meta = sum(amount(row["Amount spent (EUR)"]) for row in rows("Acme-*.csv") if row["Campaign name"])
    assert worked_out("spend", cwd=company, until="2026-10-31") == {("EUR",): int(100 * (google + meta))}
    spend = worked_out("spend", "channel", cwd=company, until="2026-10-31")
    assert spend == {("Paid Search", "EUR"): int(100 * google), ("Paid Social", "EUR"): int(100 * meta)}


def test_orders_are_the_payments_that_did_not_fail_less_the_refunds(company: Path) -> None:
    paid = [amount(row["Amount"]) for row in rows("unified_payments.csv") if row["Status"] != "Failed"]
    back = [amount(row["Amount"]) for row in rows("refunds.csv")]
    assert worked_out("conversions_last", "conversion", cwd=company, until="2026-10-31")["order",] == len(paid)
    value = worked_out("conversion_value_last", "conversion", cwd=company, until="2026-10-31")
    assert value["order", "EUR"] == int(100 * (sum(paid) - sum(back)))


@pytest.mark.parametrize(("month", "last"), [("2026-10-01", "2026-09-30"), ("2026-11-01", "2026-10-31")])
def test_deals_are_won_and_open_as_the_last_export_says(company: Path, month: str, last: str) -> None:
    exported = list(rows(f"hubspot-crm-exports-all-deals-{month}.csv"))
    won = [amount(row["Amount"]) for row in exported if row["Deal Stage"] == "Closed Won"]
    is_open = [amount(row["Amount"]) for row in exported if not row["Deal Stage"].startswith("Closed")]
    assert worked_out("deals_won", "month", cwd=company, until=last)["2026-09",] == len(won)
    assert worked_out("won_value", cwd=company, until=last) == {("EUR",): int(100 * sum(won))}
    assert worked_out("open_value", cwd=company, until=last) == ({("EUR",): int(100 * sum(is_open))} if is_open else {})


def test_people_meet_by_their_addresses_and_by_nothing_else(company: Path) -> None:
    def ids(id: str) -> list[str]:
        shown = here("identity", "show", id, "--json", cwd=company).json
        return sorted(shown["ids"])

    assert ids("user:hubspot:41") == ["anon:browser-a", "user:ana.berg@alpha.example", "user:hubspot:41", "user:stripe:cus_A"]
    assert ids("user:hubspot:43") == ["anon:browser-b", "user:ben@beta.example", "user:hubspot:43"]
    assert ids("user:42") == ["anon:browser-c", "user:42", "user:cleo@gamma.example", "user:stripe:cus_C"]
    assert ids("user:hubspot:42") == ["user:dan@delta.example", "user:hubspot:42"]
    assert json.loads(here("identity", "held", "--json", cwd=company).raw)["held"] == []
    assert here("reconcile", cwd=company).status == 0
