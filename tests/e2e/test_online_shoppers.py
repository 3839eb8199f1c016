"""Real input: the sessions of a real shop go in through a map of ours, and the report says what one SQL query says of the file.

"Online Shoppers Purchasing Intention", UCI data set 468, DOI 10.24432/C5F88Q, CC BY 4.0. It is not ours to ship: where it is not at hand,
made-up sessions of the same shape stand in for it.
"""

import csv
import sqlite3
from pathlib import Path
from random import Random

import pytest

from tests.app.command import ROOT, here, worked_out

REAL = ROOT.parent / "shared" / "data" / "online-shoppers" / "online_shoppers_intention.csv"
MAP = ROOT / "examples" / "maps" / "online-shoppers.yaml"

HEADER = (
    "Administrative,Administrative_Duration,Informational,Informational_Duration,ProductRelated,ProductRelated_Duration,BounceRates,"
    "ExitRates,PageValues,SpecialDay,Month,OperatingSystems,Browser,Region,TrafficType,VisitorType,Weekend,Revenue"
)

SQL = """
SELECT 'traffic type ' || TrafficType, COUNT(*), SUM(Revenue = '1' OR upper(Revenue) = 'TRUE')
FROM   sessions
GROUP  BY TrafficType
"""


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if REAL.exists():
        return REAL
    path = tmp_path_factory.mktemp("sessions") / "made_up_sessions.csv"
    rng = Random(468)
    rows = [HEADER]
    for _ in range(2_000):
        month, traffic = rng.choice(["Feb", "Mar", "June", "Nov", "Dec"]), rng.choice([1, 2, 2, 3, 4, 13])
        visitor, bought = rng.choice(["New_Visitor", "Returning_Visitor", "Other"]), rng.choice(["0", "0", "0", "1"])
        weekend = rng.choice(["TRUE", "FALSE"])
        row = f"0,0,0,0,{rng.randrange(9)},0,0.2,0.2,0,0,{month},1,1,{rng.randrange(9)},{traffic},{visitor},{weekend},{bought}"
        # Equal rows are sessions of their own.
        rows += [row] * rng.choice([1, 1, 1, 2])
    path.write_text("\n".join(rows))
    return path


@pytest.fixture(scope="module")
def shop(sessions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    summary = here("ingest", sessions, "--map", MAP, "--json", cwd=folder).json
    assert (summary["accepted"], summary["dead_letters"]) == (summary["read"], {})
    return folder


@pytest.fixture(scope="module")
def told(sessions: Path) -> dict[str, tuple[int, int]]:
    """Sessions and purchases by traffic type, as SQL has them."""
    db = sqlite3.connect(":memory:")
    with sessions.open(newline="") as file:
        names, *rows = csv.reader(file)
    db.execute(f"CREATE TABLE sessions ({', '.join(names)})")
    db.executemany(f"INSERT INTO sessions VALUES ({', '.join('?' * len(names))})", rows)
    found = {channel: (people, buyers) for channel, people, buyers in db.execute(SQL)}
    db.close()
    return found


def test_people_and_buyers_by_traffic_type_are_those_of_one_sql_query(shop: Path, told: dict[str, tuple[int, int]]) -> None:
    reached = worked_out("people", "channel", cwd=shop, until="2025-12-31")
    assert reached == {(name,): people for name, (people, _) in told.items()}
    for which in ("conversions_first", "conversions_last"):
        credited = worked_out(which, "channel", cwd=shop, until="2025-12-31", more=("--where", "conversion=purchase"))
        assert {name: number for name, number in credited.items() if number} == {
            (name,): buyers for name, (_, buyers) in told.items() if buyers
        }


def test_people_and_buyers_in_all_are_those_of_the_file(shop: Path, told: dict[str, tuple[int, int]]) -> None:
    people, buyers = (sum(numbers) for numbers in zip(*told.values(), strict=True))
    assert worked_out("people", cwd=shop, until="2025-12-31") == {(): people}
    assert worked_out("conversions_last", "conversion", cwd=shop, until="2025-12-31") == {("purchase",): buyers}
    if REAL.exists():
        assert (people, buyers) == (12_330, 1_908)
