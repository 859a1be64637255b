"""Short ways to write goals and states."""

from typing import Any

from engine.model import PROVIDER_PREFIX, STACK_TYPE, Goal, State, make_urn
from engine.planner import Planner

STACK = make_urn(stack="dev", project="shop", parent="", type_=STACK_TYPE, name="shop-dev")
PROVIDER = f"urn:pulumi:dev::shop::{PROVIDER_PREFIX}docker::default_5_2_0"
CONTAINER, NETWORK = "docker:index/container:Container", "docker:index/network:Network"
VOLUME, COMMAND = "docker:index/volume:Volume", "command:local:Command"


def urn(type_: str, name: str) -> str:
    return make_urn(stack="dev", project="shop", parent=STACK, type_=type_, name=name)


def goal(type_: str, name: str, inputs: dict[str, Any] | None = None, **options: Any) -> Goal:
    custom = options.pop("custom", True)
    urn_ = options.pop("urn", urn(type_, name))
    return Goal(urn=urn_, type=type_, custom=custom, inputs=inputs or {}, parent=STACK, **options)


def container(name: str, inputs: dict[str, Any] | None = None, **options: Any) -> Goal:
    return goal(CONTAINER, name, {"image": "base", "name": name, **(inputs or {})}, **options)


def planner(states: list[State], **options: Any) -> Planner:
    return Planner(states=states, unique=lambda: "abc1234", **options)


def recorded(*goals: Goal) -> list[State]:
    """The states that a first run would leave for `goals`."""
    states = []
    first = planner([])
    for number, wanted in enumerate(goals):
        new = first.plan(wanted)[-1].state
        id_ = f"id-{number}" if wanted.custom else ""
        states.append(State(**{**new.__dict__, "id": id_, "outputs": {**new.inputs, "id": id_}}))
    return states


def plan_text(states: list[State], *goals: Goal, ending: bool = True, **options: Any) -> str:
    """The whole plan as text, one step a line."""
    subject = planner(states, **options)
    steps = [step for wanted in goals for step in subject.plan(wanted)]
    steps += subject.plan_deletes() if ending else []
    return "\n".join(str(step) for step in steps)
