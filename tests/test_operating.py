"""docs/operating.md names metrics that there are, and all of them."""

import re

from prometheus_client.registry import Collector

from app.engine.measures import Measures
from app.server.metrics import Metrics
from tests.app.command import ROOT

PAGE = (ROOT / "docs" / "operating.md").read_text()


def there() -> set[str]:
    registries: list[Collector] = [Measures().registry, Metrics().registry]
    families = {(family.name, family.type) for registry in registries for family in registry.collect()}
    return {f"{name}_total" if kind == "counter" else name for name, kind in families if name.startswith("journey_")}


def test_each_metric_has_its_row_and_each_row_its_metric() -> None:
    assert set(re.findall(r"^\| `(journey_\w+)` \|", PAGE, re.MULTILINE)) == there()


def test_alerts_ask_for_metrics_that_are_there() -> None:
    _, _, alerts = PAGE.partition("What to alert on:")
    alerts, _, _ = alerts.partition("## Traces")
    asked = set(re.findall(r"\bjourney_\w+", alerts))
    assert len(asked) > 4
    assert {name.removesuffix("_bucket") for name in asked} - there() == set()
