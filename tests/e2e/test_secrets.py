"""A sentinel as every secret of a stack, through all that is done with one: it is found nowhere but in its files."""

import dataclasses
import io
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import config_schema
from operations import command_line
from settings import SettingsError
from tests.e2e.breakages import BREAKAGES
from tests.e2e.deployment import ROOT, SMALL, Clone, Deployment, build_config, make_clone
from tests.e2e.sentinel import Sentinel
from tests.e2e.watching import Watch, docker, left_behind, names
from tests.unit.program import load_settings

pytestmark = pytest.mark.e2e

OPS: dict[str, list[list[str]]] = {
    "doctor": [[], ["--json"]],
    "drift": [[], ["--json"], ["--markdown"], ["--fix", "--yes-destroy"]],
    "review": [["--record=ledger"], ["--record=capacity"], ["--preview=preview.json", "--digest"]],
    "secrets": [["create"]],
    "start": [[]],
    "pin": [[]],
    "rollback": [["--list"]],
}
"""How the exam calls a command beside the story below; one that is not here is called by its name alone."""
VERBS = [
    ["preview", "--diff"],
    ["refresh", "--yes", "--diff"],
    ["config"],
    ["config", "--json"],
    ["stack", "output", "--json"],
    ["stack", "history", "--json"],
    ["stack", "export"],
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WatchedClone(Clone):
    """All that its commands print is looked through."""

    watch: Watch

    def run(self, *words: str, check: bool = False, **options: Any) -> subprocess.CompletedProcess[str]:
        done = super().run(*words, check=check, **options)
        self.watch.printed(done)
        return done


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exam:
    """A stack whose secrets are sentinels, and what was found of them."""

    stack: Deployment
    sentinel: Sentinel
    watch: Watch
    places: dict[str, set[str]] = dataclasses.field(default_factory=dict)
    """What was found after all that was done, by place."""

    def ops(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["./ops", *words, "--stack", self.stack.stack]
        return self.stack.clone.run(*command, env=os.environ | dict(self.stack.environment))

    def plant(self) -> None:
        """A new secret under every key."""
        for key in secret_keys():
            self.stack.pulumi("config", "set", "--secret", key, stdin=self.value_for(key))

    def value_for(self, key: str) -> str:
        value = self.sentinel.secret()
        rule = config_schema.RULES.get(key)
        return f"https://127.0.0.1:9/{value}" if rule and rule.broken(value) else value


def secret_keys() -> list[str]:
    """Every key of the stack config that is refused in clear."""
    keys = config_schema.declared_keys(ROOT / "Pulumi.yaml")
    with pytest.raises(SettingsError) as refused:
        load_settings(dict.fromkeys(keys, "in clear"), encrypted=())
    return [problem.key for problem in refused.value.problems if problem.rule.startswith("must be encrypted")]


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exam]:
    """The whole story, then a look into every place."""
    sentinel = Sentinel()
    plain = make_clone(tmp_path_factory.mktemp("secrets") / "clone", "sealed")
    watch = Watch(sentinel)
    stack = Deployment(
        clone=WatchedClone(path=plain.path, project=plain.project, watch=watch),
        stack="staging",
        port=18095,
        address="127.0.0.5",
        host="staging.example.com",
        environment={"PULUMI_CONFIG_PASSPHRASE": sentinel.secret()},
    )
    told = Exam(stack=stack, sentinel=sentinel, watch=watch)
    stack.erase()
    try:
        with watch:
            _story(told)
        told.places.update(left_behind(sentinel, stack.prefix, plain.path))
        yield told
    finally:
        stack.pulumi("destroy", "--yes", check=False)
        stack.erase()


def _story(exam: Exam) -> None:
    """Deploy, change, fail, rotate, look, go back."""
    stack = exam.stack
    stack.pulumi("stack", "init", stack.stack, check=False)
    small = {"publishAddress": stack.address, "httpPort": str(stack.port), "httpsPort": "0", "bakeSeconds": "1"}
    stack.set(**small, **SMALL, **build_config())
    exam.plant()
    stack.up()
    assert stack.get("/health/").status_code == 200
    stack.get("/nowhere/?next=/admin/")

    _review_and_deploy(exam)
    _fail(exam)
    exam.plant()  # under the version that is deployed
    assert "Raise secretsVersion" in stack.up(check=False).stdout
    stack.set(secretsVersion="2")
    stack.up("--diff")
    assert stack.get("/health/").status_code == 200

    for words in (["rollback", "--yes"], ["unpin"]):
        done = exam.ops(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    for words in VERBS:
        stack.pulumi(*words)
    for command in command_line._COMMANDS:
        for flags in OPS.get(command, [[]]):
            exam.ops(command, *flags)


def _review_and_deploy(exam: Exam) -> None:
    stack, folder = exam.stack, exam.stack.clone.path
    stack.clone.edit("sample/templates/base.html", "<title>", "<title>Changed: ")
    (folder / "preview.json").write_text(stack.pulumi("preview", "--json").stdout)
    for record in ("ledger", "capacity"):
        (folder / f"{record}.json").write_text(exam.ops("review", f"--record={record}").stdout)
    live = stack.containers("web")[0].attrs["Config"]["Image"]
    given = ["--preview=preview.json", "--ledger=ledger.json", "--capacity=capacity.json", f"--image={live}"]
    assert "digest of the plan" in exam.ops("review", *given).stdout
    stack.up("--json")


def _fail(exam: Exam) -> None:
    broken = BREAKAGES[0]
    exam.stack.clone.edit(broken.file, broken.old, broken.new)
    assert exam.stack.up(check=False).returncode != 0
    exam.stack.clone.edit(broken.file, broken.new, broken.old)


def test_no_secret_is_found_outside_of_its_files(exam: Exam) -> None:
    """Not in a comment, a log, a diff, the state, an inspection, a layer, a process, nor in anything printed."""
    assert sorted(exam.watch.found) == []
    assert {place: found for place, found in exam.places.items() if found} == {}


def test_the_exam_has_seen_what_it_must(exam: Exam) -> None:
    """Processes of every kind of container, containers that run for a moment, and every place."""
    assert {"postgres", "nginx:", "/venv/bin/python3"} <= {
        word for name in exam.watch.processes for word in (name, name.split()[0] if name else "")
    }
    assert {name for name in exam.watch.inspected if name.startswith(f"{exam.stack.prefix}-")} - set(
        names("container", exam.stack.prefix)
    )
    assert {"container inspect", "image layers", "volume ledger", "volume postgres-data", ".state"} <= set(exam.places)
    assert {"djangoSecretKey", "databasePassword"} <= set(secret_keys())


def test_secrets_are_in_files_for_one_user(exam: Exam) -> None:
    """Of both versions, as planted: the site reads them, and nobody else on the server but root can."""
    for version in (1, 2):
        listed = _in_volume(exam.stack, f"secrets-{version}", "stat --format='%a %u %n' /v/*")
        assert {line.rpartition(" ")[0] for line in listed} == {"400 10001"}
        files = [line.rpartition(" ")[2] for line in listed]
        assert len(files) >= 2
        for file in files:
            content = "\n".join(_in_volume(exam.stack, f"secrets-{version}", f"cat {file}"))
            assert exam.sentinel.found(file, content.encode()), file


def _in_volume(stack: Deployment, use: str, command: str) -> list[str]:
    """What a shell command prints, run by root with a volume at /v."""
    [python] = [image for image in names("image", stack.prefix) if "/python:" in image]
    volume = f"--volume={stack.prefix}-{use}:/v"
    run = ["run", "--rm", "--network=none", "--user=0:0", "--entrypoint=sh", volume, python, "-c", command]
    return docker(*run).decode().splitlines()


def test_what_is_planted_is_found(exam: Exam, tmp_path: Path) -> None:
    """The control: a leak in each place, in several forms."""
    stack, token = exam.stack, exam.sentinel.token
    with Watch(exam.sentinel) as watch:
        _leak(stack, token, tmp_path)
        WatchedClone(path=tmp_path, project="leak", watch=watch).run("echo", token[::-1])
        time.sleep(2)
        planted = dict(left_behind(exam.sentinel, stack.prefix, stack.clone.path))
    assert planted.keys() >= exam.places.keys()
    assert [place for place, found in planted.items() if not found] == []
    logs = "\n".join(planted["container logs"])
    assert f"log of {stack.prefix}-nginx" in logs
    assert f"log of {stack.prefix}-leak" in logs
    kinds = ("output of echo", "arguments of sh", "environment of sleep", "event container", "inspection of")
    told = "\n".join(watch.found)
    assert [kind for kind in kinds if kind not in told] == []


def _leak(stack: Deployment, token: str, folder: Path) -> None:
    """The token wherever somebody might be so careless."""
    label = [f"--label=django-stack.stack={stack.prefix}"]
    leak = f"{stack.prefix}-leak"
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as layer:
        content = token.encode().hex().encode()
        layer.addfile(_entry("settings.py", len(content)), io.BytesIO(content))
    (folder / "layer.tar").write_bytes(tar.getvalue())
    docker(
        "import",
        f"--change=ENV LEAK={token}",
        f"--message={token}",
        str(folder / "layer.tar"),
        f"{stack.prefix}/leak:1",
    )
    docker("volume", "create", *label, f"--label=leak={token}", leak)
    docker("network", "create", *label, f"--label=leak={token}", leak)
    [python] = [image for image in names("image", stack.prefix) if "/python:" in image]
    flags = [*label, f"--label=leak={token}", f"--env=LEAK={token}", "--network=none", "--entrypoint=sh"]
    docker("run", "--detach", f"--name={leak}", *flags, python, "-c", f"echo {token}; sleep 60; echo {token}")
    for volume in names("volume", stack.prefix):
        if "-secrets-" not in volume:
            _in_volume(stack, volume.removeprefix(f"{stack.prefix}-"), f"echo {token} > /v/leak || true")
    stack.get(f"/{token}/")
    for part in (".state", ".local"):
        (stack.clone.path / part).mkdir(exist_ok=True)
        (stack.clone.path / part / "leak").write_text(token)
    stack.clone.edit(f"Pulumi.{stack.stack}.yaml", "config:\n", f"config: # {token}\n")


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry
