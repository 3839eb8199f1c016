"""Rows by a query: what DuckDB gives is read as a file's rows are, and it gets nothing but the files that were given."""

import re
import sys
import tempfile
import textwrap
from io import BytesIO
from pathlib import Path

import pytest

from journey.errors import Refused
from schemas.csv_map import load_map
from schemas.csv_rows import read_rows
from schemas.incoming import Incoming
from tests.app.command import ROOT
from tests.schemas.csv_desk import Desk, body

DEALS = """\
Record ID,Contacts,Amount,Changed
007,1;2,"1,000.50",2026-03-01
08,,5,2026-03-02
"""
CONTACTS = """\
ID,Email
1,ana@x.example
2,"bo ""B"" @x.example"
"""
JOINED = """\
SELECT d."Record ID" AS deal, d.Amount, d.Changed, c.Email
FROM 'deals.csv' d LEFT JOIN 'contacts.csv' c ON list_contains(string_split(d.Contacts, ';'), c.ID)
"""


def text(query: str, touchpoint: str = "") -> str:
    indented = query.strip().replace("\n", "\n    ")
    return f"""\
name: crm
zone: UTC
number: {{decimal: "."}}
rows:
  query: |
    {indented}
touchpoints:
  - type: deal_updated
    {touchpoint}
    subject: "deal:{{deal}}"
    time: Changed
    data: {{deal: "{{deal}}", amount: {{from: Amount, number: true}}, next_step: "{{Email}}"}}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def read(desk: Desk, query: str, *, deals: str = DEALS, contacts: str = CONTACTS, touchpoint: str = "") -> list[Incoming]:
    files = {"deals.csv": deals, "contacts.csv": contacts}
    paths = [desk.file(content, name) for name, content in files.items() if f"'{name}'" in query]
    return list(desk.map(text(query, touchpoint)).read(paths))


def refusal(desk: Desk, query: str, deals: str = DEALS) -> str:
    with pytest.raises(Refused) as refused:
        read(desk, query, deals=deals)
    return str(refused.value).replace(f"{desk.folder}/", "")


def values(desk: Desk, sql: str) -> list[str]:
    """What each value of `SELECT sql` is as a text, blank where there is none."""
    query = f"SELECT 'd' AS deal, 1 AS Amount, '2026-03-01' AS Changed, x AS Email FROM (SELECT {sql} AS x FROM 'deals.csv')"
    return sorted({body(one)["data"].get("next_step", "") for one in read(desk, query)})


def test_a_join_gives_a_row_for_each_pair_and_ids_keep_their_zeros(desk: Desk) -> None:
    assert [(one["subject"], one["data"]) for one in map(body, read(desk, JOINED))] == [
        ("deal:007", {"deal": "007", "amount": "1000.50", "next_step": "ana@x.example"}),
        ("deal:007", {"deal": "007", "amount": "1000.50", "next_step": 'bo "B" @x.example'}),
        ("deal:08", {"deal": "08", "amount": "5"}),
    ]


def test_ids_and_places_are_the_same_whatever_the_order_of_the_rows(desk: Desk) -> None:
    rows = DEALS.splitlines(keepends=True)
    turned = rows[0] + "".join(reversed(rows[1:]))
    query = "SELECT \"Record ID\" AS deal, Amount, Changed, '' AS Email FROM 'deals.csv'"
    found = [[(one.place, body(one)["id"]) for one in read(desk, query, deals=deals)] for deals in (DEALS, turned)]
    assert found[0] == found[1]


def test_equal_rows_are_several(desk: Desk) -> None:
    found = read(desk, JOINED, deals=DEALS + DEALS.splitlines()[-1])
    assert len({body(one)["id"] for one in found}) == 4


def test_a_row_of_the_result_that_is_none_is_a_dead_letter_with_its_number(desk: Desk) -> None:
    (dead,) = [one for one in read(desk, JOINED, deals=DEALS + "09,,six,2026-03-02\n") if one.body is None]
    assert (dead.source, dead.place) == ("the query of deals.csv, contacts.csv", "the query of deals.csv, contacts.csv, row 4")
    assert dead.raw == b"09,six,2026-03-02,"
    assert "Amount" in (dead.reason or "")


def test_a_pattern_reads_all_files_that_it_fits_as_one_table(desk: Desk) -> None:
    paths = [
        desk.file("ID,Changed\n1,2026-03-01\n", "deals-1.csv"),
        desk.file("Changed,ID\n2026-03-02,2\n", "deals-2.csv"),
    ]
    found = desk.map(text("""SELECT ID AS deal, 1 AS Amount, Changed, '' AS Email FROM 'deals-*.csv'""")).read(paths)
    assert [(one["subject"], one["time"][:10]) for one in map(body, found)] == [("deal:1", "2026-03-01"), ("deal:2", "2026-03-02")]


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("1.10::DECIMAL(10, 2) * 3", "3.30"),
        ("170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"),
        ("DATE '2026-03-01'", "2026-03-01"),
        ("TIMESTAMPTZ '2026-03-01 10:00:00+02'", "2026-03-01 08:00:00+00"),
        ("true", "true"),
        ("NULL", ""),
        ("(0.1 + 0.2)::DECIMAL(18, 6)", "0.300000"),
        ("string_agg(Amount, '; ')", "1,000.50; 5"),
    ],
)
def test_values_are_texts_to_the_last_digit(desk: Desk, sql: str, written: str) -> None:
    assert values(desk, sql) == [written]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC 1 FROM 'deals.csv'", 'crm.yaml:6: the query: Parser Error: syntax error at or near "SELEC"'),
        ("SELECT\n  Amont FROM 'deals.csv'", 'crm.yaml:7: the query: Binder Error: Referenced column "Amont" not found in FROM clause!'),
        ("SELECT 1 FROM 'dals.csv', 'deals.csv'", "crm.yaml:5: the query reads 'dals.csv', which is not among the files that are given"),
        ("SELECT Amount::DECIMAL(9, 2) FROM 'deals.csv'", 'Could not convert string "1,000.50" to DECIMAL(9,2)'),
        ("SELECT 0.5::DOUBLE AS x FROM 'deals.csv'", "its column 'x' is DOUBLE, which has no exact text; for a number, write CAST("),
        ("SELECT [1] AS x FROM 'deals.csv'", "of a list, make one text"),
        ("SELECT 1 FROM 'deals.csv'; SELECT 2", "a query is one SELECT"),
        ("COPY (SELECT 1) TO 'deals.csv'", "a query is one SELECT"),
        ("ATTACH 'deals.csv'", "a query is one SELECT"),
        ("CREATE TABLE x AS FROM 'deals.csv'", "a query is one SELECT"),
        ("SELECT 1 AS deal FROM 'deals.csv'", "column 'Changed' is not in the query of deals.csv"),
    ],
)
def test_what_is_wrong_with_a_query_is_said_in_duckdbs_words_with_the_maps_line(desk: Desk, query: str, said: str) -> None:
    assert said in refusal(desk, query)


@pytest.mark.parametrize(
    "reads",
    [
        "FROM '{path}'",
        "FROM read_csv('{path}')",
        "FROM query('SELECT now()')",
        "FROM duckdb_settings()",
        "FROM duckdb_views",
        "FROM information_schema.tables",
        "FROM read_text('{path}')",
        "FROM glob('/*')",
        "FROM 'https://x.example/deals.csv'",
        "FROM read_json('{path}')",
        "FROM enable_logging('QueryLog', storage = 'file', storage_config = {{'path': '{path}'}})",
    ],
)
def test_a_query_reads_no_file_that_was_not_given_and_writes_none(desk: Desk, reads: str) -> None:
    secret = desk.file("a\n1\n", "secret.txt")
    said = refusal(desk, f"SELECT 1 FROM 'deals.csv', ({reads.format(path=secret)})")
    assert re.search("nothing but the files that it names in quotes|is not among the files that are given", said)
    assert sorted(path.name for path in desk.folder.iterdir()) == ["crm.yaml", "deals.csv", "secret.txt"]


def test_a_row_that_can_not_be_read_is_refused_since_a_sum_without_it_would_be_wrong(desk: Desk) -> None:
    assert "deals.csv:4: 5 cells, where the header has 4 columns" in refusal(desk, JOINED, DEALS + "09,,1,2026-03-01,over\n")
    assert "deals.csv:4: not CSV" in refusal(desk, JOINED, DEALS + '09,,"1,2026-03-01\n')


def test_a_query_has_no_rows_number_since_its_order_is_its_own(desk: Desk) -> None:
    with pytest.raises(Refused) as refused:
        read(desk, JOINED, touchpoint='id: "{row}"')
    assert "crm.yaml:10: '{row}': the rows of a query are in no file" in str(refused.value).replace(f"{desk.folder}/", "")


def test_a_file_may_be_read_by_itself_and_by_a_query(desk: Desk) -> None:
    deals = 'type: deal_updated, subject: "deal:{Record ID}", time: Changed, data: {deal: "{Record ID}"}'
    query = "SELECT d.*, c.Email FROM 'deals.csv' d JOIN 'people.csv' c ON c.ID = d.Contacts"
    csv_map = desk.map(f"""\
zone: UTC
files:
  deals: {{match: "deals.csv", touchpoints: [{{{deals}}}]}}
  people: {{rows: {{query: "{query}"}}, touchpoints: [{{{deals}}}]}}
""")
    people = desk.file("ID,Email\n1;2,ana@x.example\n", "people.csv")
    found = list(csv_map.read([desk.file(DEALS, "deals.csv"), people]))
    assert [one.source for one in found] == ["deals.csv", "deals.csv", "the query of deals.csv, people.csv"]


def test_a_query_is_left_out_where_none_of_its_files_is_given(desk: Desk) -> None:
    touch = 'type: deal_updated, subject: "deal:{ID}", time: Changed, data: {deal: "{ID}"}'
    csv_map = desk.map(f"""\
zone: UTC
files:
  deals: {{match: "deals.csv", touchpoints: [{{{touch}}}]}}
  people: {{rows: {{query: "FROM 'people.csv'"}}, touchpoints: [{{{touch}}}]}}
""")
    assert len(list(csv_map.read([desk.file("ID,Changed\n1,2026-03-01\n", "deals.csv")]))) == 1


def test_without_duckdb_it_says_how_to_install_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert "pip install 'customer-journey-engine[query]'" in refusal(desk, JOINED)


@pytest.mark.parametrize(
    "sql",
    [
        "today()", "NOW()", 'now/**/()', '"now"()', "current_date", "LocalTime", "uuid()", "random()", "current_query()",
        "list_transform([1], x -> x + random())", "age(Changed::TIMESTAMP)", "d.Changed.age()", "ago(INTERVAL 1 DAY)",
        "pg_conf_load_time()",
        "current_setting('temp_directory')", "(SELECT reservoir_quantile(x, 0.5) FROM range(9) t(x))",
    ],
)  # fmt: skip
def test_what_gives_something_else_each_time_is_refused_however_it_is_written(desk: Desk, sql: str) -> None:
    said = refusal(desk, f"SELECT {sql} AS x FROM 'deals.csv' d")
    assert "gives something else each time, and the same files have to give the same touchpoints" in said


def test_a_sample_of_rows_is_refused(desk: Desk) -> None:
    for query in ("SELECT 1 AS x FROM 'deals.csv' USING SAMPLE 1", "SELECT 1 AS x FROM 'deals.csv' TABLESAMPLE 50 PERCENT"):
        assert "a sample is something else each time" in refusal(desk, query)


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("date_part('year', DATE '2026-03-01')", "2026"),
        ("age(DATE '2026-03-02', DATE '2026-03-01')::VARCHAR", "1 day"),
        ("(SELECT string_agg(x::VARCHAR, ',') FROM range(3) t(x))", "0,1,2"),
        ("(SELECT count(*) FROM (SELECT unnest(string_split('a;b', ';'))))", "2"),
        ("array_to_string(['a', 'b'], ';')", "a;b"),
        ("(WITH tables AS (SELECT 1 AS now) SELECT now FROM tables)", "1"),
    ],
)
def test_what_gives_the_same_each_time_is_not(desk: Desk, sql: str, written: str) -> None:
    assert values(desk, sql) == [written]


def test_a_query_that_needs_too_much_is_refused_before_anything_is_taken_in(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "a row of its result is longer than 1048576 bytes" in refusal(desk, "SELECT repeat('x', 3000000) AS x FROM 'deals.csv'")
    monkeypatch.setattr("schemas.csv_query.MEMORY_MAX", "32MB")
    assert "Out of Memory" in refusal(desk, "SELECT repeat('x', 200000000) AS x FROM 'deals.csv'")
    monkeypatch.setattr("schemas.csv_query.SPILL_MAX", "16MB")
    much = "SELECT x::VARCHAR || repeat('-', 500) AS x FROM 'deals.csv', range(1000000) t(x)"
    assert "max_temp_directory_size" in refusal(desk, much)


def test_a_query_that_runs_too_long_is_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.csv_query.QUERY_SECONDS_MAX", 0.3)
    assert "it runs for more than 0.005 minutes" in refusal(
        desk, "SELECT sum(a.range * b.range)::VARCHAR AS x FROM 'deals.csv', range(1000000000000) a, range(9) b"
    )


def test_a_text_that_looks_like_a_file_is_a_text(desk: Desk) -> None:
    query = "SELECT 'd' AS deal, 1 AS Amount, Changed, 'other.csv' AS Email FROM 'deals.csv' WHERE Contacts IS NULL"
    assert [body(one)["data"]["next_step"] for one in read(desk, query)] == ["other.csv"]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_an_end_of_a_line_within_a_cell_is_part_of_it(desk: Desk, end: str) -> None:
    query = "SELECT 'd' AS deal, 1 AS Amount, Changed, Contacts AS Email FROM 'deals.csv'"
    (found,) = read(desk, query, deals=f'Contacts,Changed\n"ana{end}bob",2026-03-01\n')
    assert body(found)["data"]["next_step"] == f"ana{end}bob"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_dead_letter_of_a_row_with_an_end_of_a_line_within_a_cell_is_one_row(desk: Desk, end: str) -> None:
    spelled = " || ".join(f"chr({ord(one)})" for one in end)
    query = (
        f"SELECT 'd' AS deal, 'six' AS Amount, '2026-03-01' AS Changed, 'a' || {spelled} AS Email FROM (SELECT 1 FROM 'deals.csv' LIMIT 1)"
    )
    (dead,) = read(desk, query)
    assert [row.cells for row in read_rows(BytesIO(dead.raw), ",")] == [["d", "six", "2026-03-01", f"a{end}"]]


def test_a_column_may_be_named_as_what_gives_something_else_each_time(desk: Desk) -> None:
    query = "SELECT 'd' AS deal, 1 AS Amount, today AS Changed, 'now()' AS Email FROM 'deals.csv' -- not random()"
    (found,) = read(desk, query, deals="today\n2026-03-01\n")
    assert body(found)["data"]["next_step"] == "now()"


def test_columns_without_a_name_or_with_one_that_is_there_before_have_one(desk: Desk) -> None:
    query = "SELECT id AS deal, column2 AS Amount, day AS Changed, ID_1 AS Email FROM 'deals.csv'"
    (found,) = read(desk, query, deals="id,day,,ID\n7,2026-03-01,5,x\n")
    assert body(found)["data"] == {"deal": "7", "amount": "5", "next_step": "x"}


def test_columns_of_one_name_are_each_their_own(desk: Desk) -> None:
    query = "SELECT v AS deal, '1' AS Amount, day AS Changed, v_1 || column5 AS Email FROM 'deals.csv'"
    (found,) = read(desk, query, deals="id,day,v,v,,\n7,2026-03-01,first,second,blank1,blank2\n")
    assert body(found)["data"] == {"deal": "first", "amount": "1", "next_step": "secondblank2"}


def test_the_query_in_the_reference_of_maps_does_what_it_says(desk: Desk) -> None:
    told = (ROOT / "examples" / "maps" / "README.md").read_text(encoding="utf-8")
    map = textwrap.dedent(told[told.index("    name: deals-with-people") : told.index("    journey ingest deals.csv contacts-1.csv")])
    paths = [
        desk.file("Deal ID,Contacts,Changed\n7,1;2,2026-03-01\n", "deals.csv"),
        desk.file("ID,Email\n1,Ana@x.example\n", "contacts-1.csv"),
        desk.file("ID,Email\n2,bo@x.example\n", "contacts-2.csv"),
    ]
    assert [body(one)["data"]["people"] for one in desk.map(map).read(paths)] == [
        [{"person": "user:ana@x.example"}], [{"person": "user:bo@x.example"}],
    ]  # fmt: skip


def test_nothing_is_left_of_a_query_that_was_read(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    assert len(read(desk, JOINED)) == 3
    assert list(scratch.iterdir()) == []


def test_a_name_in_a_comment_or_with_quotes_in_it_is_no_riddle(desk: Desk) -> None:
    query = "-- isn't read: 'other.csv'\nSELECT 'd' AS deal, 1 AS Amount, Changed, 'it''s' AS Email FROM \"deals.csv\" /* nor 'this.csv' */"
    paths = [desk.file(DEALS, "deals.csv")]
    assert {body(one)["data"]["next_step"] for one in desk.map(text(query)).read(paths)} == {"it's"}


def test_nothing_is_left_of_a_query_that_fails(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    refusal(desk, "SELECT nope FROM 'deals.csv'")
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("map", "said"),
    [
        ("rows: {query: SELECT 1}\ntouchpoints: []", "the query names no file"),
        ("rows: {qery: SELECT 1}", "unknown key 'qery'; did you mean 'query'?"),
        ("rows: {query: \"FROM 'a.csv'\"}\nfiles: {a: {match: a.csv, touchpoints: [TOUCH]}}", "`rows` stands beside the `touchpoints`"),
        (
            "files: {a: {match: a.csv, rows: {query: \"FROM 'a.csv'\"}, touchpoints: [TOUCH]}}",
            "either `match`, the names of its files, or `rows`",
        ),
        ("files: {a: {touchpoints: [TOUCH]}}", "either `match`, the names of its files, or `rows`"),
    ],
)
def test_a_map_says_rows_or_match(desk: Desk, map: str, said: str) -> None:
    touch = '{type: deal_updated, subject: "deal:{a}", time: a, data: {deal: "{a}"}}'
    path = desk.folder / "crm.yaml"
    path.write_text("zone: UTC\n" + map.replace("TOUCH", touch))
    with pytest.raises(Refused) as refused:
        load_map(path)
    assert said in str(refused.value)
