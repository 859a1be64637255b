"""Policies in the program itself: all that it declares is judged before the first of it is sent."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_docker as docker
import pytest

import preflight
from preflight.policies import plain
from tests.unit.program import PROJECT, committed, declare, set_config
from tests.unit.program import SECRETS as GIVEN
from tests.unit.recording import Declarations, record

PINNED = f"redis:8@sha256:{'a' * 64}"


class Part(pulumi.ComponentResource):
    """A component of a team's own."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("team:index:Part", name, {}, opts)


def cache(name: str = "cache", opts: pulumi.ResourceOptions | None = None, **changes: Any) -> docker.Container:
    """A container that keeps all policies, unless changed."""
    given: dict[str, Any] = {"name": f"shop-prod-{name}", "image": PINNED, "memory": 64, "cpus": "0.5"}
    return docker.Container(name, **{**given, **changes}, opts=opts)


def enforced(
    program: Callable[[], object], *, stack: str = "prod", silenced: dict[str, str] | None = None
) -> Declarations:
    """What a program declares under the policies of a stack; a refusal passes through, with what was sent in it."""
    sent = Declarations()

    def whole() -> None:
        set_config(GIVEN | {"silencedChecks": silenced or {}, "siteHosts": ["a.example"]})
        from settings import load  # noqa: PLC0415 - it reads the config that has just been set

        preflight.enforce(load())
        program()

    try:
        return record(whole, stack=stack, project=PROJECT, into=sent)
    except preflight.PolicyError as refusal:
        refusal.add_note(json.dumps(sorted(sent.all)))
        raise


def refusal(program: Callable[[], object], **options: Any) -> list[str]:
    """The lines of a refusal before which nothing was sent."""
    with pytest.raises(preflight.PolicyError) as refused:
        enforced(program, **options)
    assert refused.value.__notes__ == ["[]"]
    first, *lines = str(refused.value).split("\n  ")
    assert first == "the program declares what no stack may have:"
    return lines


def violating() -> None:
    """Breaks a policy with each of its resources, the first and the last."""
    part = Part("part")
    child = pulumi.ResourceOptions(parent=part)
    cache("open", child, ports=[docker.ContainerPortArgs(internal=6379, external=16379)])
    cache("endless", child, memory=None)
    cache("loose", child, image="redis:8")
    cache("told", child, envs=["API_TOKEN=abc"])
    docker.Volume("things", name="shop-prod-things", opts=child)


def test_a_program_that_breaks_policies_is_refused_before_anything_is_sent() -> None:
    """With every violation: id, resource, what is wrong, what to do."""
    told = refusal(violating)
    assert [line.split()[0] for line in told] == [
        "policy.E001",
        "policy.E002",
        "policy.E003",
        "policy.E005",
        "policy.E007",
    ]
    assert told[0].startswith("policy.E001 container shop-prod-open: must publish no port, as it is a database's")
    assert "(got 0.0.0.0:16379 to 6379)." in told[0]
    assert told[1] == (
        "policy.E002 container shop-prod-endless: must have limits of memory and CPU (got no memory)."
        " Set its memory and cpus."
    )
    assert "volume shop-prod-things: must be kept" in told[3]


def test_a_program_that_keeps_them_goes_on() -> None:
    """Everything is sent, and depends on nothing more than without them."""
    sent = enforced(lambda: cache("a", pulumi.ResourceOptions(depends_on=[cache("b")])))
    assert sent.all.keys() == {"Container a", "Container b"}
    assert sent.all["Container a"].depends_on == ("Container b",)


def test_the_committed_program_keeps_them() -> None:
    """In production; it passes the gate itself."""
    assert len(declare(committed("prod"), stack="prod").of("Container")) >= 6


def test_a_limit_that_is_taken_away_from_all_containers_is_told_of_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a component is changed; replicas once."""
    made = docker.Container

    def unlimited(*words: Any, memory: Any = None, **given: Any) -> docker.Container:
        del memory
        return made(*words, **given)

    monkeypatch.setattr("components.container.docker.Container", unlimited)
    with pytest.raises(preflight.PolicyError) as refused:
        declare(committed("prod"), stack="prod")
    assert str(refused.value).count("policy.E002") == 4
    assert "(and 3 like it): must have limits of memory and CPU (got no memory)" in str(refused.value)


def test_a_policy_is_silenced_by_id_and_with_a_reason() -> None:
    """Like any other check."""
    silenced = {"policy.E003": "it follows its tag on purpose"}
    assert "policy.E003" not in "".join(refusal(violating, silenced=silenced))
    assert enforced(lambda: cache(image="redis:8"), silenced=silenced).all


def test_what_is_only_a_warning_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is shown."""
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", told.append)
    sent = enforced(lambda: docker.RemoteImage("base", name="python:3.13"))
    assert sent.all
    [line] = told
    assert line == (
        "policy.W004 base image python:3.13: must be named by digest (got a tag, which may move)."
        " Run ./ops pin, or name it by digest, name:tag@sha256:…."
    )


def test_protection_may_come_from_a_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Pulumi has it."""
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", told.append)

    def program(*, protect: bool) -> None:
        part = Part("part", pulumi.ResourceOptions(protect=protect))
        docker.Volume("v", name="shop-prod-v", opts=pulumi.ResourceOptions(parent=part, retain_on_delete=True))

    enforced(lambda: program(protect=True))
    assert told == []
    enforced(lambda: program(protect=False))
    assert [line.split()[0] for line in told] == ["policy.W006"]


def test_a_variable_that_is_a_secret_output_is_refused() -> None:
    """Though its value is known only later: its container is never sent."""
    key = pulumi.Output.secret
    with pytest.raises(preflight.PolicyError, match="got a variable that is secret"):
        enforced(lambda: cache(envs=[pulumi.Output.concat("HARMLESS=", key("abc"))]))


def test_a_variable_made_from_another_resource_is_judged_when_it_is_known() -> None:
    """By its name, as if it had been plain."""

    def program(name: str) -> None:
        other = docker.Volume("v", name="shop-prod-sockets")
        cache(envs=[pulumi.Output.concat(f"{name}=", other.name)])

    assert len(enforced(lambda: program("VOLUME")).all) == 2
    with pytest.raises(preflight.PolicyError, match="got API_TOKEN"):
        enforced(lambda: program("API_TOKEN"))


def test_what_is_declared_late_is_judged_by_itself() -> None:
    """As after a call that waits for an answer of a provider."""

    def late(_: str) -> None:
        cache("late", memory=None)

    def program() -> None:
        docker.Volume("v", name="shop-prod-sockets").name.apply(late)

    with pytest.raises(preflight.PolicyError, match="container shop-prod-late"):
        enforced(program)


def test_properties_are_read_in_whatever_form_they_are_declared() -> None:
    """Typed arguments, dictionaries in either spelling, and what is not known."""
    assert plain(docker.ContainerPortArgs(internal=1, ip="127.0.0.1")) == {"internal": 1, "ip": "127.0.0.1"}
    assert plain([{"volume_name": "a"}, {"volumeName": "b"}]) == [{"volumeName": "a"}, {"volumeName": "b"}]
