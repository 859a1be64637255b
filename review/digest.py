"""What makes two plans the same: their steps, inputs, images and the server. The same for either engine."""

import hashlib
import json
from typing import Any

from review.plan import Plan, State, Step


def of(plan: Plan) -> str:
    """64 hex digits over all that the plan would do. The order of its steps, causes and messages are not in it."""
    content = {
        "stack": [plan.project, plan.stack],
        "server": dict(plan.server),
        "steps": sorted((_step(step) for step in plan.steps), key=lambda each: (each["urn"], each["op"])),
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _step(step: Step) -> dict[str, Any]:
    return {"op": step.op, "urn": step.urn, "old": _state(step.old), "new": _state(step.new)}


def _state(state: State | None) -> Any:
    """Without a value, a default that only one of the engines writes down is no difference."""
    if state is None:
        return None
    return [_canonical(state.inputs), state.protected, state.retained]


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        items = {key: _canonical(item) for key, item in value.items() if not key.startswith("__")}
        return {key: item for key, item in items.items() if item not in (None, "", [], {})}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
