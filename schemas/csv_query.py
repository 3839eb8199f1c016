"""The rows that a map's `rows: {query: …}` gives, by DuckDB: for joins, sums and arithmetic, of which a map itself knows nothing.

Our own reader reads the files, so that they are read as those of any map, and no row that can't be read is lost. DuckDB gets them as
tables of texts, and nothing else: no other file, no network, no extension, one SELECT. A map may come from anybody.
"""

import csv
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from journey.errors import Refused
from schemas.csv_rows import Row
from schemas.unpacked import unpacked_name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_MAX = "512MB"
"""What DuckDB takes before it writes to its folder, which is removed at the end."""

SPILL_MAX = "64GB"

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
_UNSTEADY = re.compile(
    r"\b((?:now|today|random|uuid|uuidv4|uuidv7|gen_random_uuid|nextval|get_current_\w+|transaction_timestamp|txid_current)\s*\("
    r"|current_(?:date|time|timestamp|localtime|localtimestamp)\b|localtime(?:stamp)?\b|tablesample\b|using\s+sample\b)",
    re.IGNORECASE,
)
_LINE = re.compile(r"\n+LINE (\d+):.*", re.DOTALL)


class Table(NamedTuple):
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


def unsteady(query: str) -> str | None:
    """What in a query gives something else each time, such as `today()`: the same files would be other touchpoints tomorrow."""
    found = _UNSTEADY.search(_QUOTED.sub("''", query))
    return None if found is None else found[0].removesuffix("(").strip()


def read_by(name: str, paths: Iterable[Path]) -> list[Path]:
    """Those of `paths` that a query means by `name`."""
    return [path for path in paths if fnmatchcase(unpacked_name(path), name) or unpacked_name(path) == name]


class Answer:
    """The rows of a query, in an order that depends on nothing but the rows. Raises QueryFailed, or Refused without DuckDB."""

    def __init__(self, query: str, tables: Iterable[Table]) -> None:
        duckdb = _duckdb()
        folder = tempfile.mkdtemp(prefix="journey-query-")
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        try:
            self._db = _opened(duckdb, folder)
            for table in tables:
                _fill(self._db, table, Path(folder))
            self.columns = _answered(duckdb, self._db, query)
        except BaseException as error:
            self._remove()
            if isinstance(error, duckdb.Error):
                raise QueryFailed(_in_a_line(str(error))) from error
            raise

    def rows(self) -> Iterator[Row]:
        """Numbered from 1, each with its bytes as CSV. When the last has been read, nothing is left of it all."""
        written = StringIO()
        writer = csv.writer(written, lineterminator="")
        try:
            found = self._db.execute("SELECT coalesce(COLUMNS(*)::VARCHAR, '') FROM answer ORDER BY ALL")
            number = 0
            while some := found.fetchmany(FETCHED_ROWS):
                for cells in some:
                    number += 1
                    written.seek(0)
                    written.truncate()
                    writer.writerow(cells)
                    raw = written.getvalue().encode()
                    yield Row(number, raw, list(cells), "holds a NUL byte" if b"\0" in raw else None)
        finally:
            self._db.close()
            self._remove()


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError:
        raise Refused(
            "this map has a query, and DuckDB, which runs it, is not installed: pip install 'customer-journey-engine[query]'"
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


def _fill(db: "DuckDBPyConnection", table: Table, folder: Path) -> None:
    """All cells are texts, so that ids keep their zeros; a blank one is NULL."""
    path = folder / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows(table.rows)
    columns = ", ".join(f"{_text(column)}: 'VARCHAR'" for column in _apart(table.columns))
    db.execute(
        f"CREATE TABLE {_name(table.name)} AS FROM read_csv({_text(str(path))}, columns = {{{columns}}}, auto_detect = false,"
        f" header = false, delim = ',', quote = '\"', escape = '\"', new_line = '\\n', max_line_size = {LINE_BYTES_MAX},"
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


def _answered(duckdb: Any, db: "DuckDBPyConnection", query: str) -> list[str]:
    """Runs the query into a table, and returns its columns."""
    db.execute("SET enable_external_access = false")
    db.execute("SET lock_configuration = true")
    before = "CREATE TEMP TABLE answer AS\n"
    try:
        statements = db.extract_statements(query)
        if [one.type for one in statements] != [duckdb.StatementType.SELECT]:
            raise QueryFailed("a query is one SELECT")
        db.execute(before + statements[0].query.rstrip().removesuffix(";"))
        types = db.execute("DESCRIBE answer").fetchall()
    except duckdb.Error as error:
        raise _failed(str(error), 0 if isinstance(error, duckdb.ParserException) else before.count("\n")) from error
    for name, type, *_ in types:
        if not EXACT.fullmatch(type):
            raise QueryFailed(f"its column {name!r} is {type}, which has no exact text{_instead(type)}")
    return [name for name, *_ in types]


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
