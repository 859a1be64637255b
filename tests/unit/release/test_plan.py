"""The plan of a release: what a component writes is what a step reads."""

import dataclasses
import json

import pytest

from release.plan import Plan, Probes, Strategy, read
from tests.unit.release.plans import PLAN

FULL = dataclasses.replace(
    PLAN,
    probes=Probes(
        host="schön.example",
        health_path="/health/",
        post_paths=("/a/", "/b/"),
        slow_paths=("/slow/",),
        gate_paths=(),
        per_second=2.5,
    ),
    strategy=Strategy(kind="canary", batch=3, canary_percent=25, canary_seconds=90),
    start_seconds=0.5,
    record={"image": "a", "spec": {"mounts": [{"path": "/x"}], "command": ["a", "b"], "deep": {"list": [1, [2]]}}},
)


@pytest.mark.parametrize("plan", [PLAN, FULL])
def test_a_plan_comes_out_as_it_went_in(plan: Plan) -> None:
    """Through its text, tuples and all; what the ledger keeps stays plain JSON."""
    assert read(plan.text()) == plan


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Plan)])
def test_every_field_is_in_the_text(field: str) -> None:
    """So that a change of any of them is another step."""
    assert field in json.loads(PLAN.text())


def test_the_same_plan_is_the_same_text() -> None:
    """Whatever order the record was made in; else a step would run again for nothing."""
    turned = dataclasses.replace(PLAN, record=dict(reversed(PLAN.record.items())))
    assert turned.text() == PLAN.text()


def test_a_plan_of_another_version_is_an_error() -> None:
    """A step that misses half of what it is told must not go on."""
    content = json.loads(PLAN.text())
    del content["edge"]
    with pytest.raises(TypeError):
        read(json.dumps(content))
