"""The installer on a real machine that has git and Python, and nothing else: a Debian in namespaces of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.wrapper.clones import clone_of_working_tree
from wrapper.host import here

BARE_MACHINE = Path(__file__).with_name("bare-machine")
SUITE = "bookworm"
"""Its own docker.io is too old, so it takes the longest way."""
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
PULUMI = """\
#!/bin/sh
[ "$1" = version ] && echo v3.259.0 && exit
echo "deploying: $*"
docker version --format 'engine {{.Server.Version}}'
docker buildx version >/dev/null && echo builds
"""
"""Stands for a CLI that deploys to the Docker Engine that it finds."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file system of a Debian with git and Python."""
    root = tmp_path_factory.mktemp("bare") / "root"
    mirrors = [source.uri for source in here().sources if source.suite == SUITE and here().distribution == "debian"]
    command = ["debootstrap", "--variant=minbase", "--include=git,python3,ca-certificates", SUITE, str(root)]
    subprocess.run([*AS_ROOT, *command, *mirrors[:1]], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*AS_ROOT, "chown", "-R", str(os.geteuid()), root / "srv", root / "usr" / "local"], check=True)
    (root / "usr" / "local" / "bin" / "pulumi").write_text(PULUMI)
    (root / "usr" / "local" / "bin" / "pulumi").chmod(0o755)
    clone_of_working_tree(root / "srv" / "site")
    resolver = Path("/run/systemd/resolve/resolv.conf")
    subprocess.run([*AS_ROOT, "cp", resolver if resolver.exists() else "/etc/resolv.conf", root / "etc"], check=True)
    if certificates := os.environ.get("PIP_CERT"):
        shutil.copy2(certificates, root / "srv" / "company.pem")
    yield root
    subprocess.run([*AS_ROOT, "rm", "-rf", "--one-file-system", root], check=True)


def on(machine: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script on it, without a terminal, in the clone."""
    certificates = ["CERT=/srv/company.pem"] if (machine / "srv" / "company.pem").exists() else []
    environment = ["env", f"PATH={os.environ['PATH']}:/usr/sbin:/sbin", *certificates]
    command = [*AS_ROOT, *environment, str(BARE_MACHINE), str(machine), "sh", "-c", f"cd /srv/site && {script}"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What happened on the machine, in this order."""

    machine: Path
    refused: subprocess.CompletedProcess[str]
    """`up` without consent."""
    changed: bool
    """Whether that installed anything."""
    agreed: subprocess.CompletedProcess[str]
    """`up` with consent, the state of the system after it, and a `preview`."""


@pytest.fixture(scope="module")
def visit(machine: Path) -> Visit:
    installed = machine / "var" / "lib" / "dpkg" / "status"
    before = installed.read_bytes()
    refused = on(machine, "./pulumiw up --yes")
    changed = installed.read_bytes() != before
    ask = "git status --porcelain && dpkg-query --show --showformat '${Package} ${Version}\\n' python3 git"
    agreed = on(machine, f"./pulumiw up --yes --install-docker && {ask} && ./pulumiw preview")
    return Visit(machine=machine, refused=refused, changed=changed, agreed=agreed)


pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


def test_without_consent_a_bare_machine_stays_bare(visit: Visit) -> None:
    """All that is missing is named, and the flag that agrees."""
    assert visit.refused.returncode == 1
    assert not visit.changed
    assert "Agree to that by adding --install-docker." in visit.refused.stderr
    for word in ("python3.11-venv will be installed", "There is no Docker Engine on this machine"):
        assert word in visit.refused.stderr


def test_a_person_is_asked_and_may_say_no(visit: Visit) -> None:
    """On a terminal; Pulumi's own --yes is no answer to this."""
    typed = "{ sleep 1; echo n; } | script --quiet --return --command './pulumiw up --yes' /dev/null"
    asked = on(visit.machine, typed)

    assert asked.returncode == 1
    assert "Start it, as root? [y/N]" in asked.stdout
    assert "install: nothing was changed." in asked.stdout


def test_one_command_turns_a_bare_machine_into_one_that_deploys(visit: Visit) -> None:
    """Docker is there, the engine gets to it, and the rest of the system is as it was."""
    assert visit.agreed.returncode == 0, visit.agreed.stderr
    deploying, engine, builds, git, python, again, *_ = visit.agreed.stdout.splitlines()
    assert deploying == "deploying: up --config-file /srv/site/.local/Pulumi.dev.yaml --yes"
    assert int(engine.removeprefix("engine ").partition(".")[0]) >= 24
    assert builds == "builds"
    assert git.startswith("git 1:2.39")
    assert python.startswith("python3 3.11")
    assert again == "deploying: preview --config-file /srv/site/.local/Pulumi.dev.yaml"


def test_an_installed_engine_is_started_only_with_consent(visit: Visit) -> None:
    """The machine has been switched off and on since: nothing is installed, something is started."""
    refused = on(visit.machine, "./pulumiw preview")
    assert refused.returncode == 1
    assert "Docker is installed but not running: it will be started." in refused.stderr

    done = on(visit.machine, "./pulumiw preview --install-docker")
    assert done.returncode == 0, done.stderr
    assert "apt-get" not in done.stderr
    assert "engine 2" in done.stdout
