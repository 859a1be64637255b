"""The files of a backend: the same whether they lie here or behind ssh. What stands for ssh here is a plain sh."""

import contextlib
import os
import threading
import time
from pathlib import Path

import pytest

from engine.backend import Store
from engine.errors import StackLockedError, StateError, UsageError
from engine.lock import Lock
from engine.ssh_store import SshStore
from engine.store import LocalStore, write_whole
from tests.engine.conftest import Project

AWKWARD = 'it\'s a "folder" $(touch pwned) `x` *; é\n\\'


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command `ssh`, first on PATH, that writes its arguments down and becomes sh; tests give it other contents."""
    command = tmp_path / "bin" / "ssh"
    command.parent.mkdir()
    command.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >>{tmp_path}/arguments\necho "Welcome to the server"\nexec sh\n'
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent), prepend=os.pathsep)
    return command


def over_ssh(folder: Path) -> SshStore:
    return SshStore(f"ssh://deploy@host{folder}")


@pytest.fixture(params=["local", "ssh"])
def store(request: pytest.FixtureRequest, tmp_path: Path, ssh: Path) -> Store:
    """Each kind of store, in a folder whose name has to be quoted."""
    assert ssh.is_file()
    root = tmp_path / AWKWARD
    return LocalStore(root / ".pulumi") if request.param == "local" else over_ssh(root)


def files(tmp_path: Path) -> dict[str, str]:
    root = tmp_path / AWKWARD / ".pulumi"
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_a_file_is_written_whole_and_the_one_before_kept(store: Store, tmp_path: Path) -> None:
    """With nothing else beside it; the text comes back as it was, line ends, quotes and all."""
    text = '{"a": "é\u0081 $(x) \'", "b": [1]}\n.\nEOF\n\n'
    store.write("stacks/shop/dev.json", "1", keep=True)
    store.write("stacks/shop/dev.json", text, keep=True)
    assert store.read("stacks/shop/dev.json") == text.encode()
    assert files(tmp_path) == {"stacks/shop/dev.json": text, "stacks/shop/dev.json.bak": "1"}
    assert not (Path.cwd() / "pwned").exists()


def test_a_large_file_comes_back_as_it_was(store: Store) -> None:
    """More than any pipe holds."""
    text = "0123456789abcdef" * 200_000
    store.write("large", text)
    assert store.read("large") == text.encode()
    store.write("empty", "")
    assert store.read("empty") == b""


def test_what_is_not_there_is_no_error(store: Store) -> None:
    """Neither to read nor to list or remove."""
    assert store.read("none") is None
    assert store.times("none") == {}
    store.remove("none")
    assert store.times("") == {}


def test_files_are_listed_with_their_times(store: Store, tmp_path: Path) -> None:
    """By the clock of the store; hidden ones are not among them."""
    for name in ("locks/a b.json", "locks/c.json", "locks/.hidden"):
        store.write(name, "x")
    path = tmp_path / AWKWARD / ".pulumi" / "locks" / "c.json"
    os.utime(path, (1000, 1000))
    assert set(store.times("locks")) == {"a b.json", "c.json"}
    assert store.times("locks")["c.json"] == 1000
    store.write("locks/c.json", "x", held="locks/c.json")
    assert abs(store.times("locks")["c.json"] - time.time()) < 5


def test_files_and_folders_are_removed(store: Store) -> None:
    """A folder with all that is in it."""
    for name in ("a/1", "a/2", "b/1", "b/2"):
        store.write(name, "x")
    store.remove("a")
    store.remove("b/1")
    assert (store.times("a"), set(store.times("b"))) == ({}, {"2"})


def test_nothing_is_written_under_a_lock_that_is_gone(store: Store) -> None:
    """Also where there is a file to be kept."""
    with Lock(store, "locks") as held:
        store.write("state", "1", keep=True, held=held.name)
        store.remove("locks")
        with pytest.raises(StackLockedError, match="has been removed by `cancel`"):
            store.write("state", "2", keep=True, held=held.name)
    assert store.read("state") == b"1"
    assert set(store.times("")) <= {"state", "locks"}


def test_a_lock_is_seen_by_others_and_given_back(store: Store) -> None:
    """Whoever comes is told who holds it."""
    with Lock(store, "locks"), pytest.raises(StackLockedError, match=f"pid {os.getpid()}"), Lock(store, "locks"):
        pass
    assert store.times("locks") == {}


def test_over_a_slow_connection_one_gets_through_all_the_same(
    ssh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where taking the lock takes longer than the usual pause after a collision."""
    assert ssh.is_file()
    real = SshStore.write

    def slow(self: SshStore, name: str, text: str, *, keep: bool = False, held: str = "") -> None:
        real(self, name, text, keep=keep, held=held)
        time.sleep(0.3)

    monkeypatch.setattr(SshStore, "write", slow)
    start, held, over = threading.Barrier(2), list[int](), threading.Event()

    def contend() -> None:
        start.wait()
        with contextlib.suppress(StackLockedError), Lock(over_ssh(tmp_path), "locks"):
            held.append(1)
            over.wait()

    threads = [threading.Thread(target=contend) for _ in range(2)]
    for thread in threads:
        thread.start()
    while not held:
        assert any(thread.is_alive() for thread in threads), "both have given up"
        time.sleep(0.01)
    time.sleep(0.5)
    assert held == [1]
    over.set()
    for thread in threads:
        thread.join()


def test_many_threads_share_one_connection(ssh: Path, tmp_path: Path) -> None:
    """Requests wait for each other: no answer goes to another."""
    store = over_ssh(tmp_path)

    def work(number: int) -> None:
        for _ in range(10):
            store.write(f"f{number}", str(number))
            assert store.read(f"f{number}") == str(number).encode()
            done.append(number)

    done: list[int] = []
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 80
    assert (tmp_path / "arguments").read_text().count("ssh://deploy@host\n") == 1
    assert ssh.is_file()


def test_a_file_is_for_its_owner_or_for_the_group_that_the_folder_has(ssh: Path, tmp_path: Path) -> None:
    """The setgid bit on the folder says that a group shares it."""
    assert ssh.is_file()
    for name, mode, bits in (("own", 0o700, 0o600), ("team", 0o2770, 0o660)):
        folder = tmp_path / name
        folder.mkdir()
        folder.chmod(mode)
        for _ in range(2):
            over_ssh(folder).write("stacks/dev.json", "x", keep=True)
        found = [path.stat().st_mode & 0o777 for path in (folder / ".pulumi" / "stacks").iterdir()]
        assert found == [bits, bits]
        assert (folder / ".pulumi" / "stacks").stat().st_mode & 0o7777 == mode


def test_nothing_but_the_address_is_among_the_arguments(ssh: Path, tmp_path: Path) -> None:
    """Paths and contents go through the pipe; without a terminal nobody is asked for anything."""
    over_ssh(tmp_path).write("secret-name", "secret-content")
    words = (tmp_path / "arguments").read_text().split("\n")
    assert words[-3:] == ["ssh://deploy@host", "sh", ""]
    assert "-oBatchMode=yes" in words
    assert "secret" not in "".join(words)
    assert ssh.is_file()


@pytest.mark.parametrize(
    "url",
    [
        *("ssh://deploy:hunter2@host/srv", "ssh://host", "ssh://-oProxyCommand=x@host:22x/srv", "ssh:///srv"),
        *("ssh://ho st/srv", "ssh://host:port/srv", "ssh://host\n/srv"),
    ],
)
def test_another_form_of_url_is_refused_and_its_password_not_shown(url: str) -> None:
    """Before anything is started."""
    with pytest.raises(UsageError, match=r"must be ssh://\[user@\]host\[:port\]/absolute/path") as caught:
        SshStore(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["ssh://host", "ssh://me@10.0.0.1:2222", "ssh://a.b-c@[fe80::1]:22", "ssh://my_host"]
)
def test_every_form_of_address_is_left_to_ssh(address: str) -> None:
    """Also a name that only ~/.ssh/config knows."""
    assert SshStore(f"{address}/srv/a%20b").place("x") == "/srv/a b/.pulumi/x"


@pytest.mark.parametrize(
    ("told", "cure"),
    [
        ("deploy@host: Permission denied (publickey).", "~/.ssh/authorized_keys"),
        ("Host key verification failed.", "a CI needs that line of known_hosts"),
        ("@ REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "ssh-keygen -R its name"),
        ("ssh: connect to host host port 22: Connection refused", "Does the server run"),
        ("ssh: connect to host host port 22: Connection timed out", "Does the server run"),
        ("ssh: Could not resolve hostname host: Name or service not known", "Correct the name in the backend's URL."),
        ("sh: 1: exec: ssh: not found", "Install the OpenSSH client."),
    ],
)
def test_a_server_out_of_reach_is_an_error_with_its_cure(ssh: Path, tmp_path: Path, told: str, cure: str) -> None:
    """Where, what ssh said last, and what to do."""
    ssh.write_text(f"#!/bin/sh\nprintf '%s\\n' '{told}' >&2\nexit 255\n")
    with pytest.raises(StateError) as caught:
        over_ssh(tmp_path).read("x")
    text = str(caught.value)
    assert text.startswith(f"ssh://deploy@host: cannot be reached ({told.splitlines()[-1]}). ")
    assert cure in text


def test_an_account_without_a_shell_is_told(ssh: Path, tmp_path: Path) -> None:
    """What stands for the shell says so on standard output."""
    ssh.write_text("#!/bin/sh\necho This account is currently not available.\nexit 1\n")
    with pytest.raises(StateError, match=r"\(This account is currently not available.\). .* the account have a shell"):
        over_ssh(tmp_path).read("x")


@pytest.mark.parametrize(
    ("tool", "told", "cure"),
    [
        ("sync", "sync: error syncing: No space left on device", r"Free space there: ssh ssh://deploy@host df -h"),
        ("base64", "base64: write error: Disk quota exceeded", r"Free space there: ssh ssh://deploy@host quota"),
        ("mkdir", "mkdir: cannot create directory: Permission denied", "Give the account the right to it"),
        ("mv", "mv: cannot move: Read-only file system", "Look there: ssh ssh://deploy@host"),
    ],
)
def test_a_write_that_fails_there_is_told_and_what_was_there_stays(
    ssh: Path, tmp_path: Path, tool: str, told: str, cure: str
) -> None:
    """Whichever command of the write it is; the connection goes on, and nothing is left lying about."""
    store = over_ssh(tmp_path / "state")
    store.write("dev.json", "1")
    failing = ssh.with_name(tool)
    failing.write_text(f"#!/bin/sh\necho '{told}' >&2\nexit 1\n")
    failing.chmod(0o755)
    path = tmp_path / "state" / ".pulumi" / "dev.json"
    again = over_ssh(tmp_path / "state")
    for _ in range(2):
        with pytest.raises(StateError, match=cure) as caught:
            again.write("dev.json", "2")
        assert str(caught.value).startswith(f"ssh://deploy@host{path}: cannot be used ({told}).")
    assert again.read("dev.json") == b"1"
    assert [each.name for each in path.parent.iterdir()] == ["dev.json"]


def write_on(store: Store) -> None:
    for _ in range(9):
        store.write("state", "after" * 20, keep=True)


def test_a_request_that_was_cut_off_is_not_carried_out(tmp_path: Path, ssh: Path) -> None:
    """Wherever that happens: the file is as it was, or as it was to be."""
    over_ssh(tmp_path).write("state", "before")
    ssh.write_text(f"#!/bin/sh\ndd bs=1 status=none count=$(cat {tmp_path}/bytes) | sh\n")
    outcomes = set()
    for size in range(100, 2000, 61):
        (tmp_path / "bytes").write_text(str(size))
        with pytest.raises(StateError):
            write_on(over_ssh(tmp_path))
        assert {path.name for path in (tmp_path / ".pulumi").iterdir()} <= {"state", "state.bak"}
        outcomes.add((tmp_path / ".pulumi" / "state").read_text())
        write_whole(tmp_path / ".pulumi" / "state", "before")
    assert outcomes == {"before", "after" * 20}


def test_a_lost_connection_is_told_once_and_for_all(ssh: Path, tmp_path: Path) -> None:
    """The next request does not begin anew: what came in between would be unknown."""
    ssh.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec sh\n")
    store = over_ssh(tmp_path)
    store.write("a", "1")
    os.kill(int((tmp_path / "pid").read_text()), 9)
    for _ in range(2):
        with pytest.raises(StateError, match=r"ssh://deploy@host: the connection was lost \(.*run the same again"):
            store.write("a", "2")
    assert (tmp_path / ".pulumi" / "a").read_text() == "1"


def test_an_update_whose_connection_is_lost_changes_nothing_more(
    ssh: Path, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was under way stands in the state; the next `up` looks into it and goes on."""
    ssh.write_text(f"#!/bin/sh\necho $$ >>{tmp_path}/pids\nexec sh\n")
    monkeypatch.setenv("PULUMI_STACK", "dev")
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"ssh://deploy@host{tmp_path}/backend")
    project.program("""
        docker.Volume("before", name="before")
        cut = local.Command("cut", create="[ ! -e cut ] || exit 0; touch cut; kill -9 $(tail -n 1 pids)")
        docker.Volume("after", name="after", opts=pulumi.ResourceOptions(depends_on=[cut]))
    """)
    lost = project.run("up", "--yes", "--skip-preview")
    assert lost.code == 1
    assert "the connection was lost" in lost.text
    assert "Traceback" not in lost.text
    assert set(project.docker.volumes) == {"before"}
    assert list((tmp_path / "backend" / ".pulumi" / "locks").rglob("*.json"))  # of a process that still runs: this one
    assert project.run("cancel", "--yes").code == 0
    again = project.run("up", "--yes", "--skip-preview")
    assert again.code == 0, again.text
    assert set(project.docker.volumes) == {"before", "after"}
    assert project.run("preview", "--expect-no-changes").code == 0


def test_every_verb_works_on_a_server_and_leaves_the_layout_of_the_file_backend(
    ssh: Path, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that either backend goes on with what the other wrote."""
    assert ssh.is_file()
    project.program("docker.Volume('v', name='v'); pulumi.export('x', 1)")
    assert project.run("up", "--yes", "--skip-preview").code == 0
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"ssh://deploy@host{tmp_path}/backend")
    assert project.run("preview", "--stack", "dev", "--expect-no-changes").code == 0
    assert project.run("stack", "init", "second").code == 0
    assert project.run("up", "--yes", "--skip-preview").code == 0
    assert [each["name"] for each in project.run("stack", "ls", "--json").json] == ["dev", "second"]
    assert project.run("stack", "select", "dev").code == 0
    assert project.run("stack", "output", "x").out == "1\n"
    exported = project.run("stack", "export").out
    (tmp_path / "exported").write_text(exported)
    assert project.run("stack", "import", "--file", "exported").code == 0
    assert project.run("up", "--yes", "--skip-preview").code == 0
    assert len(project.run("stack", "history", "--json").json) == 2
    assert project.run("destroy", "--yes", "--skip-preview", "--stack", "second", "--remove").code == 0
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/backend")
    assert [each["name"] for each in project.run("stack", "ls", "--json").json] == ["dev"]
    assert len(project.run("stack", "history", "--json", "--stack", "dev").json) == 2


def test_a_truncated_state_on_a_server_is_told_with_its_cure(
    ssh: Path, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command to copy, for that server."""
    assert ssh.is_file()
    project.program("docker.Volume('v', name='v')")
    project.run("up", "--yes", "--skip-preview")
    project.state_file.write_text(project.state_file.read_text()[:100])
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"ssh://deploy@host{tmp_path}/backend")
    refused = project.run("preview", "--stack", "dev")
    assert refused.code == 1
    path = f"{tmp_path}/backend/.pulumi/stacks/shop/dev.json"
    assert f"Restore the copy beside it: ssh ssh://deploy@host mv {path}.bak {path}" in refused.err
