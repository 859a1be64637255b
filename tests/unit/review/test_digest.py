"""The digest of a plan: what makes two plans the same, on either engine."""

import json
from typing import Any

import pytest

from review import digest, plan
from tests.unit.recording import Declarations
from tests.unit.review.evidences import container
from tests.unit.review.plans import preview, step, text


def of(*steps: dict[str, Any], **content: Any) -> str:
    return digest.of(plan.read(json.dumps(json.loads(text(steps)) | content)))


def web(**inputs: Any) -> dict[str, Any]:
    return step("update", "Container", "web", container("web"), container("web", **inputs), reasons=["memory"])


def test_the_same_plan_has_the_same_digest(stacks: dict[str, Declarations]) -> None:
    """However often it is made."""
    made = [digest.of(plan.read(preview(None, stacks["prod"]))) for _ in range(2)]
    assert made[0] == made[1]
    assert len(made[0]) == 64


def test_the_engine_makes_no_difference() -> None:
    """The CLI tells no causes, its steps in another order, more parts of a replacement, and defaults beside inputs."""
    other = step("create", "Volume", "data", None, {"name": "data"})
    embedded = [web(memory=512) | {"cause": "memory: 256 to 512"}, other]
    cli = [
        step("create-replacement", "Container", "web", container("web"), container("web")),
        step("create", "Volume", "data", None, {"name": "data", "__defaults": [], "driver": None}),
        web(memory=512.0) | {"detailedDiff": {"memory": {"kind": "update"}}},
    ]
    assert of(*embedded) == of(*cli, duration=99, diagnostics=[{"severity": "warning", "message": "full"}])


@pytest.mark.parametrize(
    "changed",
    [
        [web(memory=513)],
        [web(image="shop-prod/web:ffffffffffff")],
        [web(envs=["A=2"])],
        [web()],
        [],
        [web(memory=512), step("create", "Volume", "data", None, {})],
        [web(memory=512) | {"op": "replace"}],
        [step("update", "Container", "web", container("web", memory=128), container("web", memory=512))],
        [step("update", "Container", "web", container("web"), container("web", memory=512), options={"protect": True})],
        [step("update", "Container", "web", container("web"), container("web", memory=512), stack="staging")],
    ],
)
def test_another_plan_has_another_digest(changed: list[dict[str, Any]]) -> None:
    """Steps, inputs before and after, images, options, the stack."""
    assert of(web(memory=512)) != of(*changed)


def test_another_server_is_another_plan() -> None:
    """The same steps elsewhere are something else."""
    assert of(web(), config={"docker:host": "ssh://a"}) != of(web(), config={"docker:host": "ssh://b"})
    assert of(web(), config={"shop:webReplicas": "2"}) == of(web())
