"""The program beside the recorded state: what a preview would do. Pure."""

import json
from typing import Any

from drift.errors import DriftError
from drift.finding import Finding, Mend

_KINDS = {
    "create": ("drift.D001", "is created"),
    "update": ("drift.D002", "is updated"),
    "replace": ("drift.D003", "is replaced"),
    "create-replacement": ("drift.D003", "is replaced"),
    "delete-replaced": ("drift.D003", "is replaced"),
    "delete": ("drift.D004", "is deleted"),
}


def findings(text: str, *, stack: str) -> list[Finding]:
    """One for each resource that `up` would change. Raises DriftError where it is no preview."""
    try:
        steps = json.loads(text)["steps"]
        found = {str(step["urn"]): step for step in steps if step["op"] in _KINDS}
        return [_finding(urn, step, stack) for urn, step in found.items()]
    except (ValueError, KeyError, TypeError) as problem:
        raise DriftError(f"the program: its preview must be JSON (got {type(problem).__name__}: {problem}).") from None


def _finding(urn: str, step: dict[str, Any], stack: str) -> Finding:
    kind, told = _KINDS[step["op"]]
    keys = sorted(step.get("diffReasons") or step.get("detailedDiff") or ())  # the CLI has them in no order
    changed = f" ({', '.join(map(str, keys))})" if keys and kind != "drift.D001" else ""
    short = f"{urn.rpartition('::')[0].rpartition(':')[2]} {urn.rpartition('::')[2]}"
    return Finding(
        id=kind,
        what=short,
        expected=f"{told}{changed}",
        found="not in the state" if kind == "drift.D001" else "in the state as it was",
        mend=Mend(by_hand=f"./pulumiw up --stack {stack}"),
    )


def failure(stdout: str, stderr: str) -> str:
    """Why a preview failed, in its own words."""
    try:
        said = [each["message"] for each in json.loads(stdout)["diagnostics"] if each.get("severity") == "error"]
        told = [text.removeprefix("error: ") for text in said]  # as the CLI begins each
    except (ValueError, KeyError, TypeError):
        told = []
    lines = [line for line in (*told, *stderr.splitlines()) if line.strip() and not line.startswith("engine: ")]
    return " ".join(" ".join(lines).split()) or "it does not say why"
