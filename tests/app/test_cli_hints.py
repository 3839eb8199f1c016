"""What a command says to do next can be typed as it stands: it names the folder of data that the command was given."""

from pathlib import Path

import pytest

from tests.app.command import here, put, touch


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    put(tmp_path / "in.jsonl", touch().replace(b"00Z", b"00"), touch(id="2"), touch(id="2", url="https://shop.example/b"))
    put(tmp_path / "rows.csv", b"Visitor,When", b"7,")
    (tmp_path / "map.yaml").write_text(
        "zone: UTC\ntouchpoints:\n  - type: page_view\n    subject: 'user:{Visitor}'\n    time: When\n    data: {url: '/'}\n"
    )
    here("ingest", "rows.csv", "--map", "map.yaml", "--data", "our data", cwd=tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("ingest in.jsonl", "`journey dead-letters --data 'our data'`"),
        ("dead-letters", "`journey dead-letters show N --data 'our data'`"),
        ("dead-letters requeue 1", "`journey dead-letters fix 1 --body FILE --data 'our data'`"),
        ("dead-letters requeue --all", "`journey dead-letters fix N --body FILE --data 'our data'`"),
        ("dead-letters fix 1 --body right.json", "`journey dead-letters requeue 1 --data 'our data'`"),
        ("dead-letters dismiss x --reason y", "`journey dead-letters --data 'our data'`"),
        ("explain deal:1", "`journey timeline deal:1 --data 'our data'`"),
    ],
)
def test_hints_carry_the_data_that_was_given_and_nothing_by_default(shop: Path, command: str, hint: str) -> None:
    put(shop / "right.json", touch())
    assert hint in here(*command.split(), "--data", "our data", cwd=shop).err
    (shop / "our data").rename(shop / "journey-data")
    told = here(*command.split(), cwd=shop).err
    assert hint.replace(" --data 'our data'", "") in told
    assert "--data" not in told


def test_where_there_is_no_data_the_hint_fills_the_folder_that_was_named(tmp_path: Path) -> None:
    told = here("digest", "--data", "other", cwd=tmp_path).err
    assert "`journey ingest FILE --data other`" in told
    assert str(tmp_path / "other") in told
    assert str(tmp_path / "journey-data") in here("digest", cwd=tmp_path).err


@pytest.mark.parametrize(
    ("command", "there"),
    [
        ("report foo", ["'marketing'", "'sales'"]),
        ("rebuild foo", ["'marketing'", "'sales'", "'all'"]),
        ("ingest in.jsonl --format foo", ["'segment'"]),
        ("dead-letters list --state foo", ["'open'", "'arrived'", "'dismissed'"]),
        ("dead-letters foo", ["requeue", "dismiss"]),
        ("definition foo", ["check", "show", "use"]),
        ("foo", ["ingest", "report"]),
    ],
)
def test_what_is_not_there_is_refused_with_what_there_is(tmp_path: Path, command: str, there: list[str]) -> None:
    ran = here(*command.split(), cwd=tmp_path)
    assert ran.status == 2
    assert "Value error" not in ran.err
    assert [one for one in there if one not in ran.err] == []


def test_an_action_that_was_never_decided_is_told_with_those_that_were(shop: Path) -> None:
    assert "there are: definition" in here("audit", "--action", "foo", "--data", "our data", cwd=shop).out
