"""What was decided, in words: for `journey audit`, its page and its answer over HTTP."""

from typing import Any

from streams.operators import Decision

HASH_SHOWN = 12


def in_words(one: Decision) -> str:
    """What was before and after, in words."""
    detail = one.detail
    of = [f"dead letter {detail['letter']}"] if "letter" in detail else []
    if letters := detail.get("letters"):
        of.append(("dead letter " if len(letters) == 1 else "dead letters ") + ", ".join(map(str, letters)))
    if conflicts := detail.get("conflicts"):
        of.append(("conflict " if len(conflicts) == 1 else "conflicts ") + ", ".join(f"c{number}" for number in conflicts))
    if "key" in detail:
        of.append(f"key {detail['key']}")
    if "offset" in detail:
        of.append(f"{detail['place']}, offset {detail['offset']} of partition {detail['partition']}, sha256 {_value(detail['sha256'])}")
    if "import" in detail:
        which = f"import {detail['import']} of {', '.join(detail['of'])}" if detail["import"] else f"import {detail['import_id']}"
        of.append(f"{which}: {_counted(detail['withdrawn'])}")
    if "files" in detail:
        files = [f"{_value(file['name'])}{_bytes(file)}" for file in detail["files"]]
        of.append(f"{', '.join(files)}, read as {detail.get('map') or detail['format']}")
    if "period" in detail:
        restated = "" if detail["restates"] is None else f", which restates closing {detail['restates']}"
        of.append(f"{detail['period']} at position {detail['position']}: {detail['from_on']} up to {detail['to_on']}{restated}")
    what = " and ".join(of)
    if "after" not in detail:
        # As decided by an older version.
        return what or ", ".join(f"{name} {_value(detail[name])}" for name in ("file", "fingerprint") if name in detail)
    before = detail.get("before")
    if of and isinstance(before, dict) and "key" not in detail and "state" not in before:
        before = ", ".join(dict.fromkeys(before.values()))
    change = f"{_value(before)} -> {_value(detail['after'])}"
    return f"{what}: {change}" if what else change


def _counted(only: dict[str, int]) -> str:
    return (
        f"{only['touchpoints']:,} touchpoints of {only['people']:,} people and {only['deals']:,} deals withdrawn,"
        f" {only['others_too']:,} stay that others brought too, {only['dead_letters']:,} dead letters dismissed"
        + (f", {again:,} open again" if (again := only.get("open_again")) else "")
    )


def _bytes(file: dict[str, Any]) -> str:
    return f" ({file['bytes']:,} bytes, sha256 {_value(file['sha256'])})" if "sha256" in file else ""


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return ", ".join(_value(part) if name == "state" else f"{name} {_value(part)}" for name, part in value.items() if name != "reason")
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    text = str(value)
    return text[:HASH_SHOWN] if len(text) == 64 and set(text) <= set("0123456789abcdef") else text
