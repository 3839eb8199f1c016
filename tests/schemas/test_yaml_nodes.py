"""A definition and a map are read within bounds, whatever is in the file: each is named, with its line, before it costs anything."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from journey.errors import Refused
from schemas.csv_map import load_map
from schemas.definition_files import default_definition, dump_definition, load_definition, parse_definition
from schemas.yaml_nodes import DEPTH_MAX, FILE_BYTES_MAX, NODES_MAX, NotRead, compose

READERS: list[Callable[[Path], object]] = [load_definition, load_map]


@pytest.fixture(params=READERS, ids=["definition", "map"])
def reader(request: pytest.FixtureRequest) -> Callable[[Path], object]:
    found: Callable[[Path], object] = request.param
    return found


LAUGHS = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))])

TOO_MUCH = {
    "bytes": ("#" * (FILE_BYTES_MAX + 1), f" is longer than {FILE_BYTES_MAX} bytes"),
    "letters of many bytes": ("#" + "\N{EURO SIGN}" * (FILE_BYTES_MAX // 3 + 1), f" is longer than {FILE_BYTES_MAX} bytes"),
    "keys": ("".join(f"k{number}: v\n" for number in range(NODES_MAX)), rf":{NODES_MAX // 2}: is longer than {NODES_MAX} values"),
    "aliases": ("a: &a x\nb:\n" + "- *a\n" * NODES_MAX, f"is longer than {NODES_MAX} values"),
    "lists in lists": ("a: b\nc: " + "[" * 100_000, rf":2: is nested deeper than {DEPTH_MAX} levels"),
    "closed ones": (f"{'[' * (DEPTH_MAX + 1)}{']' * (DEPTH_MAX + 1)}", rf":1: is nested deeper than {DEPTH_MAX} levels"),
    "a NUL by an escape": ('a: b\nc: "d\\0e"', ":2: holds a NUL character, which databases cannot store"),
    "one in a key": ('a: b\n"c\\x00": d', ":2: holds a NUL character"),
    "half a character": ('a: ["\\ud800"]', ":1: holds half a character"),
    "mappings": ("{a: " * 50_000, rf":1: is nested deeper than {DEPTH_MAX} levels"),
    "items of items": ("- " * 50_000, rf":1: is nested deeper than {DEPTH_MAX} levels"),
    "keys of keys": ("? " * 50_000, rf":1: is nested deeper than {DEPTH_MAX} levels"),
    "laughs": (LAUGHS, f"longer than {NODES_MAX} values|anchors are not read here"),
    "itself": ("name: &a [*a]", "is nested deeper than|anchors are not read here"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "told"), TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_what_is_too_much_is_refused_with_its_bound(tmp_path: Path, reader: Callable[[Path], object], text: str, told: str) -> None:
    (tmp_path / "much.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match=rf"much\.yaml.*({told})") as refused:
        reader(tmp_path / "much.yaml")
    assert len(refused.value.args) == 1


def test_nothing_beyond_a_bound_is_looked_at() -> None:
    # What comes behind it is no YAML.
    with pytest.raises(NotRead, match="is longer than"):
        compose("- x\n" * NODES_MAX + "}" * 100)


def test_a_definition_ten_times_as_long_as_the_one_that_ships_is_read() -> None:
    aliases = "".join(f"  - {{campaign: spring-{number}, names: [a{number}, b{number}]}}\n" for number in range(NODES_MAX // 8))
    definition = parse_definition(f"{dump_definition(default_definition())}campaign_aliases:\n{aliases}", "x")
    assert len(definition.campaign_aliases) == NODES_MAX // 8


def test_what_is_no_file_is_refused_at_once(tmp_path: Path, reader: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), Path("/dev/null"), tmp_path / "pipe"):
        with pytest.raises(Refused, match=f"{path} can't be read: it is no file"):
            reader(path)
    with pytest.raises(Refused, match="can't be read: Is a directory"):
        reader(tmp_path)
    (tmp_path / "turning").symlink_to(tmp_path / "turning")
    with pytest.raises(Refused, match="turning can't be read: Too many levels of symbolic links"):
        reader(tmp_path / "turning")


def test_what_is_no_text_is_refused_with_its_line(tmp_path: Path, reader: Callable[[Path], object]) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: x\n# caf\xe9\n")
    with pytest.raises(Refused, match=r"latin\.yaml:2: is not UTF-8 text"):
        reader(tmp_path / "latin.yaml")
