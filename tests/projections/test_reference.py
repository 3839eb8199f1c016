"""docs/read-models.md is made of the code."""

from projections.reference import PATH, reference


def test_the_checked_in_reference_is_that_of_the_tables_and_views() -> None:
    assert PATH.read_text(encoding="utf-8") == reference(), "run: python -m projections.reference --write"
