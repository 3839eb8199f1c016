"""Maps that ship, as a user meets them: listed, shown, used by name, on a clock that is said; and rows by a query, end to end."""

from pathlib import Path

import pytest

from schemas.shipped_maps import shipped, shipped_path
from tests.app.command import here, refused

EXPORTS = Path(__file__).parents[1] / "schemas" / "data" / "exports"
DEALS = EXPORTS / "hubspot-crm-exports-all-deals-2026-11-02.csv"


def test_maps_are_listed_with_their_files_and_their_clock(tmp_path: Path) -> None:
    listed = here("maps", "--json", cwd=tmp_path).json
    assert [one["name"] for one in listed] == shipped()
    assert listed[-2] == {
        "name": "stripe-payments", "export": "Stripe: Payments > Export (all columns), and Refunds > Export; give both",
        "files": ["unified_payments*.csv", "payments*.csv", "refunds*.csv"], "zones": ["UTC"],
    }  # fmt: skip
    said = here("maps", cwd=tmp_path)
    assert all(f"\n{name} " in said.out for name in shipped())
    assert "journey maps show NAME > my.yaml" in said.err
    assert max(map(len, said.out.splitlines())) < 180, "each kind of file has a line of its own"


def test_a_map_that_is_shown_is_one_to_start_from(tmp_path: Path) -> None:
    shown = here("maps", "show", "hubspot-deals", cwd=tmp_path)
    assert shown.raw == shipped_path("hubspot-deals").read_bytes()
    (tmp_path / "my.yaml").write_bytes(shown.raw)
    counts = [
        here("ingest", DEALS, "--map", map, "--dry-run", "--json", cwd=tmp_path).json["counts"] for map in ("my.yaml", "hubspot-deals")
    ]
    assert counts[0] == counts[1] == {"deal_opened": 6, "deal_updated": 6, "close": 3}


def test_a_name_that_no_map_has_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    for said in (here("maps", "show", "stripe", cwd=tmp_path), here("ingest", DEALS, "--map", "stripe", cwd=tmp_path)):
        assert refused(said).startswith("no map that ships is named 'stripe'; there are stripe-payments, stripe-subscriptions, ")


def test_ingest_says_whose_clock_a_map_that_ships_reads_unless_it_was_told(tmp_path: Path) -> None:
    told = "hubspot-deals: times are read on the clock of Europe/Berlin (--zone says another)\n"
    assert told in here("ingest", DEALS, "--map", "hubspot-deals", "--dry-run", cwd=tmp_path).err
    ran = here("ingest", DEALS, "--map", "hubspot-deals", "--zone", "America/New_York", cwd=tmp_path)
    assert "clock" not in ran.err
    assert "2026-08-12 21:00:00  close" in here("timeline", "deal:7001", "--until", "2026-10-31", cwd=tmp_path).out


def test_payments_without_their_refunds_are_said_to_count_in_full(tmp_path: Path) -> None:
    payments, refunds = EXPORTS / "unified_payments.csv", EXPORTS / "refunds.csv"
    told = "stripe-payments: no refunds*.csv is given, which alone says what was paid back; until it is taken in, orders count in full\n"
    assert told in here("ingest", payments, "--map", "stripe-payments", "--dry-run", cwd=tmp_path).err
    for given in ((payments, refunds), (refunds,)):
        assert "in full" not in here("ingest", *given, "--map", "stripe-payments", "--dry-run", cwd=tmp_path).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("calls.jsonl", "--zone", "UTC"), "--zone goes with --map"),
        ((DEALS,), "say what its columns mean with --map FILE or NAME (journey maps lists those that ship)"),
        ((DEALS, "--map", "hubspot-deals", "--zone", "Berlin"), "--zone 'Berlin' is no time zone"),
        ((DEALS, "--map", "stripe-payments"), "it has some for unified_payments*.csv, payments*.csv, refunds*.csv"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, arguments: tuple[str | Path, ...], said: str) -> None:
    (tmp_path / "calls.jsonl").write_text("")
    assert said in refused(here("ingest", *arguments, cwd=tmp_path))


QUERY = """\
name: people
zone: UTC
rows:
  query: |
    SELECT u.id, u.at, c.country FROM 'users.csv' u LEFT JOIN 'countries.csv' c ON c.code = u.country
touchpoints:
  - type: signed_up
    id: "{id}"
    subject: "user:{id}"
    time: at
    data: {country: "{country}"}
"""


def test_rows_by_a_query_are_tried_taken_in_again_and_kept_as_dead_letters(tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_text(QUERY)
    (tmp_path / "users.csv").write_text("id,country,at\n007,de,2026-03-01\n8,xx,2026-03-02\n9,de,soon\n")
    (tmp_path / "countries.csv").write_text("code,country\nde,Germany\n")
    files = ("users.csv", "countries.csv", "--map", "people.yaml")
    tried = here("ingest", *files, "--dry-run", "--json", cwd=tmp_path).json
    assert tried["counts"] == {"signed_up": 2}
    (letter,) = tried["dead_letters"].values()
    assert (letter["count"], letter["first"]) == (1, "the query of users.csv, countries.csv, row 3")
    assert not (tmp_path / "journey-data").exists()
    first, again = (here("ingest", *files, "--json", cwd=tmp_path).json for _ in range(2))
    assert (first["accepted"], again["accepted"], again["duplicates"]) == (2, 0, 2)
    shown = here("dead-letters", "show", "1", "--raw", cwd=tmp_path)
    assert shown.raw.rstrip() == b"9,soon,Germany"
    assert "signed_up" in here("timeline", "user:007", "--until", "2026-03-31", cwd=tmp_path).out
