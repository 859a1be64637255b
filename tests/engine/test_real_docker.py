"""The engine on a real Docker Engine: crashes, failures and what the user reads of them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.crash_exam import KINDS, CrashExam
from tests.engine.dying_docker import DyingDocker
from tests.engine.real_docker import (
    docker,
    embedded,
    engine_environment,
    ensure_base_image,
    left_over,
    new_project,
    remove_all,
)

pytestmark = pytest.mark.e2e
HEAD = "import pulumi\nimport pulumi_docker as docker\nfrom pulumi_command import local\n"


@pytest.fixture(scope="module", autouse=True)
def base_image(tmp_path_factory: pytest.TempPathFactory) -> None:
    ensure_base_image(tmp_path_factory.mktemp("base"))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    remove_all("eng-test-")
    yield tmp_path / "project"
    remove_all("eng-test-")


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashExam]:
    made = CrashExam(tmp_path_factory.mktemp("crash") / "project")
    made.points("before-save")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("kind", "point", "fresh"),
    [
        ("after-call", 1, True),
        ("after-save", 3, True),
        ("after-call", 4, False),
        ("before-save", 5, False),
        ("before-call", 6, False),
    ],
)
def test_a_killed_engine_leaves_nothing_that_the_next_up_cannot_mend(
    exam: CrashExam, kind: str, point: int, fresh: bool
) -> None:
    """Five points of the fifty and more that the exam has; no orphan, no lost state, no half-written file."""
    assert kind in KINDS
    exam.trial(kind, point, fresh=fresh)


def test_a_failed_build_shows_the_step_and_its_last_lines(folder: Path) -> None:
    """And a base image that cannot be had says what to do."""
    body = (
        "docker.Image('app', image_name='eng-test-app:1', skip_push=True, build=docker.DockerBuildArgs(context='.'))\n"
    )
    project = new_project(folder, "builds", HEAD + body)
    engine = embedded(project)
    (project / "Dockerfile").write_text("FROM eng-base:1\nRUN echo one && echo the-reason && false\n")
    failed = engine.run("up", "--yes", "--skip-preview", expect=1)
    assert "the step '[2/2] RUN echo one && echo the-reason && false' failed" in failed.out
    assert "    the-reason" in failed.out
    (project / "Dockerfile").write_text("FROM eng-no-such-image:1\n")
    failed = engine.run("up", "--yes", "--skip-preview", expect=1)
    assert "The base image can neither be found on this host nor pulled" in failed.out


def test_an_image_that_cannot_be_pulled_is_explained(folder: Path) -> None:
    """Its name, the registry's answer and the cure."""
    body = "docker.Container('web', name='eng-test-web', image='127.0.0.1:8319/eng-no-such:1')\n"
    failed = embedded(new_project(folder, "pulls", HEAD + body)).run("up", "--yes", "--skip-preview", expect=1)
    assert "the image 127.0.0.1:8319/eng-no-such:1 cannot be pulled from 127.0.0.1:8319: " in failed.out
    assert "docker load" in failed.out


def test_a_docker_that_is_not_there_is_told_with_the_cure(folder: Path) -> None:
    """The resource, the address and what to do."""
    project = new_project(folder, "away", HEAD + "docker.Volume('v', name='eng-test-v')\n")
    engine = embedded(project)
    engine.environment = {"DOCKER_HOST": f"unix://{folder}/nothing.sock"}
    assert engine.run("preview").code == 0
    failed = engine.run("up", "--yes", "--skip-preview", expect=1)
    assert "docker:index:Volume (v):" in failed.out
    assert "does not answer" in failed.out
    assert "Start Docker, or set DOCKER_HOST to where it runs." in failed.out


def test_a_taken_port_fails_and_leaves_the_container_in_the_state(folder: Path) -> None:
    """So that nothing is orphaned: the next `up` replaces it."""
    web = "docker.Container('{0}', name='eng-test-{0}', image='eng-base:1', command=['sleep', '1000000'], init=True, "
    web += "ports=[docker.ContainerPortArgs(internal=80, external={1}, ip='127.0.0.1')])\n"
    docker(
        "run", "-d", "--init", "--name", "eng-test-other", "-p", "127.0.0.1:8318:80", "eng-base:1", "sleep", "1000000"
    )
    project = new_project(folder, "ports", HEAD + web.format("web", 8318))
    engine = embedded(project)
    assert "port is already allocated" in engine.run("up", "--yes", "--skip-preview", expect=1).out
    docker("rm", "-f", "eng-test-other")
    engine.run("up", "--yes", "--skip-preview", expect=0)
    assert docker("inspect", "-f", "{{.State.Running}}", "eng-test-web") == "true"
    engine.run("destroy", "--yes", expect=0)


def test_two_updates_at_once_have_one_writer(folder: Path) -> None:
    """The second is refused, and the first ends as if it had been alone."""
    project = new_project(folder, "races", HEAD + "local.Command('slow', create='sleep 2')\n")
    engine = embedded(project)
    command = [*engine.command, "up", "--yes", "--skip-preview"]
    environment = {**os.environ, **engine_environment(project)}
    running = [
        subprocess.Popen(
            command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    outputs = [process.communicate()[0] for process in running]
    codes = sorted(process.returncode for process in running)
    assert codes == [0, 1], outputs
    assert sum("currently locked by 1 lock(s)" in output for output in outputs) == 1


def test_a_docker_that_dies_in_the_middle_leaves_no_orphan(folder: Path, tmp_path: Path) -> None:
    """The error names the resource and the cure; the container that was made all the same is found by its name."""
    body = "docker.Container('web', name='eng-test-web', image='eng-base:1', command=['sleep', '1000000'], init=True)\n"
    engine = embedded(new_project(folder, "dies", HEAD + body))
    path = tmp_path / "dying.sock"
    engine.environment = {"DOCKER_HOST": f"unix://{path}"}
    dying = DyingDocker(path)
    failed = engine.run("up", "--yes", "--skip-preview", expect=1)
    dying.close()
    assert "docker:index:Container (web):" in failed.out
    assert "does not answer" in failed.out
    assert "the state is kept" in failed.out
    assert left_over("eng-test-") == ["eng-test-web"]
    engine.environment = {}
    engine.run("up", "--yes", "--skip-preview", expect=0)
    engine.run("refresh", "--preview-only", "--expect-no-changes", expect=0)
    engine.run("destroy", "--yes", expect=0)
    assert left_over("eng-test-") == []
