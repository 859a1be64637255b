"""Golden plans: recorded states and goals in, steps with causes out."""

import time
from dataclasses import replace
from textwrap import dedent

import pytest

from engine.errors import EngineError, UnsupportedError
from engine.model import Op
from engine.planner import covers, deletion_waves, keep_ignored
from engine.values import UNKNOWN, Secret
from tests.engine.builders import (
    COMMAND,
    CONTAINER,
    NETWORK,
    STACK,
    VOLUME,
    container,
    goal,
    plan_text,
    planner,
    recorded,
    urn,
)


def expect(text: str) -> str:
    return dedent(text).strip()


def test_a_first_run_creates_what_the_program_declares() -> None:
    """Everything is created, and the cause says that it is new."""
    assert plan_text([], goal(NETWORK, "net", {"name": "n"}), container("web")) == expect("""
        create net: it is new in the program
        create web: it is new in the program
    """)


def test_an_unchanged_program_changes_nothing() -> None:
    """The same goals over what they left are all the same."""
    goals = [goal(VOLUME, "data", {"name": "d"}), container("web", {"envs": ["A=1"]})]
    assert plan_text(recorded(*goals), *goals) == expect("""
        same data: nothing changed
        same web: nothing changed
    """)


def test_what_the_program_no_longer_has_is_deleted_in_reverse_order() -> None:
    """Deletions come last, the newest resource first."""
    states = recorded(goal(NETWORK, "net", {"name": "n"}), goal(VOLUME, "data", {"name": "d"}), container("web"))
    assert plan_text(states, container("web")) == expect("""
        same web: nothing changed
        delete data: the program no longer has it
        delete net: the program no longer has it
    """)


def test_a_limit_changes_a_container_in_place() -> None:
    """Memory is among the few things that Docker changes on a running container."""
    states = recorded(container("web", {"memory": 64, "memorySwap": 64}))
    assert plan_text(states, container("web", {"memory": 80, "memorySwap": 80})) == (
        "update web: memory changed: 64 → 80; memorySwap changed: 64 → 80"
    )


def test_an_image_replaces_a_container_which_is_deleted_first() -> None:
    """A container's name is unique, so the old one goes before the new one comes."""
    states = recorded(container("web", {"image": "sha256:" + "a" * 64}))
    assert plan_text(states, container("web", {"image": "sha256:" + "b" * 64})) == expect("""
        delete-replaced web: image changed: sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb
        replace web: image changed: sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb
        create-replacement web: image changed: sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb
    """)


def test_create_before_delete_can_be_asked_for() -> None:
    """With delete_before_replace=False the old container is deleted last."""
    states = recorded(container("web"))
    changed = container("web", {"user": "1000"}, delete_before_replace=False)
    assert plan_text(states, changed) == expect("""
        replace web: user is now 1000
        create-replacement web: user is now 1000
        delete-replaced web: its replacement is in place
    """)


def test_what_depends_by_property_goes_first_and_comes_back() -> None:
    """Replacing a network replaces the container that joins it, but not one that only follows it."""
    joined = {"networksAdvanced": [{"name": "n"}]}
    by_property = {"networksAdvanced": (urn(NETWORK, "net"),)}
    web = container("web", joined, property_dependencies=by_property, dependencies=(urn(NETWORK, "net"),))
    other = container("other", dependencies=(urn(NETWORK, "net"),))
    states = recorded(goal(NETWORK, "net", {"name": "n"}), web, other)
    assert plan_text(states, goal(NETWORK, "net", {"name": "n", "internal": True}), web, other) == expect("""
        delete-replaced web: net is replaced first, and networksAdvanced needs it
        delete-replaced net: internal is now true
        replace net: internal is now true
        create-replacement net: internal is now true
        replace web: net is replaced first, and networksAdvanced needs it
        create-replacement web: net is replaced first, and networksAdvanced needs it
        same other: nothing changed
    """)


def test_a_command_with_new_triggers_is_replaced_and_one_with_a_new_text_updated() -> None:
    """Triggers replace; every other input runs the command again in place."""
    states = recorded(goal(COMMAND, "a", {"create": "x", "triggers": [1]}), goal(COMMAND, "b", {"create": "x"}))
    assert plan_text(
        states, goal(COMMAND, "a", {"create": "x", "triggers": [2]}), goal(COMMAND, "b", {"create": "y"})
    ) == expect("""
        replace a: triggers[0] changed: 1 → 2
        create-replacement a: triggers[0] changed: 1 → 2
        update b: create changed: x → y
        delete-replaced a: its replacement is in place
    """)


def test_an_unknown_value_may_change() -> None:
    """What only the update will know is told as such."""
    states = recorded(container("web", {"networkMode": "container:x"}))
    text = plan_text(states, container("web", {"networkMode": UNKNOWN}), ending=False)
    assert text.splitlines()[-1] == "create-replacement web: networkMode may change"


def test_a_secret_never_stands_in_a_cause() -> None:
    """A changed secret is told as changed."""
    states = recorded(container("web", {"envs": Secret(["PW=old-pw"])}))
    text = plan_text(states, container("web", {"envs": Secret(["PW=new-pw"])}))
    assert "envs" in text
    assert "-pw" not in text


def test_a_failed_creation_is_replaced() -> None:
    """A container that never became healthy is made anew, whatever its inputs."""
    [state] = recorded(container("web"))
    text = plan_text([replace(state, init_errors=("it was not healthy\nlog",))], container("web"))
    assert text.splitlines()[0] == "delete-replaced web: its last creation failed: it was not healthy"


def test_an_interrupted_replacement_goes_on() -> None:
    """The old one is gone already: only the creation is left."""
    [state] = recorded(container("web"))
    assert plan_text([replace(state, pending_replacement=True)], container("web")) == expect("""
        replace web: the last update ended before its replacement was made
        create-replacement web: the last update ended before its replacement was made
    """)


def test_a_leftover_of_an_earlier_replacement_is_deleted_at_the_end() -> None:
    """A failed update leaves the old one marked; the next good one deletes it."""
    [state] = recorded(container("web"))
    states = [state, replace(state, id="old", delete=True)]
    assert plan_text(states, container("web")) == expect("""
        same web: nothing changed
        delete-replaced web: its replacement is in place
    """)


def test_an_alias_takes_over_the_old_state() -> None:
    """A renamed resource is the same one."""
    states = recorded(container("old", {"name": "fixed"}))
    renamed = container("new", {"name": "fixed"}, aliases=(urn(CONTAINER, "old"),))
    assert plan_text(states, renamed) == "same new: nothing changed"


def test_a_component_with_other_inputs_is_updated() -> None:
    """Nothing acts on it; its new inputs are recorded, as the CLI does."""
    first, second = (goal("shop:index:Site", "site", {"replicas": number}, custom=False) for number in (1, 2))
    assert plan_text(recorded(first), second) == "update site: replicas changed: 1 → 2"


def test_a_generated_name_is_kept_until_a_replacement() -> None:
    """The name stays over updates; a replacement gets a new one, so both can exist."""
    states = recorded(goal(CONTAINER, "web", {"image": "base"}))
    assert states[0].inputs["name"] == "web-abc1234"
    kept = planner(states)
    kept.unique = lambda: "fff0000"
    [step] = kept.plan(goal(CONTAINER, "web", {"image": "base", "memory": 5}))
    assert step.state.inputs["name"] == "web-abc1234"
    fresh = planner(states)
    fresh.unique = lambda: "fff0000"
    assert fresh.plan(goal(CONTAINER, "web", {"image": "other"}))[-1].state.inputs["name"] == "web-fff0000"


@pytest.mark.parametrize("change", [{"name": "d2"}, None])
def test_a_protected_resource_is_neither_replaced_nor_deleted(change: dict[str, str] | None) -> None:
    """Both are refused while planning, before anything is done."""
    states = recorded(goal(VOLUME, "data", {"name": "d"}, protect=True))
    goals = [goal(VOLUME, "data", change)] if change else []
    with pytest.raises(EngineError, match="because it is protected"):
        plan_text(states, *goals)


def test_taking_protect_off_allows_the_replacement() -> None:
    """The program's word counts."""
    states = recorded(goal(VOLUME, "data", {"name": "d"}, protect=True))
    assert "replace data" in plan_text(states, goal(VOLUME, "data", {"name": "e"}, protect=False))


def test_a_retained_resource_is_forgotten_and_left_alone() -> None:
    """retain_on_delete takes it out of the state only."""
    steps = planner(recorded(goal(VOLUME, "data", {"name": "d"}, retain_on_delete=True))).plan_deletes()
    assert [(step.op, step.retained) for step in steps] == [(Op.DELETE, True)]


def test_ignored_changes_keep_the_old_value() -> None:
    """ignore_changes holds for whole properties and for paths into them."""
    states = recorded(container("web", {"memory": 5, "healthcheck": {"interval": "5s", "timeout": "1s"}}))
    changed = {"memory": 9, "healthcheck": {"interval": "9s", "timeout": "1s"}}
    ignoring = container("web", changed, ignore_changes=("memory", "healthcheck.interval"))
    assert plan_text(states, ignoring) == "same web: nothing changed"
    with pytest.raises(UnsupportedError, match="ignore_changes"):
        keep_ignored({}, {}, ["a[*]"])


def test_replace_on_changes_turns_an_update_into_a_replacement() -> None:
    """The shield against changes that Docker cannot make on an existing container."""
    states = recorded(container("web", {"healthcheck": {"interval": "5s"}}))
    changed = container("web", {"healthcheck": {"interval": "9s"}}, replace_on_changes=("healthcheck",))
    assert "create-replacement web: healthcheck.interval changed" in plan_text(states, changed)


def test_targets_leave_everything_else_alone() -> None:
    """What is no target keeps its state, changed or not, in the program or not."""
    states = recorded(container("a"), container("b"), container("c"))
    goals = [container("a", {"memory": 5}), container("b", {"memory": 5})]
    assert plan_text(states, *goals, targets=frozenset({urn(CONTAINER, "b")})) == expect("""
        same a: it is not a --target
        update b: memory is now 5
    """)


def test_what_is_no_target_takes_over_its_new_name_and_no_more() -> None:
    """An alias takes effect, so that what refers to the new name finds it."""
    states = recorded(container("old"))
    new = container("old", {"image": "other"}, urn=urn(CONTAINER, "new"), aliases=(states[0].urn,))
    [step] = planner(states, targets=frozenset({STACK})).plan(new)
    assert (step.op, step.state) == (Op.SAME, replace(states[0], urn=new.urn))


def test_a_target_is_not_deleted_from_under_another_resource() -> None:
    """The error names what still depends on it."""
    net = urn(NETWORK, "net")
    states = recorded(goal(NETWORK, "net", {"name": "n"}), container("web", dependencies=(net,)))
    with pytest.raises(EngineError, match=r"web depends on a --target.*Add --target"):
        planner(states, targets=frozenset({net})).plan_deletes()


def test_one_urn_cannot_be_registered_twice() -> None:
    """As the CLI says it."""
    with pytest.raises(EngineError, match=r"Duplicate resource URN .*try giving it a unique name"):
        plan_text([], container("web"), container("web"))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (goal("docker:index/service:Service", "s"), "resource type docker:index/service:Service is not supported"),
        (container("web", {"gpus": "all"}), "property 'gpus' is not supported"),
        (goal("pulumi:providers:aws", "aws"), "provider 'aws' is not supported"),
        (goal("pulumi:providers:docker", "d", {"certPath": "x"}), "setting docker:certPath is not supported"),
        (goal(COMMAND, "c", {"assetPaths": ["x"]}), "property 'assetPaths' is not supported"),
    ],
)
def test_what_is_outside_the_bounds_is_refused_by_name(wanted: object, message: str) -> None:
    """The name of the resource and of what is not supported stand in the error."""
    with pytest.raises(UnsupportedError, match=message):
        plan_text([], wanted)  # type: ignore[arg-type]


def test_deletions_run_in_waves_after_what_depends_on_them() -> None:
    """Independent ones share a wave; the stack comes last."""
    net = urn(NETWORK, "net")
    stack = goal("pulumi:pulumi:Stack", "shop-dev", custom=False, urn=STACK)
    states = recorded(
        replace(stack, parent=""),
        goal(NETWORK, "net", {"name": "n"}),
        container("a", dependencies=(net,)),
        container("b", dependencies=(net,)),
    )
    waves = deletion_waves(planner(states).plan_deletes())
    assert [sorted(step.state.name for step in wave) for wave in waves] == [["a", "b"], ["net"], ["shop-dev"]]


def test_paths_cover_what_they_name() -> None:
    """`triggers[*]` covers each trigger, a property covers everything in it."""
    assert covers("triggers[*]", "triggers[3]")
    assert covers("healthcheck", "healthcheck.interval")
    assert covers("healthcheck.interval", "healthcheck")
    assert not covers("healthcheck.timeout", "healthcheck.interval")


def test_a_thousand_resources_are_planned_in_under_a_second() -> None:
    """Planning is linear and cheap."""
    goals = [container(f"web-{number}", {"envs": [f"N={number}"], "memory": 64}) for number in range(1000)]
    states = recorded(*goals)
    began = time.process_time()
    text = plan_text(states, *goals)
    elapsed = time.process_time() - began
    assert text.count("same") == 1000
    assert elapsed < 1.0
