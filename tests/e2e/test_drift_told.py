"""Looks for drift by a schedule on the real thing: the steps of the workflows, and what the host timer runs."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.e2e.deployment import Deployment
from tests.e2e.drifts import docker, replica
from tests.unit.operations.issue_hosts import Host, github, gitlab, serving
from tests.unit.test_workflows import drift_step

pytestmark = pytest.mark.e2e

Look = Callable[[], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def host(dev: Deployment) -> Iterator[Host]:
    """A host with issues, and an address for messages that the stack config has, encrypted."""
    with serving() as host:
        dev.pulumi("config", "set", "--secret", "driftWebhookUrl", stdin=f"{host.url}/hook")
        yield host
        dev.pulumi("config", "rm", "driftWebhookUrl")
        docker("update", "--pids-limit=200", replica(dev))
        forget = ("run", "--rm", "--user=10002:10000", f"--volume={dev.prefix}-ledger:/l", "--entrypoint=rm")
        docker(*forget, dev.containers("web")[0].attrs["Config"]["Image"], "-f", "/l/drift-told.json")


def run(dev: Deployment, words: list[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI_", "GITLAB_"))}
    return subprocess.run(
        words,
        cwd=dev.clone.path,
        env=own | {"STACK": dev.stack} | dict(environment),
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("which", [github, gitlab])
def test_a_schedule_keeps_one_issue_and_tells_what_is_new(
    dev: Deployment, host: Host, which: Callable[[Host], Mapping[str, str]]
) -> None:
    """From the first drift to its end, by the steps of the workflow as they are; the address is never printed."""

    def look() -> None:
        done = run(dev, ["bash", "-ec", drift_step(which.__name__)], which(host))
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{host.url}/hook" not in done.stdout + done.stderr

    look()
    assert (host.issues, host.messages) == ([], [])
    docker("update", "--pids-limit=777", replica(dev))
    for _ in range(2):
        look()
    (issue,) = host.issues
    assert issue.open
    assert "drift.C016" in issue.body
    (message,) = host.messages
    assert "1 finding of drift" in message["text"]
    docker("update", "--pids-limit=200", replica(dev))
    for _ in range(2):
        look()
    assert not issue.open
    assert [each["text"] for each in host.messages[1:]] == [f"Stack `{dev.stack}`: no drift any more."]
    assert dev.planned() == {}


def test_what_the_host_timer_runs_tells_the_webhook(dev: Deployment, host: Host) -> None:
    """From anywhere, in the folder that is deployed from."""
    clone = dev.clone.path
    docker("update", "--pids-limit=777", replica(dev))
    words = [str(clone / "timer" / "look-for-drift"), str(clone / "ops"), str(clone), dev.stack]
    done = run(dev, words, {})
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(host.messages) == 1
    assert host.issues == []


def test_a_schedule_that_is_set_touches_no_container(dev: Deployment) -> None:
    """It adds a timer, or says why the server cannot have one; destroying takes it away again."""
    before = dev.ids()
    dev.set(driftSchedule="60")
    try:
        told = dev.up()
        assert dev.ids() == before
        words = "timer e2e-dev-drift: in place", "warning: the server will not look for drift by itself"
        assert any(each in told.stdout for each in words)
    finally:
        dev.pulumi("config", "rm", "driftSchedule")
    dev.up()
    assert dev.ids() == before
