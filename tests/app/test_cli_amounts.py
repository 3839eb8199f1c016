"""Money of any sum: taken in, added up, held against the laws and told to the last unit."""

from pathlib import Path
from random import Random

import pytest

from tests.app.command import here, put, worked_out
from tests.streams.builders import at, large_amounts, sent


def taken_in(folder: Path, *lines: bytes) -> None:
    """`lines` in three parts, so that sums are added to."""
    third = len(lines) // 3 + 1
    for start in range(0, len(lines), third):
        file = put(folder / "some.jsonl", *lines[start : start + third])
        assert here("ingest", file, "--strict", cwd=folder).status == 0


def digest(folder: Path) -> tuple[str, str]:
    said = here("digest", "--json", cwd=folder).json
    return said["marketing"], said["sales"]


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    made = [tmp_path / "straight", tmp_path / "shuffled"]
    for one in made:
        one.mkdir()
    return made


@pytest.mark.parametrize("orders", [2, 1_030])
def test_orders_of_one_instant_and_more_than_a_number_may_be_have_one_digest_in_any_order(folders: list[Path], orders: int) -> None:
    lines = large_amounts()[:orders]
    for folder in folders:
        taken_in(folder, *lines)
        Random(1).shuffle(lines)
    assert digest(folders[0]) == digest(folders[1])
    assert here("reconcile", "--json", cwd=folders[0]).json["broken"] == 0


def test_reports_are_exact_to_the_last_unit_and_write_as_text_what_a_reader_may_round(tmp_path: Path) -> None:
    taken_in(tmp_path, *large_amounts())
    until = ("--until", "2026-03-05")
    for name, expected in (
        ("spend", "29999999999999999910"), ("won_value", "10999999999999999989"), ("open_value", "18999999999999999981"),
        ("weighted_value", str(19 * 333_333_333_333_333_333)),
    ):  # fmt: skip
        assert worked_out(name, cwd=tmp_path, until="2026-03-05") == {("EUR",): expected}
    printed = here("report", "sales", *until, cwd=tmp_path).out
    assert "110,000,000,000,000,000 EUR" in printed
    assert here("reconcile", cwd=tmp_path).out.endswith("laws hold\n")


def test_what_is_below_is_a_number_as_ever(tmp_path: Path) -> None:
    day = {"campaign": None, "period_start": "2026-03-03", "period_end": "2026-03-03", "currency": "JPY"}
    taken_in(
        tmp_path,
        *(
            sent("spend_recorded", "company:self", at(1), id=id, statement=id, amount=amount, **day)
            for id, amount in (("a", str(2**53 - 1)), ("b", "1"))
        ),
    )
    assert worked_out("spend", cwd=tmp_path, until="2026-03-05") == {("JPY",): 2**53}
