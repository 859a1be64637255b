"""Steps that are commands: docker commands, and the steps of a release."""

import dataclasses
from pathlib import Path

import pulumi
import pytest

from components.spec import Placement
from components.step import docker_command, docker_run, docker_words, release_step
from tests.unit.components.specs import FULL, SPEC
from tests.unit.program import ROOT
from tests.unit.recording import Declared, record

PLACEMENT = Placement(prefix="shop-dev")
REMOVED = "docker rm --force shop-dev-cache >/dev/null 2>&1; "


def step(placement: Placement = PLACEMENT, *, again: str = "") -> Declared:
    """A docker command as it is declared."""
    return record(lambda: docker_command("step", "docker ps", pulumi.ResourceOptions(), placement, again=again)).all[
        "Command step"
    ]


def of_release(placement: Placement = PLACEMENT, *, again: str = "") -> Declared:
    """A step of a release as it is declared."""

    def program() -> None:
        words = ["ready", "a b", "--pids=5"]
        release_step("step", words, pulumi.ResourceOptions(), placement, again=again, environment={"PLAN": "{}"})

    return record(program).all["Command step"]


def test_a_docker_command_uses_dockers_own_default_engine() -> None:
    """No DOCKER_HOST is set where the stack names no engine, so that contexts keep their meaning."""
    assert dict(step().inputs) == {"create": "docker ps"}


def test_a_docker_command_goes_to_the_engine_that_the_stack_names() -> None:
    """And runs again when what it is for is another."""
    declared = step(dataclasses.replace(PLACEMENT, docker_host="ssh://server"), again="container-1")
    assert declared.inputs["environment"] == {"DOCKER_HOST": "ssh://server", "AGAIN_FOR": "container-1"}


def test_a_step_of_a_release_is_run_by_the_python_that_runs_the_program() -> None:
    """Its words are quoted for a shell; it gets nothing but what it is given."""
    declared = of_release()
    assert dict(declared.inputs) == {
        "create": ".venv/bin/python -m release ready 'a b' --pids=5",
        "environment": {"PLAN": "{}"},
    }


def test_a_step_of_a_release_goes_to_the_engine_that_the_stack_names() -> None:
    """With another Python, if the program says so; again for another container."""
    placement = dataclasses.replace(PLACEMENT, docker_host="ssh://server", python="python3.12")
    declared = of_release(placement, again="x")
    assert declared.inputs["create"].startswith("python3.12 -m release ")
    assert declared.inputs["environment"] == {"DOCKER_HOST": "ssh://server", "AGAIN_FOR": "x", "PLAN": "{}"}


def test_a_program_elsewhere_finds_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder does not hold them; the path is relative, so that two clones declare the same."""
    monkeypatch.chdir(tmp_path)
    found = of_release().inputs["environment"]["PYTHONPATH"]
    assert not Path(found).is_absolute()
    assert (tmp_path / found).resolve() == ROOT


def test_docker_run_words_a_container_that_is_hardened_alike() -> None:
    """The whole command line, quoted for a shell; what an interrupted run has left is taken away first."""
    spec = dataclasses.replace(FULL, networks={"shop-dev-data": []}, ports=[], init=False)
    assert docker_run(spec, interactive=True) == REMOVED + (
        "docker run --rm --pull=never --name=shop-dev-cache --interactive --no-healthcheck"
        " --label=django-stack.release=abc --label=django-stack.role=cache --label=django-stack.stack=shop-dev"
        " --cpus=0.5 --memory=128m --memory-swap=128m --pids-limit=30 --ulimit=nofile=16384:16384 --user=10009:10000"
        " --read-only --cap-drop=ALL --security-opt=no-new-privileges:true"
        " --tmpfs=/run:size=1m,mode=1777 --tmpfs=/tmp:size=16m,mode=1777"
        " --volume=shop-dev-cache:/data --volume=shop-dev-ro:/ro:ro"
        " '--env=A=one two' --env=B=2 --network=shop-dev-data --entrypoint=cache"
        """ shop-dev/cache:0123456789ab -v serve --text 'it'"'"'s $HOME'"""
    )


def test_docker_run_leaves_out_what_the_spec_does_not_say() -> None:
    """An image's own entrypoint and command; a network only if one is named."""
    assert docker_run(SPEC).endswith(" --security-opt=no-new-privileges:true shop-dev/cache:0123456789ab")
    joined = dataclasses.replace(SPEC, network_mode="container:shop-dev-edge")
    assert docker_run(joined).endswith(" --network=container:shop-dev-edge shop-dev/cache:0123456789ab")


def test_the_words_of_docker_run_take_flags_and_an_init() -> None:
    """For a container that goes on in the background."""
    words = docker_words(dataclasses.replace(SPEC, init=True), "--detach")
    assert words[:6] == ["docker", "run", "--rm", "--pull=never", "--name=shop-dev-cache", "--detach"]
    assert words[-2:] == ["--init", "shop-dev/cache:0123456789ab"]
