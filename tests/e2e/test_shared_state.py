"""One stack, two colleagues: two clones, two accounts with keys of their own, one state and one lock, on a server."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.deployment import ROOT
from tests.e2e.ssh_server import GROUP_ID, Server, run

pytestmark = pytest.mark.e2e

PORT = 18422
PROJECT = "e2e-shared"
WAIT_SECONDS = 30

PROGRAM = f"""\
import pulumi
import pulumi_docker as docker
from pulumi_command import local

config = pulumi.Config()
volume = docker.Volume("volume", name="{PROJECT}-volume")
work = local.Command("work", create=config.get("work") or "true", opts=pulumi.ResourceOptions(depends_on=[volume]))
docker.Network("network", name="{PROJECT}-network", opts=pulumi.ResourceOptions(depends_on=[work]))
"""

WITHOUT_LOCK = """\
import contextlib, sys
from engine import cli, session

class NoLock(contextlib.nullcontext):
    name = ""

session.Lock = lambda *_: NoLock()
sys.exit(cli.main())
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Colleague:
    """A person at a clone."""

    name: str
    clone: Path
    environment: dict[str, str]

    def pulumiw(self, *words: str) -> str:
        """What ./pulumiw prints."""
        return ended(self._popen(str(ROOT / "pulumiw"), *words))

    def start(self, *words: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """The engine itself, which starts sooner, with these words."""
        return self._popen(*before, sys.executable, "-m", "engine", *words)

    def _popen(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, "--stack", "team"],
            cwd=self.clone,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def start_without_lock(self) -> subprocess.Popen[str]:
        """The same `up` by an engine that takes no lock."""
        return self._popen(sys.executable, "-c", WITHOUT_LOCK, "up", "--yes", "--skip-preview")

    def fails(self, *words: str, **environment: str) -> str:
        """What it prints."""
        told = dataclasses.replace(self, environment=self.environment | environment)
        return ended(told.start(*words), code=1)

    def runs(self, *words: str) -> str:
        return ended(self.start(*words))

    def has(self, work: str) -> None:
        """Has the stack's config say what the command is to do."""
        path = self.clone / "Pulumi.team.yaml"
        salt = path.read_text().partition("\n")[0]
        path.write_text(f"{salt}\nconfig: {json.dumps({f'{PROJECT}:work': work})}\n")


def ended(process: subprocess.Popen[str], code: int = 0) -> str:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == code, out
    return out


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server whose group `deploy` is anna and ben."""
    server = Server(port=PORT, users=("anna", "ben"))
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def team(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Colleague, Colleague]]:
    """Anna, who has made the stack, deployed it and pushed its config; and ben, who has cloned that."""
    folder = tmp_path_factory.mktemp("team")
    run("git", "init", "--quiet", "--bare", str(folder / "origin"))

    def colleague(name: str) -> Colleague:
        run("git", "clone", "--quiet", str(folder / "origin"), str(folder / name))
        environment = os.environ | {
            "DJANGO_STACK_ENGINE": "embedded",
            "PATH": f"{server.client(name)}:{os.environ['PATH']}",
            "PULUMI_CONFIG_PASSPHRASE": "of the team",
            "PULUMI_HOME": str(folder / f"{name}-home"),
            "PYTHONPATH": str(ROOT),
            "LOGNAME": name,
        }
        return Colleague(name=name, clone=folder / name, environment=environment)

    anna = colleague("anna")
    backend = json.dumps({"url": server.url})
    declared = "config:\n  work: {type: string, default: 'true'}\n"
    (anna.clone / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\nbackend: {backend}\n{declared}")
    (anna.clone / "__main__.py").write_text(PROGRAM)
    (anna.clone / "Pulumi.team.yaml").write_text("config: {}\n")
    told = anna.pulumiw("up", "--yes")
    assert f"stack team: created, with its state in {server.url}" in told
    run("git", "add", "--all", cwd=anna.clone)
    identity = ("-c", "user.name=Anna", "-c", "user.email=anna@example.com")
    run("git", *identity, "commit", "--quiet", "--message", "Begin", cwd=anna.clone)
    run("git", "push", "--quiet", "origin", "HEAD:main", cwd=anna.clone)
    run("git", "symbolic-ref", "HEAD", "refs/heads/main", cwd=folder / "origin")
    ben = colleague("ben")
    yield anna, ben
    ben.runs("cancel", "--yes")
    ben.runs("destroy", "--yes", "--skip-preview")


@pytest.fixture
def anna(team: tuple[Colleague, Colleague]) -> Colleague:
    return team[0]


@pytest.fixture
def ben(team: tuple[Colleague, Colleague]) -> Colleague:
    return team[1]


def locks(server: Server) -> list[Path]:
    return list((server.state / ".pulumi" / "locks").rglob("[!.]*.json"))


def recorded(server: Server) -> dict[str, object]:
    path = server.state / ".pulumi" / "stacks" / PROJECT / "team.json"
    latest: dict[str, object] = json.loads(path.read_text())["checkpoint"]["latest"]
    return latest


def test_what_one_has_deployed_the_other_sees(server: Server, anna: Colleague, ben: Colleague) -> None:
    """No change for ben, who then changes something and is no stranger to anna's files."""
    assert "engine: embedded" in ben.pulumiw("preview", "--expect-no-changes")
    ben.has("echo by ben")
    ben.runs("up", "--yes", "--skip-preview")
    anna.has("echo by ben")
    anna.runs("preview", "--expect-no-changes")
    assert anna.runs("stack", "history").count("Status: succeeded") == 2
    files = [path for path in server.state.rglob("*") if path.is_file()]
    assert {path.stat().st_gid for path in files} == {GROUP_ID}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o660}
    assert len({path.stat().st_uid for path in files}) == 2


def test_of_two_at_once_one_is_told_who_is_at_it(anna: Colleague, ben: Colleague, tmp_path: Path) -> None:
    """And the work is done once. Without the lock it is done twice, and nobody is told."""
    done, may_end = tmp_path / "done", tmp_path / "may-end"
    wait = f"while [ ! -e {may_end} ]; do sleep 0.05; done"
    done.touch()
    for colleague in (anna, ben):
        colleague.has(f"echo once >>{done}; {wait}")
    first = anna.start("up", "--yes", "--skip-preview")
    until(lambda: "once" in done.read_text())
    told = ben.fails("up", "--yes", "--skip-preview")
    assert "the stack is currently locked by 1 lock(s)" in told
    assert "created by anna@" in told
    assert "pulumi cancel" in told
    may_end.touch()
    ended(first)
    ben.runs("up", "--yes", "--skip-preview")
    assert done.read_text().split() == ["once"]

    may_end.unlink()
    for colleague in (anna, ben):
        colleague.has(f"echo twice >>{done}; {wait}")
    both = [colleague.start_without_lock() for colleague in (anna, ben)]
    until(lambda: done.read_text().count("twice") == len(both))
    may_end.touch()
    for process in both:
        ended(process)
    assert done.read_text().split() == ["once", "twice", "twice"]


def test_a_killed_update_is_mended_by_the_next_one_of_anybody(
    server: Server, anna: Colleague, ben: Colleague, tmp_path: Path
) -> None:
    """On another machine than the one that was killed: so after a minute without a heartbeat, and not before."""
    begun = tmp_path / "begun"
    for colleague in (anna, ben):
        colleague.has(f"if [ -e {begun} ]; then exit 0; fi; touch {begun}; sleep 60")
    elsewhere = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
    killed = anna.start("up", "--yes", "--skip-preview", before=elsewhere)
    until(begun.exists)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=30)
    assert [each["type"] for each in recorded(server)["pending_operations"]] == ["updating"]  # type: ignore[attr-defined]
    assert "created by anna@" in ben.fails("up", "--yes", "--skip-preview")
    (lock,) = locks(server)
    silent_since = time.time() - 61
    os.utime(lock, (silent_since, silent_since))
    ben.runs("up", "--yes", "--skip-preview")
    assert "pending_operations" not in recorded(server)
    assert locks(server) == []
    anna.runs("preview", "--expect-no-changes")


def test_a_connection_lost_in_the_middle_ends_the_update(
    server: Server, anna: Colleague, ben: Colleague, tmp_path: Path
) -> None:
    """With what was lost, and what to do; nothing is changed that could not be written down."""
    begun, may_end = tmp_path / "begun", tmp_path / "may-end"
    network = f"{PROJECT}-network"
    run("docker", "network", "rm", network)
    for colleague in (anna, ben):
        colleague.has(f"touch {begun}; while [ ! -e {may_end} ]; do sleep 0.05; done")
    cut = anna.start("up", "--yes", "--skip-preview", "--refresh")
    until(begun.exists)
    server.cut()
    may_end.touch()
    told = ended(cut, code=1)
    assert "ssh://server: the connection was lost (" in told
    assert "when the server can be reached, run the same again" in told
    assert "Traceback" not in told
    assert not run("docker", "network", "ls", "--quiet", "--filter", f"name={network}")
    ben.runs("up", "--yes", "--skip-preview")
    assert run("docker", "network", "ls", "--quiet", "--filter", f"name={network}")
    anna.runs("preview", "--expect-no-changes")


def test_what_is_in_the_way_of_the_state_is_told_with_its_cure(server: Server, anna: Colleague, ben: Colleague) -> None:
    """A key that is not taken, a server that is not known, a folder of others, a server that is down."""

    def path_of(**settings: str) -> str:
        return f"{server.client('ben', **settings)}:{os.environ['PATH']}"

    refused = ben.fails("preview", PATH=path_of(IdentityFile=str(server.folder / "clients" / "host")))
    assert "Permission denied (publickey" in refused
    assert "~/.ssh/authorized_keys" in refused
    stranger = ben.fails("preview", PATH=path_of(UserKnownHostsFile="/dev/null"))
    assert "Host key verification failed" in stranger
    assert "Connect once by hand and compare its key: ssh ssh://server" in stranger
    elsewhere = ben.fails("stack", "init", PULUMI_BACKEND_URL=f"ssh://server{server.folder}/keys")
    assert f"ssh://server{server.folder}/keys" in elsewhere
    assert "Give the account the right to it: docs/shared-state.md." in elsewhere
    server.stop()
    down = anna.fails("preview")
    server.start()
    assert "ssh://server: cannot be reached (ssh: connect to host 127.0.0.1 port" in down
    assert "Does the server run" in down
    assert "Traceback" not in refused + stranger + elsewhere + down


def test_the_state_moves_to_a_folder_and_back(server: Server, anna: Colleague, tmp_path: Path) -> None:
    """It is the layout of the file backend."""
    run("cp", "-r", str(server.state / ".pulumi"), str(tmp_path))
    here = dataclasses.replace(anna, environment=anna.environment | {"PULUMI_BACKEND_URL": f"file://{tmp_path}"})
    here.runs("preview", "--expect-no-changes")
    told = [colleague.runs("stack", "history", "--json") for colleague in (here, anna)]
    assert told[0] == told[1]
    assert told[0].count('"kind": "update"') >= len(told)
