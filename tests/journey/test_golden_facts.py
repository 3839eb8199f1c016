"""The facts of one history, as they were when FOLD_VERSION was last raised. Facts of two versions must not be added up, so whoever
changes what a fold asserts raises it, and then writes the file anew:

    python -m tests.journey.test_golden_facts
"""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from journey import deal, dimension, person_fold
from journey.facts import FOLD_VERSION, KINDS, Facts, to_row
from journey.histories import Stored, is_person, keys, person_history, settle, takes_part
from schemas.canonical import content_hash
from schemas.decode import decode
from schemas.definition_files import load_definition
from tests.journey.builders import turns_in

GOLDEN = Path(__file__).parent / "golden"
FACTS = GOLDEN / "facts.json"
PERSONS = (("user:7", "anon:a"), ("user:8",))


def asserted() -> list[list[Any]]:
    """All facts of the history in the folder, under the definition beside it, as plain rows."""
    by = load_definition(GOLDEN / "definition.yaml")
    stored: dict[str, list[Stored]] = defaultdict(list)
    for line in (GOLDEN / "history.jsonl").read_bytes().splitlines():
        read = decode(line)
        for key in keys(read.touch):
            stored[key].append(Stored(read.touch, read.body))
    deals = {key: settle(bodies, content_hash) for key, bodies in stored.items() if key.startswith("deal:")}
    facts: Facts = Counter()
    for ids in PERSONS:
        through = [touch for history in deals.values() if not takes_part(history).isdisjoint(ids) for touch in history]
        history = person_history(ids, (one for id in ids for one in stored[id]), through, content_hash)
        facts.update(person_fold.derive(by, ids[0], ids, history, turns_in(by, through))[1])
    for key, history in deals.items():
        facts.update(deal.derive(by, key, history)[1])
    for key, bodies in stored.items():
        if not is_person(key) and key not in deals:
            facts.update(dimension.derive(by, key, settle(bodies, content_hash))[1])
    rows: list[list[Any]] = json.loads(json.dumps([to_row(fact, count) for fact, count in facts.items()]))
    return sorted(rows, key=json.dumps)


def test_facts_are_what_they_were_or_the_fold_version_was_raised() -> None:
    golden = json.loads(FACTS.read_text())
    assert golden["fold_version"] == FOLD_VERSION, f"FOLD_VERSION was raised: write the golden file anew, see {__file__}"
    before, now = golden["facts"], asserted()
    changed = [row for row in now if row not in before] + [row for row in before if row not in now]
    assert not changed, "folds assert other facts than before: raise FOLD_VERSION in journey/facts.py, then write the file anew"


def test_the_history_brings_about_every_kind_of_fact_and_every_step_of_a_lead() -> None:
    rows = asserted()
    assert {row[0] for row in rows} == set(KINDS)
    assert {row[6] for row in rows if row[0] == "lead_moved"} == {
        "created", "mql", "assigned", "breached", "expired", "accepted", "rejected", "recycled", "disqualified", "qualified", "withdrawn",
        "closed",
    }  # fmt: skip


def write() -> None:
    rows = asserted()
    if FACTS.exists():
        golden = json.loads(FACTS.read_text())
        if golden["facts"] != rows and golden["fold_version"] == FOLD_VERSION:
            raise SystemExit("the facts changed: raise FOLD_VERSION in journey/facts.py first")
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    FACTS.write_text(f'{{"fold_version": {FOLD_VERSION}, "facts": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    write()
