"""The seam to Docker: what becomes of a command, and of what it prints."""

import json
import os
from pathlib import Path

import pytest

from release import docker_cli
from release.docker_cli import DockerCli, inspect, labelled, last_lines
from release.errors import DockerError
from tests.unit.release.fake_docker import FakeContainer, FakeDocker


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker command that is a shell script of the test's own."""
    program = tmp_path / "docker"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    program.touch(mode=0o755)
    return program


def write(program: Path, script: str) -> None:
    """Have the command do this."""
    program.write_text(f"#!/bin/sh\n{script}\n")


# The command


def test_a_command_gives_its_standard_output(program: Path) -> None:
    """Of the very words that it was given, with what it was told on standard input."""
    write(program, 'printf "%s|" "$@"; cat; echo warning >&2')
    assert DockerCli()("exec", "a b", "$HOME", stdin="in") == "exec|a b|$HOME|in"


@pytest.mark.parametrize(("host", "engine"), [("ssh://server", "ssh://server"), ("", "unix:///here")])
def test_a_command_goes_to_the_engine_that_is_named(
    program: Path, monkeypatch: pytest.MonkeyPatch, host: str, engine: str
) -> None:
    """Else to the environment's own."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///here")
    write(program, "echo $DOCKER_HOST")
    assert DockerCli(host)("ps") == f"{engine}\n"


def test_standard_input_is_empty_if_nothing_is_given(program: Path) -> None:
    """A command that reads does not wait for a person."""
    write(program, "cat; echo end")
    assert DockerCli()("exec") == "end\n"


def test_a_log_is_both_of_its_streams(program: Path) -> None:
    """In their order."""
    write(program, "echo 1; echo 2 >&2; echo 3")
    assert DockerCli()("logs", both=True) == "1\n2\n3\n"


def test_a_failure_has_dockers_last_words(program: Path) -> None:
    """And the beginning of the command; not all of it, as that may be long."""
    write(program, "echo out; echo 'No such image: x' >&2; exit 1")
    with pytest.raises(DockerError) as failed:
        DockerCli()("run", "--rm", "x", "secret-looking")
    assert str(failed.value) == "docker run --rm x: No such image: x"


def test_a_failure_that_says_nothing_on_errors_has_its_output(program: Path) -> None:
    """Better than nothing."""
    write(program, "echo 'what happened'; exit 1")
    with pytest.raises(DockerError, match="docker ps: what happened"):
        DockerCli()("ps")


def test_a_failure_may_be_expected(program: Path) -> None:
    """Its output is what counts then."""
    write(program, "echo partly; exit 1")
    assert DockerCli()("image", check=False) == "partly\n"


def test_output_that_is_no_text_is_read_all_the_same(program: Path) -> None:
    """A site may log any bytes."""
    write(program, r"printf '\377\303\244\n'")
    assert DockerCli()("logs") == "\ufffdä\n"


def test_a_command_that_does_not_end_is_an_error(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that hangs must not hang the deployment."""
    monkeypatch.setattr(docker_cli, "TIMEOUT_SECONDS", 0.05)
    write(program, "exec sleep 5")
    with pytest.raises(DockerError, match=r"^docker ps: no end after 0\.05 s\. Is the engine overloaded\?$"):
        DockerCli()("ps", check=False)


def test_a_stop_may_take_its_own_time_on_top(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests in flight may have more of it than any command."""
    monkeypatch.setattr(docker_cli, "TIMEOUT_SECONDS", 0.05)
    write(program, "sleep 0.2; echo stopped")
    assert DockerCli()("stop", "--time=5", "web") == "stopped\n"


# What it prints


def test_containers_are_inspected_in_their_order() -> None:
    """Those that exist."""
    docker = FakeDocker(FakeContainer(name="a"), FakeContainer(name="b"))
    assert [each["Name"] for each in inspect(docker, ["b", "gone", "a"])] == ["/b", "/a"]
    assert inspect(docker, ["gone"]) == []


def test_nothing_is_inspected_without_asking() -> None:
    """`docker inspect` of no names is an error."""
    docker = FakeDocker()
    docker.answer("inspect", DockerError("never"))
    assert inspect(docker, []) == []


@pytest.mark.parametrize(
    "words",
    [
        "[]\nError response from daemon: No such container: a",
        "[]\nError: No such container: a",
        "[]\nerror: no such object: a",
        "Warning: Permanently added 'server' to the list of known hosts.\n[]\nError: No such container: a",
    ],
)
def test_a_container_that_is_not_there_is_told_in_many_words(words: str) -> None:
    """Of several versions of Docker."""
    docker = FakeDocker()
    docker.answer("inspect", words)
    assert inspect(docker, ["a"]) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "[]\nCannot connect to the Docker daemon. Is it running?",
            "Cannot connect to the Docker daemon. Is it running?",
        ),
        ("error during connect: ssh: connect to host server port 22", "error during connect: ssh: connect to host"),
        ("[]\nError: No such container: ab", "Error: No such container: ab"),
        ("", ""),
    ],
)
def test_an_engine_that_does_not_answer_is_an_error(words: str, told: str) -> None:
    """Rather than an engine without containers."""
    docker = FakeDocker()
    docker.answer("inspect", words)
    with pytest.raises(DockerError) as failed:
        inspect(docker, ["a"])
    assert str(failed.value).startswith(f"docker inspect: {told}")


def test_warnings_around_what_was_found_do_no_harm() -> None:
    """They come from ssh, or from the docker command itself."""
    docker = FakeDocker()
    found = json.dumps([FakeContainer(name="a").inspected()], indent=4)
    docker.answer("inspect", f"WARNING: [x] is deprecated\n{found}\nWarning: bye")
    assert [each["Name"] for each in inspect(docker, ["a"])] == ["/a"]


def test_containers_are_found_by_stack_and_role() -> None:
    """Stopped ones too, and nobody else's."""
    docker = FakeDocker(
        FakeContainer(name="shop-prod-web-2", status="exited"),
        FakeContainer(name="shop-prod-web-1"),
        FakeContainer(name="shop-prod-nginx", role="nginx"),
        FakeContainer(name="shop-dev-web-1", stack="shop-dev"),
        FakeContainer(name="shop-prod-2-web-1", stack="shop-prod-2"),
    )
    asked: list[str] = []
    docker.on_call = asked.append
    assert labelled(docker, "shop-prod", "web") == ["shop-prod-web-1", "shop-prod-web-2"]
    assert asked == [
        "ps --all --format={{.Names}} --filter=label=django-stack.stack=shop-prod --filter=label=django-stack.role=web"
    ]


def test_the_end_of_a_log_is_asked_for() -> None:
    """And nothing is said of a container that is gone."""
    asked: list[str] = []
    docker = FakeDocker(FakeContainer(name="a", log="one\ntwo\n\n"))
    docker.on_call = asked.append
    assert last_lines(docker, "a", lines=7) == "one\ntwo"
    assert asked == ["logs --tail=7 a"]
