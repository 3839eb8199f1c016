"""What the benchmark of figures finds fault with."""

from benchmarks.figures import Taken, faults


def one(cpu: float, peak_mb: float = 0.1, cells: int = 5) -> Taken:
    return Taken("SQLite", "audience", "people", "month", cpu, cpu, cells, peak_mb)


def found(now: Taken, then: Taken) -> list[str]:
    return list(faults([now], {then.question: then}, copies=10, customers=243_000))


def test_what_grows_as_its_rows_do_is_no_fault() -> None:
    assert found(one(1.3), one(0.1)) == []


def test_what_grows_with_the_square_is_named() -> None:
    assert found(one(10.0), one(0.1)) == ["people by month of SQLite: 10.00 s, and 0.100 s of a 10th: worse than linear"]


def test_rows_of_customers_in_python_are_named_and_cells_of_an_answer_are_not() -> None:
    (fault,) = found(one(1.0, peak_mb=20), one(0.1))
    assert "Python holds 20.0 MB" in fault
    assert found(one(1.0, peak_mb=20, cells=50_000), one(0.1)) == []


def test_a_section_is_to_take_two_seconds_at_most() -> None:
    assert list(faults([Taken("SQLite", "audience", "", "", 9.0, 2.5, 5, 0.1)], {}, 10, 243_000)) == [
        "audience of SQLite: 2.5 s, above 2 s"
    ]
