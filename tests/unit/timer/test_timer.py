"""The host timer: its units, how a root shell is reached, and what is said where there is none."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from timer import __main__ as command
from timer import root_shell, units
from timer.root_shell import AS_ROOT, NO_SYSTEMD, Ran
from timer.units import Timer

TIMER = Timer(
    name="shop-prod-start",
    description="Start what should run of shop-prod",
    script='#!/bin/sh\necho "it\'s $1"\n',
    arguments=("shop-prod",),
    when=("OnBootSec=5", "OnUnitActiveSec=20", "AccuracySec=1"),
)


# Units


def test_the_units_say_what_runs_and_when() -> None:
    """As root, once Docker is there, at boot and again and again."""
    assert units.service(TIMER) == (
        "[Unit]\nDescription=Start what should run of shop-prod\nWants=docker.service\nAfter=docker.service\n\n"
        "[Service]\nType=oneshot\nExecStart=/usr/local/lib/django-stack/shop-prod-start shop-prod\n"
        "TimeoutStartSec=120\n"
    )
    assert units.schedule(TIMER) == (
        "[Unit]\nDescription=Start what should run of shop-prod: when\n\n"
        "[Timer]\nOnBootSec=5\nOnUnitActiveSec=20\nAccuracySec=1\n\n[Install]\nWantedBy=timers.target\n"
    )


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """A host in a folder, with a systemctl that notes what it is told; runs a script there."""
    (tmp_path / "etc").mkdir()
    monkeypatch.setattr(units, "FOLDER", str(tmp_path / "lib"))
    monkeypatch.setattr(units, "UNITS", str(tmp_path / "etc"))
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/told\n')
    systemctl.chmod(0o755)

    def run(script: str) -> list[str]:
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        subprocess.run(["sh", "-s"], input=script, text=True, env=path, check=True)
        return (tmp_path / "told").read_text().splitlines()

    return run


def test_installation_puts_script_and_units_in_place(host: Callable[[str], list[str]], tmp_path: Path) -> None:
    """Whole, executable, and started at once; a second time changes nothing."""
    for _ in range(2):
        told = host(units.installation(TIMER))
    assert told == ["daemon-reload", "enable --now shop-prod-start.timer"] * 2
    script = tmp_path / "lib" / "shop-prod-start"
    assert script.read_text() == TIMER.script
    assert script.stat().st_mode & 0o777 == 0o755
    files = {file.name: file.read_text() for file in (tmp_path / "etc").iterdir()}
    assert files == {
        "shop-prod-start.service": units.service(TIMER),
        "shop-prod-start.timer": units.schedule(TIMER),
    }


def test_removal_takes_all_of_it_away(host: Callable[[str], list[str]], tmp_path: Path) -> None:
    """Also where nothing of it is there."""
    host(units.installation(TIMER))
    for _ in range(2):
        told = host(units.removal(TIMER.name))
    assert told[-2:] == ["disable --now shop-prod-start.timer", "daemon-reload"]
    assert [*(tmp_path / "lib").iterdir(), *(tmp_path / "etc").iterdir()] == []


def test_the_script_of_the_start_is_what_is_installed() -> None:
    """With the stack's name as its argument, often enough to be back within a minute."""
    timer = command.start_at_boot("shop-prod")
    assert (timer.name, timer.arguments) == ("shop-prod-start", ("shop-prod",))
    assert timer.script.startswith("#!/bin/sh")
    assert "END_OF_FILE" not in timer.script
    assert timer.when == ("OnBootSec=5", "OnUnitActiveSec=20", "AccuracySec=1")


# The root shell


@pytest.mark.parametrize(
    ("docker_host", "uid", "words"),
    [
        ("", 0, ["sh", "-s"]),
        ("", 1000, ["sudo", "-n", "sh", "-s"]),
        ("unix:///run/docker.sock", 0, ["sh", "-s"]),
        ("ssh://deploy@server", 0, ["ssh", "-o", "BatchMode=yes", "ssh://deploy@server", AS_ROOT]),
        ("ssh://deploy@server:2222", 5, ["ssh", "-o", "BatchMode=yes", "ssh://deploy@server:2222", AS_ROOT]),
        ("ssh://server/run/docker.sock", 5, ["ssh", "-o", "BatchMode=yes", "ssh://server", AS_ROOT]),
        ("ssh://deploy@[2001:db8::1]", 5, ["ssh", "-o", "BatchMode=yes", "ssh://deploy@[2001:db8::1]", AS_ROOT]),
        ("tcp://server:2376", 0, None),
    ],
)
def test_a_root_shell_is_where_the_engine_is(docker_host: str, uid: int, words: list[str] | None) -> None:
    """By ssh with its own configuration, port included; over TCP there is no way to the host."""
    assert root_shell.command(docker_host, uid=uid) == words


def test_a_user_who_is_root_needs_no_sudo() -> None:
    """A minimal server has none."""
    done = subprocess.run(
        ["sh", "-c", AS_ROOT.replace('"$(id -u)"', "0")], input="echo in", text=True, capture_output=True, check=True
    )
    assert done.stdout == "in\n"


def test_a_host_without_systemd_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything of the script has run."""
    monkeypatch.setattr(root_shell, "PROBE", root_shell.PROBE.replace("/run/systemd/system", "/nowhere"))
    monkeypatch.setattr(root_shell, "command", lambda *_, **__: ["sh", "-s"])
    assert root_shell.run("echo no", {}) == Ran(code=NO_SYSTEMD, told="")


@pytest.mark.parametrize("words", [["/nowhere/ssh"], None])
def test_no_way_to_the_host_is_no_crash(monkeypatch: pytest.MonkeyPatch, words: list[str] | None) -> None:
    """The stack runs without a timer."""
    monkeypatch.setattr(root_shell, "command", lambda *_, **__: words)
    ran = root_shell.run("echo no", {"DOCKER_HOST": "tcp://server"})
    assert ran.code == 1
    assert "/nowhere/ssh" in ran.told or "tcp://server" in ran.told


# The command


@pytest.mark.parametrize(
    ("action", "ran", "told"),
    [
        ("start-at-boot", Ran(code=0, told=""), "timer shop-prod-start: in place"),
        ("remove", Ran(code=0, told=""), "timer shop-prod-start: removed"),
        (
            "start-at-boot",
            Ran(code=NO_SYSTEMD, told=""),
            (
                "warning: the server will not start the stack by itself: the server has no systemd."
                " After a restart of Docker: ./ops start"
            ),
        ),
        (
            "start-at-boot",
            Ran(code=1, told="sudo: a password is required"),
            (
                "warning: the server will not start the stack by itself: no root shell there"
                " (sudo: a password is required). After a restart of Docker: ./ops start"
            ),
        ),
        ("remove", Ran(code=NO_SYSTEMD, told=""), ""),
        (
            "remove",
            Ran(code=1, told="sudo: a password is required"),
            (
                "warning: timer shop-prod-start cannot be removed: no root shell on the server"
                " (sudo: a password is required). As root there: systemctl disable --now shop-prod-start.timer"
            ),
        ),
    ],
)
def test_what_could_not_be_arranged_is_told_and_no_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], action: str, ran: Ran, told: str
) -> None:
    """The deployment goes on."""
    monkeypatch.setattr(root_shell, "run", lambda _: ran)
    monkeypatch.setattr("sys.argv", ["timer", action, "shop-prod"])
    command.main()
    assert capsys.readouterr().out.strip() == told
