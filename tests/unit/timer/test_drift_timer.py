"""The timer that looks for drift: when, as whom, with what; its units are what systemd takes, and its command runs."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.unit.program import ROOT
from timer import __main__ as command
from timer import drift, root_shell, schedule, units
from timer.drift import Look
from timer.root_shell import NO_SYSTEMD, Ran

LOOK = Look(
    prefix="shop-prod",
    stack="prod",
    when="60",
    ops="/srv/site/ops",
    folder="/srv/my site",
    user="deploy",
    passphrase='it\'s $HOME "50%" `x`\\',
)
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PULUMI_BACKEND_URL": 'file:///x "y" $z', "HOME": "/root", "DOCKER_HOST": ""}
SCRIPT = "#!/bin/sh\nexit 0\n"

# When

EVENTS = (
    *("minutely", "hourly", "daily", "weekly", "monthly", "Mon..Fri 06:30", "Mon,Thu *-*-* 04:00:00", "*:0/15"),
    *("*-*-01 03:30", "06:30", "06:30:15 Europe/Paris", "Sun 2026-01..03-* 12,18:00 UTC", "2026-12-24", "Sat,Sun"),
    *("*-02~01 00:00", "*-*-* *:00/10:00", "Mon *-1/3-1..7 5:00"),
)


@pytest.mark.parametrize("text", EVENTS)
def test_calendar_events_are_those_of_systemd(text: str) -> None:
    """Where it is there, it is asked."""
    assert schedule.is_schedule(text)
    assert schedule.lines(text) == (f"OnCalendar={text}", "Persistent=true", "AccuracySec=1min")
    if shutil.which("systemd-analyze"):
        subprocess.run(["systemd-analyze", "calendar", text], check=True, capture_output=True)


@pytest.mark.parametrize(
    "text", ["4", "10081", "-5", "often", "Mon..", "25", "6 o'clock", "daily\nExecStart=x", "%i", " daily", "06:30 "]
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    """A unit has one value a line."""
    assert schedule.is_schedule(text) is (text == "25")


def test_minutes_are_counted_from_look_to_look() -> None:
    """And from the start of the server."""
    assert schedule.lines("30") == ("OnBootSec=5min", "OnUnitActiveSec=30min", "AccuracySec=1min")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("15", "*/15 * * * *"),
        ("60", "0 * * * *"),
        ("180", "0 */3 * * *"),
        ("1440", "0 6 * * *"),
        ("daily", "0 * * * *"),
    ],
)
def test_a_crontab_comes_near(text: str, fields: str) -> None:
    """For servers without systemd."""
    assert schedule.cron(text) == fields


# Units


def test_the_units_run_a_look_as_whoever_deploys() -> None:
    """The passphrase is a credential, what else it needs in a file for root alone; nothing of it is in a unit."""
    timer = drift.timer(LOOK, SCRIPT, ENVIRONMENT)
    assert units.service(timer) == (
        "[Unit]\nDescription=Look for drift of shop-prod\nWants=docker.service\nAfter=docker.service\n\n"
        "[Service]\nType=oneshot\n"
        'ExecStart=/usr/local/lib/django-stack/shop-prod-drift /srv/site/ops "/srv/my site" prod\n'
        "User=deploy\nEnvironmentFile=/etc/django-stack/shop-prod-drift.env\n"
        "LoadCredential=passphrase:/etc/django-stack/shop-prod-drift.passphrase\n"
        "SuccessExitStatus=2\nTimeoutStartSec=300\nNice=10\n"
    )
    assert timer.secrets == {
        "env": 'PULUMI_BACKEND_URL="file:///x \\"y\\" \\$z"\nPATH="/usr/bin:/bin"\n',
        "passphrase": LOOK.passphrase,
    }
    assert LOOK.passphrase not in repr(timer)


def test_a_stack_without_a_passphrase_needs_no_credential() -> None:
    """Such as dev, whose clone keeps it."""
    timer = drift.timer(Look(**{**LOOK.__dict__, "passphrase": ""}), SCRIPT, ENVIRONMENT)
    assert "LoadCredential" not in units.service(timer)
    assert set(timer.secrets) == {"env"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="the units are compared with a golden text above")
@pytest.mark.parametrize("when", ["60", "Mon..Fri 06:30"])
def test_systemd_takes_the_units(when: str, tmp_path: Path) -> None:
    """Without a word about them."""
    user = pwd.getpwuid(os.getuid()).pw_name
    look = Look(**{**LOOK.__dict__, "when": when, "user": user})
    timer = drift.timer(look, SCRIPT, ENVIRONMENT)
    ours = units.service(timer).replace(timer.path, "/bin/true")
    (tmp_path / f"{timer.name}.service").write_text(ours)
    (tmp_path / f"{timer.name}.timer").write_text(units.schedule(timer))
    (tmp_path / "docker.service").write_text("[Service]\nExecStart=/bin/true\n")
    checked = [str(tmp_path / f"{timer.name}.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *checked], text=True, capture_output=True, check=False
    )
    told = [line for line in (done.stdout + done.stderr).splitlines() if "shop-prod" in line or str(tmp_path) in line]
    assert told == []


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain/word-1", "plain/word-1"),
        ("two words", '"two words"'),
        ("", '""'),
        ("50%", "50%%"),
        ("$HOME", "$$HOME"),
        ('a"b\\', '"a\\"b\\\\"'),
        ("it's", '"it\'s"'),
    ],
)
def test_a_word_of_a_command_line_is_one_word(text: str, written: str) -> None:
    """Folders are called as people like."""
    assert units.word(text) == written


# Files


def test_secrets_are_written_whole_for_root_alone_and_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte by byte as they are; by a shell that reads its script, so that they are no argument of any program."""
    for name in ("FOLDER", "UNITS", "SECRETS"):
        monkeypatch.setattr(units, name, str(tmp_path / name.lower()))
    (tmp_path / "units").mkdir()
    (tmp_path / "systemctl").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "systemctl").chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    timer = drift.timer(LOOK, SCRIPT, ENVIRONMENT)
    for script in (units.installation(timer),) * 2:
        subprocess.run(["sh", "-s"], input=script, text=True, env=path, check=True)
    secret = tmp_path / "secrets" / "shop-prod-drift.passphrase"
    assert secret.read_text() == LOOK.passphrase
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.parent.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "folder" / "shop-prod-drift").stat().st_mode & 0o777 == 0o755
    subprocess.run(["sh", "-s"], input=units.removal(timer.name, secrets=drift.FILES), text=True, env=path, check=True)
    assert [file for file in tmp_path.rglob("shop-prod*") if file.is_file()] == []


# The command


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with an `ops` that notes how it is called."""
    ops = tmp_path / "my clone" / "ops"
    ops.parent.mkdir()
    ops.write_text(
        '#!/bin/sh\necho "$PWD: $*" > told\ncat "${PULUMI_CONFIG_PASSPHRASE_FILE:-/dev/null}" >> told\nexit 2\n'
    )
    ops.chmod(0o755)
    return ops.parent


@pytest.mark.parametrize("passphrase", ["", "a secret"])
def test_what_the_unit_runs_looks_for_drift(clone: Path, tmp_path: Path, passphrase: str) -> None:
    """In the folder that is deployed from, with the webhook, and with the passphrase as systemd hands it over."""
    environment = {"PATH": os.environ["PATH"]}
    if passphrase:
        (tmp_path / "passphrase").write_text(passphrase)
        environment["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    words = [str(ROOT / "timer" / "look-for-drift"), str(clone / "ops"), str(clone), "prod"]
    done = subprocess.run(words, env=environment, check=False, cwd="/")
    assert done.returncode == 2
    assert (clone / "told").read_text() == f"{clone}: drift --stack prod --notify\n{passphrase}"


NO_TIMER = """\
warning: the server will not look for drift by itself: the server has no systemd. Where there is a scheduler, have it \
run the same, as a crontab would: 0 * * * * cd FOLDER && PULUMI_CONFIG_PASSPHRASE_FILE=$HOME/.passphrase OPS drift \
--stack prod --notify"""
ELSEWHERE = """\
warning: the server will not look for drift by itself: Docker is on another machine (ssh://deploy@server), which does \
not have this folder. Use a scheduled workflow instead: examples/workflows"""


@pytest.mark.parametrize(
    ("code", "docker_host", "told"),
    [
        (0, "unix:///run/docker.sock", "timer shop-prod-drift: in place"),
        (NO_SYSTEMD, "", NO_TIMER),
        (0, "ssh://deploy@server", ELSEWHERE),
    ],
)
def test_the_step_puts_it_in_place_or_says_what_to_do(
    called: Callable[..., tuple[str, list[str]]], tmp_path: Path, code: int, docker_host: str, told: str
) -> None:
    """From the folder that it runs in, with the passphrase that it was given, in a file or not."""
    (tmp_path / "file").write_text("s3cret\n")
    environment = {"PULUMI_CONFIG_PASSPHRASE_FILE": str(tmp_path / "file"), "DOCKER_HOST": docker_host}
    printed, scripts = called("look-for-drift", "shop-prod", "prod", "60", code=code, environment=environment)
    assert printed == told.replace("FOLDER", str(tmp_path)).replace("OPS", str(ROOT / "ops"))
    assert "s3cret" not in printed
    assert [("printf '%s' s3cret > " in script, str(tmp_path) in script) for script in scripts] == (
        [] if docker_host.startswith("ssh") else [(True, True)]
    )


@pytest.fixture
def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[str, list[str]]]:
    """What `python -m timer` prints, and what it has root do on a host that ends with this code."""

    def call(*words: str, code: int = 0, environment: Mapping[str, str] | None = None) -> tuple[str, list[str]]:
        scripts: list[str] = []

        def run(script: str) -> Ran:
            scripts.append(script)
            return Ran(code=code, told="")

        monkeypatch.setattr(root_shell, "run", run)
        monkeypatch.setattr("sys.argv", ["timer", *words])
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
        for name, value in (environment or {}).items():
            monkeypatch.setenv(name, value)
        command.main()
        return capsys.readouterr().out.strip(), scripts

    return call


def test_destroy_takes_it_away_with_its_secrets(called: Callable[..., tuple[str, list[str]]]) -> None:
    """All of its files."""
    printed, scripts = called("stop-looking", "shop-prod")
    assert printed == "timer shop-prod-drift: removed"
    assert all(f"/etc/django-stack/shop-prod-drift.{ending}" in scripts[0] for ending in ("env", "passphrase"))
