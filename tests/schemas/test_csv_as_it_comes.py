"""Files as spreadsheets and ad networks write them: short rows, marks, `sep=` lines, UTF-16 and the line ends of old Macintoshes."""

import csv
import gzip
import tracemalloc
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.csv_rows import ROW_BYTES_MAX, read_rows
from tests.schemas.csv_desk import DEALS, Desk, body

HEADER = "Deal ID,Changed,Next"
ROW = "12,2026-03-01 10:00,Frühling"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def cells(content: bytes, delimiter: str = ",", skip_lines: int = 0) -> list[tuple[int, list[str] | str]]:
    """The rows of a file with their lines, or why they can't be read."""
    return [(row.line, row.reason or row.cells) for row in read_rows(BytesIO(content), delimiter, skip_lines)]


# --- blank cells at the end


@pytest.mark.parametrize("row", ["12,2026-03-01 10:00", "12,2026-03-01 10:00,", "12,2026-03-01 10:00,,", "12,2026-03-01 10:00,,, ,"])
def test_blank_cells_at_the_end_of_a_row_may_be_left_out_or_be_too_many(desk: Desk, row: str) -> None:
    (found,) = desk.read(DEALS, f"{HEADER}\n{row}\n")
    assert body(found)["data"] == {"deal": "12"}


def test_a_delimiter_may_end_every_line_the_header_or_the_rows_alone(desk: Desk) -> None:
    for header, row in ((f"{HEADER},", f"{ROW},"), (f"{HEADER},", ROW), (HEADER, f"{ROW},"), (f"{HEADER},,", f"{ROW},,")):
        (found,) = desk.read(DEALS, f"{header}\n{row}\n")
        assert body(found)["data"] == {"deal": "12", "next_step": "Frühling"}


def test_a_cell_that_stands_under_no_column_is_a_dead_letter(desk: Desk) -> None:
    (found,) = desk.read(DEALS, f"{HEADER}\n{ROW},,what?\n")
    assert (found.body, found.reason) == (None, '5 cells, where the header has 3 columns: none for "what?"')


CARDS = 'touchpoints: [{type: custom, subject: "user:1", time: t, data: {name: "{id}", v: "{v}", note: "{note}"}}]'
CARDS_HEADER = "id,t,v,note"
WHOLE = "ann,2026-03-01T00:00:00Z,1250,b"


@pytest.mark.parametrize(
    "rows",
    [
        ["ann,2026-03-01T00:00:00Z,1,000,"],  # Alone: nothing says that lines end so.
        [WHOLE, "ann,2026-03-01T00:00:00Z,1,000,"],
        ["ann,2026-03-01T00:00:00Z,1,000,", WHOLE],
        [f"{WHOLE},", "ann,2026-03-01T00:00:00Z,1,000,,"],
        [f"{WHOLE},x", f"{WHOLE}", "ann,2026-03-01T00:00:00Z,1,000,"],
        ["ann,2026-03-01T00:00:00Z,1,000,", "ann,2026-03-01T00:00:00Z,2,500,"],
    ],
)
def test_a_cell_in_parts_does_not_move_the_cells_behind_it(desk: Desk, rows: list[str]) -> None:
    found = desk.read(CARDS, "\n".join([CARDS_HEADER, *rows, ""]))
    assert [body(one)["data"]["v"] for one in found if one.reason is None] == ["1250" for row in rows if row in (WHOLE, f"{WHOLE},")]
    assert any("under the wrong columns" in (one.reason or "") for one in found)


def test_a_delimiter_ends_every_line_also_where_a_row_lacks_it(desk: Desk) -> None:
    found = desk.read(CARDS, f"{CARDS_HEADER}\n{WHOLE},\n{WHOLE},\n{WHOLE}\nbob,2026-03-01T00:00:00Z\n")
    assert [one.reason for one in found] == [None] * 4


@pytest.mark.parametrize("header", [CARDS_HEADER, f"{CARDS_HEADER},"])
def test_a_last_row_that_may_be_cut_off_is_a_dead_letter(desk: Desk, header: str) -> None:
    last = desk.read(CARDS, f"{header}\n{WHOLE}\nbob,2026-03-02T00:00:00Z,12")[-1]
    assert (last.reason or "").startswith("3 of 4 cells, and no line end behind them: the file may be cut off here")
    for end in ("\n", "50,b", "50,", ",\n"):
        assert desk.read(CARDS, f"{header}\n{WHOLE}\nbob,2026-03-02T00:00:00Z,12{end}")[-1].reason is None


def test_a_file_whose_rows_are_short_may_end_with_a_short_one(desk: Desk) -> None:
    assert [one.reason for one in desk.read(CARDS, f"{CARDS_HEADER}\nbob,2026-03-02T00:00:00Z\nbob,2026-03-02T00:00:00Z,12")] == [
        None,
        None,
    ]


def test_a_row_has_the_same_id_with_and_without_its_blank_cells(desk: Desk) -> None:
    text = 'touchpoints: [{type: custom, subject: "user:1", time: T, data: {name: "{A}"}}]'
    ids = {body(desk.read(text, f"T,A,B,C\n2026-01-01T00:00:00Z,a{end}\n")[0])["id"] for end in ("", ",", ",,", ",,,")}
    assert len(ids) == 1


# --- marks and sep= lines


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    "beginning",
    [b"sep=;\r\n", MARK + b"sep=;\r\n", b"sep=;\r\n" + MARK, MARK + b'"sep=;"\n' + MARK, b"SEP=;\n", b"sep=;\r"],
)
def test_a_first_line_says_the_delimiter_before_or_after_a_mark(beginning: bytes) -> None:
    end = b"\r" if beginning.endswith(b";\r") else b"\r\n"
    assert cells(beginning + b"a;b" + end + b"1;2,5") == [(2, ["a", "b"]), (3, ["1", "2,5"])]


def test_a_first_line_may_say_a_tab_and_what_the_map_says_does_not_count_then() -> None:
    assert cells(b"sep=\t\na\tb\n", delimiter=";") == [(2, ["a", "b"])]


def test_the_line_that_says_the_delimiter_is_one_of_those_to_skip() -> None:
    # Maps from before it was understood say skip_lines: 1.
    for skip_lines in (0, 1):
        assert cells(b"sep=;\na;b\n", skip_lines=skip_lines) == [(2, ["a", "b"])]
    assert cells(b"sep=;\nReport\na;b\n", skip_lines=2) == [(3, ["a", "b"])]


def test_a_column_whose_name_begins_so_is_a_column() -> None:
    assert cells(b"sep=x\n1\n") == [(1, ["sep=x"]), (2, ["1"])]
    assert cells(b"sep=;,b\n1,2\n") == [(1, ["sep=;", "b"]), (2, ["1", "2"])]


def test_a_mark_before_a_quoted_header_is_no_part_of_it() -> None:
    assert cells(MARK + b'"a","b"\r\n') == [(1, ["a", "b"])]


def test_a_mark_before_a_later_row_is_no_part_of_its_cell() -> None:
    assert cells(b"a,b\n1,2\n" + MARK + b'"3",4\n5,"\n' + MARK + b'x"\n')[2:] == [(3, ["3", "4"]), (4, ["5", "\n\ufeffx"])]


# --- UTF-16


@pytest.mark.parametrize(("encoding", "mark"), [("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")])
def test_utf_16_with_its_mark_is_read_and_its_dead_letters_are_readable(desk: Desk, encoding: str, mark: bytes) -> None:
    text = f"{HEADER}\r\n{ROW} 🎉\r\n13,soon,ü\r\n".replace(",", "\t")
    good, bad = desk.read(f"delimiter: tab\n{DEALS}", mark + text.encode(encoding))
    assert body(good)["data"]["next_step"] == "Frühling 🎉"
    assert (bad.raw.decode(), bad.place) == ("13\tsoon\tü", "crm.csv:3")


def test_utf_16_is_read_in_pieces_that_may_part_a_character() -> None:
    text = "a,b\n" + "".join(f'{n},"{"🎉" * 7}\r\nx"\n' for n in range(5_000))
    found = cells(b"\xff\xfe" + text.encode("utf-16-le"))
    assert found[1:] == [(2 * n + 2, [str(n), "🎉" * 7 + "\r\nx"]) for n in range(5_000)]


@pytest.mark.parametrize("broken", [b"\x00\xd8", b"\x01\xdc"])
def test_half_a_surrogate_pair_costs_its_row_alone(broken: bytes) -> None:
    content = b"\xff\xfe" + "a,b\n1,".encode("utf-16-le") + broken + "\n2,3\n".encode("utf-16-le")
    assert cells(content) == [(1, ["a", "b"]), (2, "not UTF-16"), (3, ["2", "3"])]


def test_a_file_of_utf_16_that_ends_within_a_character_keeps_its_rows() -> None:
    assert cells(b"\xff\xfe" + "a,b\n1,2\n3,4".encode("utf-16-le")[:-1]) == [(1, ["a", "b"]), (2, ["1", "2"]), (3, "not UTF-16")]


# --- line ends


def test_rows_may_end_with_cr_alone_and_hold_other_line_ends_in_quotes(desk: Desk) -> None:
    first, bad, last = desk.read(DEALS, f'{HEADER}\r12,2026-03-01 10:00,"one\ntwo\rthree"\r13,soon,x\r\r14,2026-03-01 10:00,c'.encode())
    assert body(first)["data"]["next_step"] == "one\ntwo\rthree"
    assert (first.place, bad.place, last.place) == ("crm.csv:2", "crm.csv:5", "crm.csv:7")
    assert (bad.raw, body(last)["data"]["next_step"]) == (b"13,soon,x", "c")


def test_files_with_lines_of_several_kinds_are_read_row_by_row() -> None:
    found = cells(b"a,b\r\n1,2\n3,4\r5,6\r\r\n7,8\n")
    assert [one for _, one in found] == [["a", "b"], ["1", "2"], ["3", "4"], ["5", "6"], ["7", "8"]]


def test_a_cr_within_a_cell_is_no_line_of_a_file_whose_lines_end_otherwise() -> None:
    assert cells(b'a,b\n1,"x\ry"\n2,z\n') == [(1, ["a", "b"]), (2, ["1", "x\ry"]), (3, ["2", "z"])]


@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\n"])
def test_line_ends_may_lie_across_the_pieces_in_which_a_file_is_read(end: bytes) -> None:
    for spare in range(4):
        row = b"1," + b"x" * 1_000 + end
        lines = [b"a,b" + end, *[row] * (ROW_BYTES_MAX // len(row))]
        lines.append(b"2," + b"y" * (ROW_BYTES_MAX - sum(map(len, lines)) - 2 - spare) + end)
        found = cells(b"".join(lines) + b"3,z" + end)
        assert [line for line, _ in found] == list(range(1, len(lines) + 2))
        assert found[-2:] == [(len(lines), ["2", lines[-1][2:].strip().decode()]), (len(lines) + 1, ["3", "z"])]


def test_a_line_too_long_that_ends_with_cr_costs_one_row() -> None:
    found = cells(b"a,b\r" + b"z" * 3_000_000 + b"\r3,4\r5,6\r")
    assert found == [(1, ["a", "b"]), (2, f"a row longer than {ROW_BYTES_MAX} bytes"), (3, ["3", "4"]), (4, ["5", "6"])]


@pytest.mark.parametrize(
    ("mark", "encoding", "end"), [(b"", "utf-8", "\r"), (b"\xff\xfe", "utf-16-le", "\r\n"), (b"\xff\xfe", "utf-16-le", "\r")]
)
def test_no_file_is_held_in_memory(tmp_path: Path, mark: bytes, encoding: str, end: str) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(mark + f"{'1' * 1_000},2{end}".encode(encoding) * 12_000)
    tracemalloc.start()
    with path.open("rb") as file:
        rows = sum(1 for _ in read_rows(file, ","))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (rows, peak < 8_000_000) == (12_000, True)


CELLS = st.text(st.sampled_from("aü🎉 ,;\"'\n\t="), max_size=6)


@settings(deadline=None)
@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=6),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(
        [("", b"", "utf-8"), ("", MARK, "utf-8"), ("", b"\xff\xfe", "utf-16-le"), ("sep=;", b"\xfe\xff", "utf-16-be")]
    ),
)
def test_what_a_program_writes_is_read_alike_in_all_ways_in_which_it_may_write_it(
    rows: list[list[str]], end: str, encoding: tuple[str, bytes, str]
) -> None:
    first, mark, codec = encoding
    text = StringIO(newline="")
    csv.writer(text, delimiter=";" if first else ",", lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["x", "y"], *rows])
    content = mark + (f"{first}{end}" * bool(first) + text.getvalue()).encode(codec)
    expected = [row for row in rows if any(map(str.strip, row))]
    assert [row for _, row in cells(content)] == [["x", "y"], *expected]


@settings(deadline=None)
@given(content=st.text('\r\n",;aü\0').map(str.encode))
def test_of_a_file_every_byte_that_is_something_is_in_a_row_once(content: bytes) -> None:
    at = 0
    for row in read_rows(BytesIO(content), ","):
        found = content.index(row.raw, at)
        assert content[at:found].strip(b'\r\n",') == b""
        at = found + len(row.raw)
    assert content[at:].strip(b'\r\n",') == b""


@settings(deadline=None)
@given(mark=st.sampled_from([MARK, b"\xff\xfe", b"\xfe\xff", b"sep=;\r", b"sep=;\r\n" + MARK]), content=st.binary())
def test_whatever_follows_a_mark_makes_rows_or_reasons(mark: bytes, content: bytes) -> None:
    lines = [line for line, _ in cells(mark + content)]
    assert lines == sorted(set(lines))


# --- packed by gzip


def test_a_packed_file_gives_the_rows_of_what_is_in_it_and_one_cut_off_says_where_it_ends() -> None:
    content = b"".join(b"%d,%b\n" % (at, b"x" * (at % 7)) for at in range(2_000))
    packed = gzip.compress(content, mtime=0)
    assert cells(packed) == cells(content)
    *before, (line, reason) = cells(packed[: len(packed) // 2])
    assert before == cells(content)[: len(before)]
    assert line == len(before) + 1
    assert "ends before its end" in reason, "a row that is cut in its middle is no shorter row"
