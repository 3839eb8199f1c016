"""Money is told in the definition's currency where rates to it are stated, and per currency where none are or where that is asked for."""

from importlib import resources
from pathlib import Path

import pytest

from tests.app.command import here, put, refused, touch, worked_out

UNTIL = "2026-03-31"
DOLLARS = touch("order_placed", id="us", at="2026-03-02T10:00:00Z", order="1", amount="100.00", currency="USD")
EUROS = touch("order_placed", id="eu", at="2026-03-02T11:00:00Z", order="2", amount="50.00", currency="EUR")
POUNDS = touch("order_placed", id="gb", at="2026-03-02T12:00:00Z", order="3", amount="1.00", currency="GBP")
EACH = {("EUR",): 5_000, ("USD",): 10_000}


def rate(on: str, rate: str) -> bytes:
    """How many euros a dollar is on a day."""
    return touch("fx_rate", id=on, subject="company:self", at=f"{on}T00:00:00Z", on=on, base="USD", quote="EUR", rate=rate)


RATES = (rate("2026-03-01", "0.9"), rate("2026-03-30", "0.5"))


def defined(**said: str) -> bytes:
    """The definition that ships, but for what is `said`."""
    text = (resources.files("schemas") / "definitions" / "default.yaml").read_text()
    kept = [line for line in text.splitlines() if not line.startswith(tuple(f"{name}:" for name in said))]
    return "\n".join([*kept, *(f"{name}: {value}" for name, value in said.items())]).encode()


def taken(folder: Path, *lines: bytes, **said: str) -> Path:
    """A folder that has taken `lines`, with the definition that ships but for what is `said`."""
    if said:
        put(folder / "mine.yaml", defined(**said))
        assert here("definition", "use", "mine.yaml", "--reason", "money", cwd=folder).status == 0
    put(folder / "in.jsonl", *lines)
    assert here("ingest", "in.jsonl", "--strict", cwd=folder).status == 0
    return folder


def value(folder: Path, *more: str) -> dict[tuple[str, ...], int]:
    return worked_out("order_value", cwd=folder, until=UNTIL, more=more)


def test_where_rates_are_stated_money_is_told_in_the_currency_of_the_definition(tmp_path: Path) -> None:
    here_now = taken(tmp_path, DOLLARS, EUROS, *RATES)
    assert value(here_now) == {(): 14_000}
    assert "in EUR" not in here("report", "marketing", "orders", "--until", UNTIL, "--currency", "each", cwd=here_now).out
    told = here("why", "order_value", "--until", UNTIL, "--json", cwd=here_now).json
    assert (told["agrees"], [one["value"] for one in told["units"]]) == (True, [9_000, 5_000])


def test_each_by_itself_is_asked_for_by_name_or_by_the_dimension(tmp_path: Path) -> None:
    here_now = taken(tmp_path, DOLLARS, EUROS, *RATES)
    assert value(here_now, "--currency", "each") == EACH
    assert worked_out("order_value", "currency", cwd=here_now, until=UNTIL) == EACH
    assert value(here_now, "--where", "currency=USD") == {("USD",): 10_000}


@pytest.mark.parametrize(("rates", "warns"), [((), False), (RATES, True)])
def test_a_currency_without_a_rate_keeps_all_apart_and_is_named_where_others_have_one(
    tmp_path: Path, rates: tuple[bytes, ...], warns: bool
) -> None:
    here_now = taken(tmp_path, DOLLARS, EUROS, POUNDS, *rates)
    assert value(here_now) == {**EACH, ("GBP",): 100}
    told = here("report", "marketing", "orders", "--until", UNTIL, cwd=here_now).out
    assert ("There is no rate for GBP on 2026-03-02, so money is shown per currency." in told) is warns


def test_the_definition_says_which_currency_and_whose_day(tmp_path: Path) -> None:
    here_now = taken(tmp_path, DOLLARS, EUROS, *RATES, currency="USD", rate_day="until")
    # A dollar is half a euro on the last day of March.
    assert value(here_now) == {(): 20_000}


def test_a_day_that_no_rate_can_be_of_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "mine.yaml", defined(rate_day="month"))
    told = refused(here("definition", "check", "mine.yaml", cwd=tmp_path))
    assert "rate_day" in told


def test_what_changed_between_two_positions_is_told_in_the_currencies_that_it_was_stated_in(tmp_path: Path) -> None:
    here_now = taken(tmp_path, DOLLARS)
    between = ("report", "marketing", "orders", "--between", "0", "2", "--until", UNTIL, "--json")
    put(here_now / "rates.jsonl", *RATES)
    assert here("ingest", "rates.jsonl", cwd=here_now).status == 0
    cells = [cell for cell in here(*between, cwd=here_now).json["cells"] if cell["figure"] == "order_value"]
    assert [(cell["currency"], cell["difference"]["value"]) for cell in cells] == [("USD", 10_000)]
