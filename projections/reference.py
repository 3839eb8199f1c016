"""The reference of both read models for those who ask them with SQL, made of their tables and views, and checked in as docs/read-models.md.

`python -m projections.reference --write` writes it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from projections.marketing import marketing
from projections.read_model import ReadModel, Table
from projections.sales import sales
from projections.stores import postgres_roles, postgres_views, sqlite_views
from projections.views import POSITION, SqlView, all_columns, kind_of, said, views, words

PATH: Final = Path(__file__).parent.parent / "docs" / "read-models.md"
MODELS: Final = (marketing, sales)

_ABOUT: Final = """\
<!-- Made of projections/views.py and the tables of both read models: python -m projections.reference --write -->

# Read models, for SQL

Ask the views, `v1_…`. Their names, columns and meaning stay as they are while the tables below them change; if other views are needed one
day, these will be called `v2_…` and stand beside them. The views hold what `journey report` counts, and a test compares both.

```sh
sqlite3 journey-data/marketing.db "SELECT stage, SUM(n) FROM v1_stage_entries GROUP BY stage"
psql "$JOURNEY_POSTGRES" -c "SELECT stage, SUM(n) FROM marketing.v1_stage_entries GROUP BY stage"
```

In SQLite the views are in `marketing.db` and `sales.db`, and `.schema v1_deals` shows what each column says; in PostgreSQL they are in the
schemas `marketing` and `sales`, and `\\d+ marketing.v1_deals` shows it. A role that asks in PostgreSQL needs no more than
`GRANT USAGE ON SCHEMA marketing TO bi; GRANT SELECT ON marketing.v1_deals TO bi`, and keeps that when a later version makes the views anew.
If you have built views of your own on these, the later version says so and does not start until you have dropped yours. The
roles `journey_marketing` and `journey_sales` read all views of their schema, but marketing's none that has a single deal's amount:
[access.md](access.md) has more.

- **Counting**: `SUM(n)`. A row stands for `n` equal facts.
- **Now** (`v1_people`, `v1_leads`, `v1_deals`, `v1_scores`, …) is the database's clock, which `v1_position` shows beside the position that
  the rows are at. What time alone does is in them once its time has come, with `ahead` set: it followed from no touchpoint.
- **History** (`…_history`) holds from `valid_from` until before `valid_to`, which is NULL where nothing follows. As of an instant:
  `WHERE valid_from <= T AND (valid_to > T OR valid_to IS NULL)`. What time alone will do is there beforehand, with `ahead` set; it is
  taken back if a touchpoint comes before.
- **Facts** (`v1_stage_entries`, `v1_conversions`, `v1_spend`, …) have one row for facts that are alike; of what time alone does, what is
  past.
- **Joining**: `deal`, `lead`, `account`, `owner` and `campaign` hold plain ids in every view; a `person` and a `subject` have their kind
  before them. So `v1_descriptions` has the industry of a deal's account under the subject `'account:' || account`.
- **Timestamps** are UTC, days are those of the reporting zone; both are NULL where they are not known. Texts that say nothing are empty.
- **Money**: add up `…_minor`, whole minor units, per `currency`; the column beside it is for reading. In SQLite that is text, so that it is
  exact: it does not compare with numbers.

| kind of column | SQLite | PostgreSQL |
|---|---|---|
"""


def reference() -> str:
    """All of docs/read-models.md."""
    kinds = [f"| {kind} | {sqlite_views.TYPES[kind]} | {postgres_views.TYPES[kind]} |" for kind in sqlite_views.TYPES]
    return _ABOUT + "\n".join([*kinds, "", *(line for model in MODELS for line in _model(model))]) + "\n"


def _model(model: ReadModel) -> Iterator[str]:
    yield f"## Views of {model.name}"
    yield ""
    yield "### v1_position"
    yield ""
    yield f"{POSITION} Columns: `position` (integer), `as_of` (instant)."
    yield ""
    for view in views(model):
        yield from _view(view)
    if model.name in postgres_roles.IN_SUMS:
        yield f"### {postgres_roles.WON_VALUE}"
        yield ""
        yield f"In PostgreSQL only. {postgres_roles.WON_VALUE_SAYS} Columns: `month`, `currency`, `n` (deals), `amount_minor`, `amount`."
        yield ""
    yield f"## Tables of {model.name}"
    yield ""
    yield "They change with the version of the read model. Instants and lengths of time are microseconds, instants since 1970 in UTC;"
    yield "0 of these and -1 of any number is none, 9007199254740992 never."
    yield ""
    for table in model.tables:
        yield from _table(table)


def _view(view: SqlView) -> Iterator[str]:
    yield f"### {view.name}"
    yield ""
    yield f"{view.says} Of the table `{view.table}`."
    yield ""
    yield "| column | kind | what it says |"
    yield "|---|---|---|"
    for column in view.columns:
        yield f"| {column.name} | {column.kind} | {column.says} |"
    yield ""


def _table(table: Table) -> Iterator[str]:
    yield f"### {table.name}"
    yield ""
    yield said(table)
    yield ""
    yield "| column | type | what it says |"
    yield "|---|---|---|"
    for column in all_columns(table):
        kind = kind_of(column)
        type_of = column.type.lower() + ("" if kind in ("text", "integer") else f", {kind}")
        yield f"| {column.name} | {type_of} | {words(column.name, table.name)} |"
    yield ""


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("python -m projections.reference --write")
    PATH.write_text(reference(), encoding="utf-8")
