"""The maps that ship with the package, by name; and whose clock a map's times are on."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from importlib.resources import files
from pathlib import Path

from journey.errors import Refused
from schemas.csv_fields import FieldRule, within
from schemas.csv_map import CsvMap, load_map
from schemas.csv_template import Template
from schemas.csv_zone import zone_name

FOLDER = Path(str(files("schemas").joinpath("maps")))

WITHOUT = {
    (
        "stripe-payments",
        "refunds",
    ): "no refunds*.csv is given, which alone says what was paid back; until it is taken in, orders count in full"
}
"""What is wrong in the figures while a kind of file that a map reads is not there."""


def shipped() -> list[str]:
    """The names, in order."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def shipped_path(name: str) -> Path:
    """The file of the map `name`. Raises Refused, naming those that there are, the nearest first."""
    names = shipped()
    if name not in names:
        nearest = sorted(names, key=lambda one: -SequenceMatcher(None, name.casefold(), one).ratio())
        raise Refused(f"no map that ships is named {name!r}; there are {', '.join(nearest)}")
    return FOLDER / f"{name}.yaml"


def map_named(asked: Path) -> Path:
    """The file that `--map` means: a path, or else the name of a map that ships."""
    text = str(asked)
    return asked if asked.exists() or asked.suffix or asked.name != text else shipped_path(text)


def title(path: Path) -> str:
    """For which export the map in `path` is, as its first line says."""
    with path.open(encoding="utf-8") as file:
        return file.readline().removeprefix("#").strip()


def patterns(csv_map: CsvMap) -> list[str]:
    """The names of files that the map reads."""
    found: list[str] = []
    for _, rules in csv_map.sections:
        found += rules.match if rules.rows is None else rules.rows.files
    return ["*"] if "*" in found else found


def zones(csv_map: CsvMap) -> list[str]:
    """Whose clocks the map reads where a time does not say."""
    return list(dict.fromkeys(str(rules.zone) for _, rules in csv_map.sections if rules.zone is not None))


def own_zones(csv_map: CsvMap) -> list[str]:
    """The zones that single times of the map are in, whatever the map says for the others."""
    found: list[object] = []
    for rule in csv_map.rules():
        found += [rule.time.zone, *(one.zone for one in within(rule.data) if isinstance(one, FieldRule))]
    return list(dict.fromkeys(str(zone) for zone in found if zone is not None))


def currencies(csv_map: CsvMap) -> list[str]:
    """What the map takes amounts for where the export does not say."""
    found: list[object] = []
    for rule in csv_map.rules():
        stated = rule.data.root.get("currency")
        if isinstance(stated, Template) and not stated.varies:
            found.append(stated.text)
        if isinstance(stated, FieldRule) and stated.blank is not None:
            found.append(stated.blank)
    return list(dict.fromkeys(map(str, found)))


def in_zone(csv_map: CsvMap, zone: str) -> CsvMap:
    """The map, with `zone` in the place of its own. Raises Refused."""
    try:
        zone_name(zone)
    except ValueError as error:
        raise Refused(f"--zone {error}") from None
    if not zones(csv_map):
        raise Refused(f"--zone has nothing to change: each time in {csv_map.path.name} says its zone ({', '.join(own_zones(csv_map))})")
    sections = ((name, rules.model_copy(update={"zone": zone}) if rules.zone is not None else rules) for name, rules in csv_map.sections)
    return replace(csv_map, sections=tuple(sections))


def asked_map(asked: Path, zone: str | None) -> CsvMap:
    """The map that `--map` and `--zone` mean. Raises Refused."""
    csv_map = load_map(map_named(asked))
    return csv_map if zone is None else in_zone(csv_map, zone)


def assumed(csv_map: CsvMap, zone: str | None, paths: Sequence[Path]) -> str | None:
    """What a map that ships takes for granted of the export in `paths`, since it can't know whose it is; None where there is nothing."""
    path = csv_map.path
    if path.resolve().parent != FOLDER.resolve():
        return None
    said = _lacking(path.stem, csv_map, paths)
    if zone is None and (clocks := zones(csv_map)):
        said.append(f"times are read on the clock of {' and '.join(clocks)} (--zone says another)")
    if (money := currencies(csv_map)) and not any(one.casefold().startswith("currency") for one in csv_map.columns(paths)):
        said.append(
            f"an amount without a currency is taken for {' or '.join(money)} (journey maps show {path.stem} > my.yaml starts your own)"
        )
    return f"{path.stem}: {'; '.join(said)}" if said else None


def _lacking(name: str, csv_map: CsvMap, paths: Sequence[Path]) -> list[str]:
    """What is wrong in the figures while some of the files are not given."""
    kinds = {kind: rules for kind, rules in csv_map.sections if (name, kind) in WITHOUT}
    given = [csv_map.rules_of(path) for path in paths] if kinds else []
    return [WITHOUT[name, kind] for kind, rules in kinds.items() if not any(rules is one for one in given)]
