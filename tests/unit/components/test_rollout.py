"""How releases go live: the container in which the steps look at sockets and ask through Nginx."""

import shlex

import pytest

from release.plan import Plan
from tests.unit.components.around import around
from tests.unit.recording import record


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The plan of a release of two replicas."""
    plans: list[Plan] = []

    def program() -> None:
        rollout = around()["rollout"]
        plans.append(rollout.plan(release="0123456789", replicas=["a", "b"], sockets=["1", "2"], record={"x": 1}))

    record(program)
    return plans[0]


def test_a_plan_is_of_one_release(plan: Plan) -> None:
    """Whatever it is."""
    assert (plan.release, plan.replicas, plan.sockets, plan.record) == ("0123456789", ("a", "b"), ("1", "2"), {"x": 1})


def test_the_tools_are_where_the_published_ports_are(plan: Plan) -> None:
    """In the holder's network, hardened like all others, in the background until they are removed."""
    words = list(plan.tools)
    assert words[:6] == ["docker", "run", "--rm", "--pull=never", "--name=shop-prod-tools", "--detach"]
    assert words[-2:] == ["--network=container:shop-prod-edge", "shop-prod/python:0123456789ab"]
    assert {"--read-only", "--cap-drop=ALL", "--init", "--user=10002:10000"} <= set(words)


def test_the_tools_write_slots_and_ledger_alone(plan: Plan) -> None:
    """Sockets and static files are there to be looked at."""
    volumes = [word.partition("=")[2] for word in plan.tools if word.startswith("--volume=")]
    assert volumes == [
        "shop-prod-slots:/run/slots",
        "shop-prod-sockets:/run/web:ro",
        "shop-prod-static:/srv/static:ro",
        "shop-prod-ledger:/var/lib/ledger",
    ]


def test_the_tools_hold_no_secret(plan: Plan) -> None:
    """Neither a mount of them nor a variable."""
    assert "secrets" not in shlex.join(plan.tools)
    assert "--env" not in shlex.join(plan.tools)
