"""Writes the tables of docs/benchmarks.md from the raw results: python -m benchmarks._page.

A table stands between `<!-- figures: NAME -->` and `<!-- end -->`; NAME is a file of docs/benchmarks/.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "benchmarks.md"
_BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def render(page: str, results: Path) -> str:
    """The page with its tables made anew; one without a result says so."""

    def table(block: re.Match[str]) -> str:
        path = results / f"{block[2]}.json"
        text = of(json.loads(path.read_text())) if path.exists() else "No result is kept yet.\n"
        return f"{block[1]}{text}{block[3]}"

    return _BLOCK.sub(table, page)


def of(result: Mapping[str, Any]) -> str:
    """Tables and origin of one result."""
    raw = result["raw"]
    shown = [each for each in result["measures"] if each["name"].partition(":")[0] not in raw.get("rows_by_name", ())]
    parts = [_beside(raw["rows_by_name"])] if "rows_by_name" in raw else []
    parts.append(_measures(shown))
    if result["controls"]:
        seen = [f"- Control: {each['name']}: {each['detail'] or 'failed'}." for each in result["controls"]]
        parts.append("\n".join(seen) + "\n")
    parts.append(
        f"Commit {result['commit'][:10]}{_changed(result['commit'])}, {result['date']}, {result['machine']}.\n"
    )
    return "\n" + "\n".join(parts) + "\n"


def _measures(measures: list[dict[str, Any]]) -> str:
    lines = ["| figure | value | target |", "|---|---|---|"]
    lines += [f"| {each['name']} | {each['value']:g} {each['unit']} | {_target(each)} |" for each in measures]
    return "\n".join(lines) + "\n"


def _beside(rows: Mapping[str, Mapping[str, float]]) -> str:
    """One column for each way to deploy."""
    lines = [f"| figure | {' | '.join(rows)} |", "|---" * (len(rows) + 1) + "|"]
    lines += [
        f"| {figure} | {' | '.join(f'{row[figure]:.4g}' for row in rows.values())} |"
        for figure in next(iter(rows.values()))
    ]
    return "\n".join(lines) + "\n"


def _target(measure: Mapping[str, Any]) -> str:
    bounds = [("≥", measure["at_least"]), ("≤", measure["at_most"])]
    target = " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)
    too_low = measure["at_least"] is not None and measure["value"] < measure["at_least"]
    too_high = measure["at_most"] is not None and measure["value"] > measure["at_most"]
    return f"{target} **missed**" if too_low or too_high else target or "-"


def _changed(commit: str) -> str:
    return " with changes" if "changes" in commit else ""


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(), DOCS / "benchmarks"))
