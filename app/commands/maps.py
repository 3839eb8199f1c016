"""`journey maps`: the maps for CSV exports that ship."""

from typing import Annotated

import typer
from rich.text import Text

from app.text.arguments import Json
from app.text.printing import as_it_came, as_json, note, table
from schemas.csv_map import CsvMap, load_map
from schemas.shipped_maps import own_zones, patterns, shipped, shipped_path, title, zones

app = typer.Typer(invoke_without_command=True, add_completion=False, help="List the maps that ship, for CSV exports.")


@app.callback()
def maps(context: typer.Context, json: Json = False) -> None:
    """Maps that ship, for CSV exports: which there are, and what is in one."""
    if context.invoked_subcommand is not None:
        return
    paths = [shipped_path(name) for name in shipped()]
    read = [load_map(path) for path in paths]
    titles = [title(path) for path in paths]
    clocks = [zones(one) or own_zones(one) for one in read]
    if json:
        as_json([
            {"name": path.stem, "export": about, "files": patterns(one), "zones": clock}
            for path, about, one, clock in zip(paths, titles, read, clocks, strict=True)
        ])  # fmt: skip
        return
    files = ["\n  ".join(", ".join(names) for names in _files(one)) for one in read]
    table("Maps that ship", {
        "name": [path.stem for path in paths],
        "clock": [", ".join(clock) for clock in clocks],
        "for, and the names of its files": [Text(f"{about}\n  {names}") for about, names in zip(titles, files, strict=True)],
    }, last="for, and the names of its files", wrap=True)  # fmt: skip
    note("journey ingest FILE --map NAME --dry-run tries one; journey maps show NAME > my.yaml starts one of your own")


def _files(csv_map: CsvMap) -> list[list[str]]:
    """The names of files that a map reads, those of each kind together."""
    if patterns(csv_map) == ["*"]:
        return [["any"]]
    return [list(rules.match if rules.rows is None else rules.rows.files) for _, rules in csv_map.sections]


@app.command("show")
def maps_show(name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)]) -> None:
    """Print a map with its comments, to copy and change."""
    as_it_came(shipped_path(name).read_bytes())
