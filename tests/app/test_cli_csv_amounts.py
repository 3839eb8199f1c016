"""Amounts of an export with more digits than their currency has."""

from pathlib import Path

from tests.app.command import here, worked_out

MAP = """
name: orders
zone: UTC
files:
  orders:
    match: "*.csv"
    touchpoints:
      - type: order_placed
        id: "{Order}"
        subject: "user:{Customer}"
        time: {from: At, format: "%Y-%m-%d"}
        data: {order: "{Order}", amount: {from: Amount, number: true}, currency: "{Currency}"}
"""


def test_they_are_rounded_and_counted_and_noise_is_not(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAP)
    rows = "o1,c1,2026-03-01,59.970000000000006,EUR\no2,c2,2026-03-01,10.005,EUR\no3,c3,2026-03-01,12.50,EUR\n"
    (tmp_path / "orders.csv").write_text(f"Order,Customer,At,Amount,Currency\n{rows}")
    told = here("ingest", "orders.csv", "--map", "map.yaml", "--json", cwd=tmp_path).json
    assert (told["accepted"], told["dead_letters"], told["rounded"]) == (3, {}, 1)
    assert worked_out("conversion_value_last", "conversion", cwd=tmp_path) == {("order", "EUR"): 5997 + 1000 + 1250}
