"""What goes wrong is said clearly, with its cure, and before anything is touched."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.deployment import Clone, Deployment

pytestmark = pytest.mark.e2e


@pytest.fixture
def config(dev: Deployment) -> Iterator[dict[str, str]]:
    """Config keys to set for one test; they are taken away again."""
    keys: dict[str, str] = {}
    yield keys
    for key in keys:
        dev.pulumi("config", "rm", key)
    dev.set(httpPort=str(dev.port))


def refused(dev: Deployment, *words: str) -> str:
    """What an `up` prints that must fail and leave every container as it is."""
    before = dev.ids()
    told = dev.up(*words, check=False)
    assert told.returncode != 0, told.stdout
    assert dev.ids() == before
    assert "Traceback" not in told.stdout + told.stderr
    return told.stdout + told.stderr


def test_several_config_errors_are_told_at_once(dev: Deployment, config: dict[str, str]) -> None:
    """Key, rule, value and cure of each; unknown keys with the nearest known one."""
    config |= {"webReplicas": "0", "webReplica": "2", "webMemoryMb": "100000000", "appPath": "docs"}
    dev.set(**config)
    told = refused(dev)
    assert "webReplicas: must be between 1 and 20 (got '0')" in told
    assert "webReplica: " in told
    assert "Did you mean webReplicas?" in told
    assert "webMemoryMb: must be between" in told


def test_folder_without_manage_py_is_refused(dev: Deployment, config: dict[str, str]) -> None:
    """The key, the path that was given, and what must be there."""
    config |= {"appPath": "docs"}
    dev.set(**config)
    told = refused(dev)
    assert "appPath: must be a folder that holds manage.py (got 'docs')" in told


def test_memory_smaller_than_a_worker_needs_is_refused(dev: Deployment, config: dict[str, str]) -> None:
    """The message has the figures."""
    config |= {"webMemoryMb": "128"}
    dev.set(**config)
    assert "webMemoryMb: must be at least" in refused(dev)


def test_more_cpus_than_the_server_has_are_refused(dev: Deployment, config: dict[str, str]) -> None:
    """Docker would refuse it half way; the check does before anything is touched."""
    config |= {"webCpus": "128"}
    dev.set(**config)
    assert "host.E006 webCpus: must be at most the server's" in refused(dev)


def test_taken_port_is_told_with_its_owner(dev: Deployment, config: dict[str, str]) -> None:
    """Whose process has the port, and which key to change."""
    with socket.create_server(("127.0.0.1", 18099)):
        config |= {"httpPort": "18099"}
        dev.set(**config)
        told = refused(dev)
    assert "host.E005 httpPort: 127.0.0.1:18099 must be free (got process " in told


def test_port_of_another_container_is_told_with_its_name(dev: Deployment, config: dict[str, str]) -> None:
    """A container is named rather than docker-proxy."""
    image = dev.containers("nginx")[0].attrs["Config"]["Image"]
    command = ["docker", "run", "--detach", "--rm", "--init", "--name=e2e-in-the-way", "--publish=127.0.0.1:18098:80"]
    subprocess.run([*command, "--entrypoint=sleep", image, "120"], check=True, capture_output=True)
    try:
        config |= {"httpPort": "18098"}
        dev.set(**config)
        assert "(got container e2e-in-the-way on it)" in refused(dev)
    finally:
        subprocess.run(["docker", "rm", "--force", "e2e-in-the-way"], check=True, capture_output=True)


def test_other_image_source_is_refused_on_data_that_is_there(dev: Deployment) -> None:
    """The data volume remembers what it was made with."""
    was = dev.pulumi("config", "get", "imagesFrom").stdout.strip()
    dev.set(imagesFrom="registry" if was == "debian" else "debian")
    told = refused(dev)
    dev.set(imagesFrom=was)
    assert f"data.E001 imagesFrom: must stay {was}" in told


TEAM = """
import pulumi_docker

port = pulumi_docker.ContainerPortArgs(internal=6379, external=18379)
pulumi_docker.Container("cache", name=f"{settings.prefix}-cache", image="redis:8", ports=[port])
"""


def test_program_that_breaks_policies_is_refused_with_all_that_it_breaks(dev: Deployment) -> None:
    """Code that would change too is not deployed; the state stays as it was, to the byte."""
    [state] = (dev.clone.path / ".state").rglob("stacks/*/dev.json")
    before = state.read_bytes()
    dev.clone.edit("__main__.py", 'pulumi.export("url"', f'{TEAM}\npulumi.export("url"')
    dev.clone.edit("sample/templates/base.html", "<title>", "<title>Refused: ")
    told = refused(dev)
    previewed = dev.pulumi("preview", check=False)
    dev.clone.edit("sample/templates/base.html", "<title>Refused: ", "<title>")
    dev.clone.edit("__main__.py", f'{TEAM}\npulumi.export("url"', 'pulumi.export("url"')
    assert previewed.returncode != 0
    for text in (told, previewed.stdout + previewed.stderr):
        broken = set(re.findall(r"(policy\.\w+) container e2e-dev-cache: must", text))
        assert broken == {"policy.E001", "policy.E002", "policy.E003"}
    assert state.read_bytes() == before


def test_failing_build_shows_its_step_and_last_lines(dev: Deployment) -> None:
    """The site that is there goes on; the message has the command and what it printed."""
    requirements = dev.clone.path / "sample" / "requirements.txt"
    good = requirements.read_text()
    requirements.write_text("no-such-package-anywhere==1.0\n")
    told = refused(dev)
    requirements.write_text(good)
    assert "pip install" in told
    assert "no-such-package-anywhere" in told
    assert dev.get("/health/").status_code == 200


def test_interrupted_update_is_finished_by_the_next(dev: Deployment) -> None:
    """Ctrl-C half way: it stops, says so, and the next `up` goes on from there."""
    dev.clone.edit("sample/templates/base.html", "<title>", "<title>Interrupted: ")
    command = ["./pulumiw", "up", "--yes", "--stack", "dev"]
    update = subprocess.Popen(
        command, cwd=dev.clone.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert update.stdout is not None
    for line in update.stdout:
        if "web-" in line and "creating" in line and "Container" in line:
            break
    os.killpg(update.pid, signal.SIGINT)
    update.communicate(timeout=120)
    assert update.returncode != 0
    assert dev.get("/health/").status_code == 200
    dev.up()
    assert "Interrupted: " in dev.get("/").text
    dev.pulumi("preview", "--expect-no-changes")
    dev.clone.edit("sample/templates/base.html", "<title>Interrupted: ", "<title>")
    dev.up()
    assert len(dev.containers("web")) == 2


def test_truncated_state_is_refused_and_left_alone(dev: Deployment) -> None:
    """The file is named, its backup too; nothing is deployed over it."""
    [state] = (dev.clone.path / ".state").rglob("stacks/*/dev.json")
    good = state.read_bytes()
    state.write_bytes(good[: len(good) // 2])
    told = refused(dev)
    assert state.read_bytes() == good[: len(good) // 2]
    state.write_bytes(good)
    assert "dev.json" in told
    dev.pulumi("preview", "--expect-no-changes")


def test_secret_in_clear_is_refused(dev: Deployment) -> None:
    """A secret that is not encrypted is told, and not printed."""
    kept = dev.pulumi("config", "get", "databasePassword").stdout.strip()
    dev.pulumi("config", "set", "--plaintext", "databasePassword", "in-clear-and-long-enough-to-pass")
    told = refused(dev)
    dev.pulumi("config", "set", "--secret", "databasePassword", stdin=kept)
    assert "databasePassword" in told
    assert "encrypted" in told
    assert "in-clear-and-long" not in told


def test_changed_secret_without_a_new_version_is_refused(dev: Deployment) -> None:
    """A running container would not notice it, and must find its own password; the message names the key to raise."""
    kept = dev.pulumi("config", "get", "databasePassword").stdout.strip()
    verifiers = "SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL ORDER BY 1"
    before = dev.sql(verifiers)
    dev.pulumi("config", "set", "--secret", "databasePassword", stdin="another-password-entirely-0123")
    told = dev.up(check=False)
    after = dev.sql(verifiers)
    dev.pulumi("config", "set", "--secret", "databasePassword", stdin=kept)
    dev.up()
    assert told.returncode != 0
    assert "Raise secretsVersion" in told.stdout + told.stderr
    assert before == after != ""
    assert dev.get("/health/").status_code == 200


def test_engine_that_does_not_answer_is_named(clone: Clone) -> None:
    """Where Docker was looked for, and what to do."""
    environment = os.environ | {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    told = clone.run("./pulumiw", "up", "--yes", "--stack", "dev", env=environment)
    assert told.returncode != 0
    assert "/nowhere/docker.sock" in told.stdout + told.stderr


def test_engine_without_permission_is_told_apart(clone: Clone, tmp_path: Path) -> None:
    """A user whom the socket does not let in is told so, and how to be let in."""
    path = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        os.chown(path, 65534, 65534)
        Path(path).chmod(0o600)
        # Root may open everything but for this capability.
        dropped = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        environment = os.environ | {"DOCKER_HOST": f"unix://{path}"}
        told = clone.run(*dropped, "./pulumiw", "up", "--yes", "--stack", "dev", env=environment)
    assert told.returncode != 0
    assert "permission" in told.stdout + told.stderr
    assert path in told.stdout + told.stderr


def test_unknown_flag_is_refused_by_name(dev: Deployment) -> None:
    """Nothing that was asked for is silently left out."""
    told = dev.pulumi("up", "--yes", "--no-such-flag", check=False)
    assert told.returncode not in (0, 7)
    assert "--no-such-flag" in told.stderr + told.stdout


def test_steps_of_a_failed_update_are_told_in_json(dev: Deployment) -> None:
    """`preview --json` is one document, whatever the wrapper says beside it."""
    assert "steps" in json.loads(dev.pulumi("preview", "--json").stdout)
