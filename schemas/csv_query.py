"""The rows that a map's `rows: {query: …}` gives, by DuckDB: for joins, sums and arithmetic, of which a map itself knows nothing.

Our own reader reads the files, so that they are read as those of any map, and no row that can't be read is lost. DuckDB gets them as
tables of texts, and nothing else: no other file, no network, no extension, one SELECT. A map may come from anybody.
"""

import csv
import json
import re
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from journey.errors import Refused
from schemas.csv_rows import ROW_BYTES_MAX, CsvRow
from schemas.unpacked import unpacked_name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_MAX = "512MB"
"""What DuckDB takes before it writes to its folder, which is removed at the end."""

SPILL_MAX = "8GB"
"""What DuckDB writes to its folder: a map that came by mail fills no disk."""

QUERY_SECONDS_MAX = 600
"""How long a query may run."""

LINE_BYTES_MAX = 1 << 22
"""Of a row as it is handed over: every quote of a row that may be read is doubled."""

FETCHED_ROWS = 1000

EXACT = re.compile(
    r"VARCHAR|U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(.*|DATE|TIME|TIMESTAMP(_S|_MS|_NS)?( WITH TIME ZONE)?|BOOLEAN|UUID|ENUM\(.*"
    r'|"NULL"'
)
"""The types whose text is their value, to the last digit."""

_QUOTED = re.compile(r"""'((?:[^']|'')*)'|"((?:[^"]|"")*)"|--[^\n]*|/\*.*?\*/""", re.DOTALL)
_FILES = (".csv", ".tsv", ".tab", ".txt")
_TABLE_FUNCTIONS = frozenset({"generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest"})
"""Those that make rows of nothing but what they are given."""

_VALUES = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
"""What is written as a column is, and is the time."""

_SAMPLED = frozenset({"reservoir_quantile"})
"""What draws by chance, though DuckDB does not list it so."""

_OF_THE_MACHINE = frozenset({"current_schemas", "current_setting", "getvariable", "in_search_path"})

_LINE = re.compile(r"\n+LINE (\d+):.*", re.DOTALL)


class CsvTable(NamedTuple):
    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[str]]


class QueryFailed(Exception):
    """What DuckDB says, in its words; and on which line of the query, from 1, where it knows."""

    def __init__(self, said: str, line: int | None = None) -> None:
        super().__init__(said)
        self.line = line


def files_named(query: str) -> list[str]:
    """The names of files that a query reads, as it writes them: `'deals.csv'`, `'deals-*.csv'`."""
    names = (one.replace("''", "'") or other.replace('""', '"') for one, other in _QUOTED.findall(query))
    return list(dict.fromkeys(name for name in names if name.lower().endswith(_FILES)))


def read_by(name: str, paths: Iterable[Path]) -> list[Path]:
    """Those of `paths` that a query means by `name`."""
    return [path for path in paths if fnmatchcase(unpacked_name(path), name) or unpacked_name(path) == name]


class QueryResult:
    """The rows of a query, in an order that depends on nothing but the rows. Raises QueryFailed, or Refused without DuckDB."""

    def __init__(self, query: str, tables: Iterable[CsvTable]) -> None:
        duckdb = _duckdb()
        folder = tempfile.mkdtemp(prefix="journey-query-")
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        try:
            self._db = _opened(duckdb, folder)
            _check(duckdb, self._db, query)
            for table in tables:
                _fill(self._db, table, Path(folder))
            self.columns = _answered(duckdb, self._db, query)
        except BaseException as error:
            self._remove()
            if isinstance(error, duckdb.Error):
                raise QueryFailed(_in_a_line(str(error))) from error
            raise

    def rows(self) -> Iterator[CsvRow]:
        """Numbered from 1, each with its bytes as CSV. When the last has been read, nothing is left of it all."""
        written = StringIO()
        writer = csv.writer(written)  # whose lines end in \r\n: so a cell that has either is quoted
        try:
            found = self._db.execute("FROM answer")
            number = 0
            while some := found.fetchmany(FETCHED_ROWS):
                for cells in some:
                    number += 1
                    written.seek(0)
                    written.truncate()
                    writer.writerow(cells)
                    raw = written.getvalue().removesuffix("\r\n").encode()
                    yield CsvRow(number, raw, list(cells), "holds a NUL byte" if b"\0" in raw else None)
        except _duckdb().Error as error:
            raise Refused(f"the result of the query can't be read any further: {_in_a_line(str(error))}") from error
        finally:
            self._db.close()
            self._remove()


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError:
        raise Refused(
            "this map has a query, and DuckDB, which runs it, is not installed: pip install 'customer-journey-engine[query]' "
            "(in the folder of its source: .venv/bin/pip install --editable '.[query]')"
        ) from None
    return duckdb


def _opened(duckdb: Any, folder: str) -> "DuckDBPyConnection":
    db: DuckDBPyConnection = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": MEMORY_MAX,
            "temp_directory": folder,
            "max_temp_directory_size": SPILL_MAX,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,  # else a query could name variables of ours
        },
    )
    db.execute("SET TimeZone = 'UTC'")
    return db


def _fill(db: "DuckDBPyConnection", table: CsvTable, folder: Path) -> None:
    """All cells are texts, so that ids keep their zeros; a blank one is NULL."""
    path = folder / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)  # whose lines end in \r\n: so a cell that has either is quoted
        writer.writerows(table.rows)
    columns = ", ".join(f"{_text(column)}: 'VARCHAR'" for column in _apart(table.columns))
    db.execute(
        f"CREATE TABLE {_name(table.name)} AS FROM read_csv({_text(str(path))}, columns = {{{columns}}}, auto_detect = false,"
        f" header = false, delim = ',', quote = '\"', escape = '\"', new_line = '\\r\\n', max_line_size = {LINE_BYTES_MAX},"
        f" buffer_size = {2 * LINE_BYTES_MAX})"
    )
    path.unlink()


def _apart(columns: Sequence[str]) -> list[str]:
    """The names of columns as DuckDB's own reader has them: one that is blank has its number, one that is there again has one behind it."""
    taken: dict[str, str] = {}  # by what DuckDB tells apart, which capitals do not
    for number, column in enumerate(columns):
        name, again = column or f"column{number}", 0
        while (tried := f"{name}_{again}" if again else name).casefold() in taken:
            again += 1
        taken[tried.casefold()] = tried
    return list(taken.values())


def _check(duckdb: Any, db: "DuckDBPyConnection", query: str) -> None:
    """Refuse what is more than a SELECT, and what gives something else each time, such as `today()`: the same files would be other
    touchpoints tomorrow. It goes by what DuckDB itself takes the query for.
    """
    try:
        statements = db.extract_statements(query)
    except duckdb.Error as error:
        raise _failed(str(error), 0) from error
    if [one.type for one in statements] != [duckdb.StatementType.SELECT]:
        raise QueryFailed("a query is one SELECT")
    volatile = "stability = 'VOLATILE' OR (stability = 'CONSISTENT_WITHIN_QUERY' AND len(parameters) = 0)"
    unsteady = {name for (name,) in db.execute(f"SELECT function_name FROM duckdb_functions() WHERE {volatile}").fetchall()}
    unsteady = (unsteady | _SAMPLED | _OF_THE_MACHINE) - {"error"}
    views = {name for (name,) in db.execute("SELECT view_name FROM duckdb_views() WHERE schema_name != 'information_schema'").fetchall()}
    macros: dict[str, list[str]] = {}
    for name, meaning in db.execute(
        "SELECT function_name, macro_definition FROM duckdb_functions() WHERE function_type = 'macro'"
    ).fetchall():
        macros.setdefault(name, []).append(f"SELECT {meaning}")
    seen: set[str] = set()

    def check(query: str, within: str) -> None:
        tree = json.loads(db.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()[0][0])
        if tree["error"]:
            raise QueryFailed(f"a query is one SELECT: {_in_a_line(tree['error_message'])}")
        for node in _nodes(tree):
            kind, function = node.get("type"), str(node.get("function_name") or "").casefold()
            if (
                function in unsteady
                or (function == "age" and len(node.get("arguments", ())) != 2)  # With one argument it is how long ago.
                or (kind == "COLUMN_REF" and len(node["column_names"]) == 1 and (function := node["column_names"][0].casefold()) in _VALUES)
            ):
                raise QueryFailed(
                    f"{within or function} gives something else each time, and the same files have to give the same touchpoints"
                )
            if node.get("sample"):
                raise QueryFailed("a sample is something else each time, and the same files have to give the same touchpoints")
            if kind == "TABLE_FUNCTION" and (name := node["function"]["function_name"].casefold()) not in _TABLE_FUNCTIONS:
                raise QueryFailed(f"{name} is not for maps: a query reads nothing but the files that it names in quotes")
            if kind == "BASE_TABLE" and (
                node["schema_name"].casefold() in ("information_schema", "pg_catalog") or node["table_name"].casefold() in views
            ):
                raise QueryFailed(f"{node['table_name']} is no file: a query reads nothing but the files that it names in quotes")
            if function in macros and function not in seen:
                seen.add(function)
                for meaning in macros[function]:
                    check(meaning, within or function)

    check(query, "")


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    match tree:
        case dict():
            yield tree
            for inner in tree.values():
                yield from _nodes(inner)
        case list():
            for inner in tree:
                yield from _nodes(inner)


def _answered(duckdb: Any, db: "DuckDBPyConnection", query: str) -> list[str]:
    """Runs the query into a table of texts, in order, and returns its columns. All is worked out here, before anything is taken in."""
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")
    (statement,) = db.extract_statements(query)
    one = statement.query.rstrip().removesuffix(";")
    try:
        types = db.execute(f"DESCRIBE SELECT * FROM (\n{one}\n)").fetchall()
        for name, type, *_ in types:
            if not EXACT.fullmatch(type):
                raise QueryFailed(f"its column {name!r} is {type}, which has no exact text{_instead(type)}")
        with _at_most(db, QUERY_SECONDS_MAX):
            db.execute(f"CREATE TEMP TABLE answer AS SELECT coalesce(COLUMNS(*)::VARCHAR, '') FROM (\n{one}\n) ORDER BY ALL")
            names = [_name(name) for name, *_ in db.execute("DESCRIBE answer").fetchall()]
            (longest,) = db.execute(f"SELECT max({' + '.join(f'strlen({name})' for name in names)}) FROM answer").fetchall()[0]
    except duckdb.Error as error:
        raise _failed(str(error), 1) from error
    if (longest or 0) > ROW_BYTES_MAX:
        raise QueryFailed(f"a row of its result is longer than {ROW_BYTES_MAX} bytes")
    return [name for name, *_ in types]


@contextmanager
def _at_most(db: "DuckDBPyConnection", seconds: float) -> Iterator[None]:
    """Ends what DuckDB does after so long. Raises QueryFailed then."""
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        db.interrupt()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if is_over.is_set():
            raise QueryFailed(f"it runs for more than {seconds / 60:g} minutes") from error
        if type(error) is RuntimeError:  # which is what DuckDB makes of Ctrl-C
            raise KeyboardInterrupt from error
        raise
    finally:
        timer.cancel()


def _instead(type: str) -> str:
    if type in ("DOUBLE", "FLOAT"):
        return "; for a number, write CAST(… AS DECIMAL(18, 6))"
    return "; of a list, make one text, such as array_to_string(…, ';')" if type.endswith("]") else ""


def _failed(said: str, lines_before: int) -> QueryFailed:
    found = _LINE.search(said)
    return QueryFailed(_in_a_line(_LINE.sub("", said)), int(found[1]) - lines_before if found else None)


def _in_a_line(said: str) -> str:
    return " ".join(said.partition("Possible solutions:")[0].split())


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
