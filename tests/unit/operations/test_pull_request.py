"""`./ops pull-request` on a server that is told: what is checked before anything is made, and what is taken away."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from operations import environment, make_secrets
from operations.command_line import main
from operations.pull_request import age, numbers
from operations.pull_request_report import Facts
from operations.stack import Stack
from preflight.server import Listener, Server
from tests.unit.operations.clones import Clone
from tests.unit.program import SERVER

PROJECT = "django-stack"


@dataclass(kw_only=True)
class World:
    """A server and a backend, as the command sees them; and what it did, in order."""

    clone: Clone
    done: list[str] = field(default_factory=list)
    marks: dict[int, str] = field(default_factory=dict)
    """Number to when it was made."""
    containers: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Name to stack and memory in MiB."""
    volumes: dict[str, str] = field(default_factory=dict)
    """Name to stack."""
    recorded: dict[str, str] = field(default_factory=dict)
    """Stack to its last update."""
    server: Server = SERVER
    codes: dict[str, int] = field(default_factory=dict)
    """Verb to the exit code of its engine."""

    def docker(self, *words: str, stdin: str = "", check: bool = True, both: bool = False) -> str:  # noqa: ARG002
        call = " ".join(words)
        label = next((word.partition("=")[2] for word in words if word.startswith("--filter=label=")), "")
        stack = label.removeprefix("label=django-stack.stack=")
        answers: dict[str, Callable[[], str]] = {
            "volume ls --quiet --filter=label=django-stack.pull-request": lambda: " ".join(
                f"{PROJECT}-pr-{number}-pull-request" for number in self.marks
            ),
            "volume inspect --format": lambda: "",
            "volume inspect": lambda: json.dumps([self._mark(number) for number in self.marks]),
            "volume ls": lambda: " ".join(name for name, owner in self.volumes.items() if owner == stack),
            "ps --all": lambda: " ".join(name for name, (owner, _) in self.containers.items() if owner == stack),
            "ps --format": lambda: " ".join(self.containers),
            "inspect": lambda: json.dumps([self._container(name) for name in words[2:]]),
        }
        for beginning, answer in answers.items():
            if call.startswith(beginning):
                return answer()
        if words[1] in ("create", "rm"):
            self.done.append(call)
        return ""

    def _mark(self, number: int) -> dict[str, Any]:
        prefix = f"{PROJECT}-pr-{number}"
        labels = {"django-stack.pull-request": str(number), "django-stack.environment": prefix}
        return {"Name": f"{prefix}-pull-request", "CreatedAt": self.marks[number], "Labels": labels}

    def _container(self, name: str) -> dict[str, Any]:
        stack, memory_mb = self.containers[name]
        labels = {"django-stack.stack": stack} if stack else None
        return {"Name": f"/{name}", "Config": {"Labels": labels}, "HostConfig": {"Memory": memory_mb * 1024**2}}

    def pulumi(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert command[0].endswith("/pulumiw")
        self.done.append(" ".join(command[1:]))
        return subprocess.CompletedProcess(command, self.codes.get(command[1], 0), "", "")

    def config(self, number: int) -> Path:
        return self.clone.config(f"pr-{number}")


@pytest.fixture
def world(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> World:
    """Nothing but the committed configs."""
    clone.enter(monkeypatch)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "of the tests")
    made = World(clone=clone)
    times = {"stacks": lambda _: {name: datetime.fromisoformat(time) for name, time in made.recorded.items()}}
    monkeypatch.setattr(environment, "DockerCli", lambda _: made.docker)
    monkeypatch.setattr(environment, "observe", lambda *_: made.server)
    monkeypatch.setattr(environment, "stacks", times["stacks"])
    monkeypatch.setattr("operations.environment.subprocess.run", made.pulumi)
    monkeypatch.setattr(environment.Environment, "facts", _facts)
    monkeypatch.setattr(make_secrets, "_create", lambda _: made.done.append("create the stack"))
    monkeypatch.setattr(Stack, "write_secret", lambda _, key, __: made.done.append(f"secret {key}"))
    return made


def _facts(self: environment.Environment) -> Any:
    url = f"http://pr-{self.number}.example.com"
    return Facts(number=self.number, url=url, deployed=datetime.now(UTC), commit="c0", memory_mb=1)


def there(world: World, *found: int, age: timedelta = timedelta()) -> None:
    """Environments that are up, deployed so long ago."""
    time = (datetime.now(UTC) - age).isoformat()
    for number in found:
        prefix = f"{PROJECT}-pr-{number}"
        world.marks[number] = world.recorded[f"pr-{number}"] = time
        world.containers[f"{prefix}-web"] = (prefix, 1000)
        world.volumes[f"{prefix}-media"] = prefix


def run(*words: str) -> int:
    return main(["pull-request", *words])


def test_what_is_made_first_is_the_mark(world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Then config, stack, secrets, and the deployment; and whoever asked is told where it is."""
    assert run("up", "12", f"--comment={tmp_path / 'comment.md'}") == 0
    mark = f"--label=django-stack.pull-request=12 --label=django-stack.environment={PROJECT}-pr-12"
    assert world.done == [
        f"volume create {mark} {PROJECT}-pr-12-pull-request",
        "create the stack",
        "secret djangoSecretKey",
        "secret databasePassword",
        "up --yes --skip-preview --stack pr-12",
    ]
    config = yaml.safe_load(world.config(12).read_text())["config"]
    assert config[f"{PROJECT}:httpPort"] == 20012
    assert config[f"{PROJECT}:siteHosts"] == ["pr-12.example.com"]
    assert capsys.readouterr().out == "pull request 12: http://pr-12.example.com\n"
    assert (tmp_path / "comment.md").read_text().startswith("## Environment: http://pr-12.example.com\n<!-- ")


def test_another_up_makes_nothing_but_the_config_and_deploys(world: World) -> None:
    """The mark stays; so do secrets that are set."""
    there(world, 12)
    world.config(12).write_text(
        f"encryptionsalt: v1:x\nconfig:\n  {PROJECT}:djangoSecretKey: {{secure: v1:a}}\n"
        f"  {PROJECT}:databasePassword: {{secure: v1:b}}\n  {PROJECT}:webReplicas: 5\n"
    )
    assert run("up", "12") == 0
    assert world.done == ["create the stack", "up --yes --skip-preview --stack pr-12"]
    written = yaml.safe_load(world.config(12).read_text())
    assert written["encryptionsalt"] == "v1:x"
    assert written["config"][f"{PROJECT}:djangoSecretKey"] == {"secure": "v1:a"}
    assert written["config"][f"{PROJECT}:webReplicas"] == 1


def test_a_deployment_that_fails_is_told_in_the_comment_too(world: World, tmp_path: Path) -> None:
    """With the engine's exit code."""
    world.codes["up"] = 255
    assert run("up", "12", f"--comment={tmp_path / 'comment.md'}") == 255
    assert (tmp_path / "comment.md").read_text().startswith("## Environment: not deployed\n<!-- ")


@pytest.mark.parametrize("text", ["0", "-1", "12; rm -rf", "1e3", "", "٣", "012", "99999999"])
@pytest.mark.parametrize("command", ["up", "down"])
def test_what_is_no_number_is_refused(world: World, command: str, text: str, capsys: Any) -> None:
    """Before anybody is asked anything."""
    with pytest.raises(SystemExit) as end:
        run(command, "--", text)
    assert end.value.code == 1
    assert "must be a pull request's number, such as 12" in capsys.readouterr().err
    assert world.done == []


def refused(world: World, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Why it was, with nothing made or removed."""
    before = sorted(path.name for path in world.clone.path.iterdir())
    assert run(*words) == 1
    assert world.done == []
    assert sorted(path.name for path in world.clone.path.iterdir()) == before
    return capsys.readouterr().err


def test_a_port_that_is_taken_is_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """By whom, and nothing is made."""
    taken = Listener(address="10.0.0.1", port=20012, owner="container shop-web", container="shop-web")
    world.server = replace(SERVER, listeners=(taken,))
    assert "httpPort: 0.0.0.0:20012 must be free (got container shop-web on it)" in refused(world, capsys, "up", "12")


def test_a_port_that_there_is_not_is_refused_with_all_else(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """As the program would say it, at once, and where to correct it."""
    config = world.clone.config("pr")
    config.write_text(config.read_text() + f"  {PROJECT}:webCpus: many\n")
    told = refused(world, capsys, "up", "45536")
    assert "what its templates make must be usable. Correct the templates" in told
    assert "httpPort: must be between 1 and 65535 (got '65536')" in told
    assert "webCpus: must be a number of CPUs" in told


@pytest.mark.parametrize("name", ["nope", "../prod", "a/b", ""])
def test_a_template_that_is_not_there_is_refused(world: World, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With those that are; none is needed."""
    if not name:
        world.clone.config("pr").unlink()
    told = refused(world, capsys, "up", "12", f"--template={name}")
    assert f"template: Pulumi.{name or 'pr'}.yaml must be there" in told
    assert "Pulumi.prod.yaml, Pulumi.staging.yaml" in told


def test_an_environment_takes_after_another_stack(world: World) -> None:
    """In what the template does not say."""
    world.clone.config("staging").write_text(f"config:\n  {PROJECT}:healthPath: /up/\n  {PROJECT}:webReplicas: 7\n")
    assert run("up", "12", "--template=staging") == 0
    config = yaml.safe_load(world.config(12).read_text())["config"]
    assert (config[f"{PROJECT}:healthPath"], config[f"{PROJECT}:webReplicas"]) == ("/up/", 1)


def test_one_that_does_not_fit_into_the_memory_is_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside what runs: environments, other stacks, and what is no stack's. One MiB more, and it fits."""
    there(world, 5, 6)
    world.containers |= {"prod-web": ("shop-prod", 4000), "other": ("", 500)}
    needed = 2 * 320 + 256 + 64 + 16
    world.server = replace(SERVER, memory_mb=6500 + needed - 1)
    told = refused(world, capsys, "up", "12")
    assert f"memory: {needed} MiB must fit into the server's {6500 + needed - 1} MiB" in told
    assert "(got 2000 MiB of 2 other environments and 4500 MiB of all else)" in told
    world.server = replace(SERVER, memory_mb=6500 + needed)
    assert run("up", "12") == 0


def test_what_it_has_already_is_not_counted_against_it(world: World) -> None:
    """A second deployment takes the place of the first."""
    there(world, 12)
    world.server = replace(SERVER, memory_mb=1100)
    assert run("up", "12") == 0


def test_without_a_passphrase_nothing_is_made(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be made for nobody."""
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    assert "passphrase is not set" in refused(world, capsys, "up", "12")


@pytest.mark.parametrize("command", ["up", "down"])
@pytest.mark.parametrize("by_hand", ["config", "record", "container", "volume"])
def test_a_stack_that_somebody_made_stays_as_it_is(
    world: World, command: str, by_hand: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever there is of it."""
    prefix = f"{PROJECT}-pr-12"
    if by_hand == "config":
        world.config(12).write_text("config: {}\n")
    elif by_hand == "record":
        world.recorded["pr-12"] = datetime.now(UTC).isoformat()
    elif by_hand == "container":
        world.containers["c"] = (prefix, 1)
    else:
        world.volumes["v"] = prefix
    assert "stack pr-12: must be one that `./ops pull-request up 12` has made" in refused(world, capsys, command, "12")


@pytest.mark.parametrize("command", ["up", "down"])
def test_one_whose_state_is_elsewhere_is_left_alone(
    world: World, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless it is lost, which a person has to say."""
    there(world, 12)
    world.recorded.clear()
    assert "its state must be here (got none in file://" in refused(world, capsys, command, "12")
    assert run("down", "12", "--force") == 0
    assert world.done[0] == f"container rm --force {PROJECT}-pr-12-web"


def test_all_of_it_is_taken_away_and_nothing_else(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """By the engine first, then by label, and the mark last: what is cut short can be done again."""
    there(world, 1, 12)
    world.config(12).write_text("config: {}\n")
    assert run("down", "12") == 0
    assert world.done == [
        "destroy --yes --skip-preview --stack pr-12",
        f"container rm --force {PROJECT}-pr-12-web",
        f"volume rm --force {PROJECT}-pr-12-media",
        "stack rm --yes --stack pr-12",
        f"volume rm --force {PROJECT}-pr-12-pull-request",
    ]
    assert not world.config(12).exists()
    assert "pull request 12: taken away" in capsys.readouterr().out


def test_one_that_is_not_there_need_not_be_taken_away(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A request that was closed before it had one is no failure."""
    there(world, 1)
    assert run("down", "12") == 0
    assert (world.done, capsys.readouterr().out) == ([], "pull request 12: has no environment\n")


def test_the_config_of_one_that_another_clone_has_taken_away_is_none(world: World) -> None:
    """Its secrets are gone with it, and the next one begins with new ones."""
    assert run("up", "12") == 0
    text = world.config(12).read_text()
    world.config(12).write_text(f"encryptionsalt: v1:x\n{text}  {PROJECT}:djangoSecretKey: {{secure: v1:a}}\n")
    world.done.clear()
    assert run("up", "12") == 0
    assert "secret djangoSecretKey" in world.done
    assert "encryptionsalt" not in world.config(12).read_text()
    assert run("down", "12") == 0
    assert not world.config(12).exists()


def test_nothing_of_it_stays_in_a_backend_of_files(world: World) -> None:
    """Backups hold its secrets, though encrypted; those of a number that begins alike stay."""
    there(world, 1)
    state = world.clone.path / ".state" / ".pulumi"
    for number in (1, 12):
        for file in (f"stacks/{PROJECT}/pr-{number}.json.bak", f"backups/{PROJECT}/pr-{number}/pr-{number}.7.json"):
            (state / file).parent.mkdir(parents=True, exist_ok=True)
            (state / file).write_text("{}")
        (state / "history" / PROJECT / f"pr-{number}").mkdir(parents=True)
    assert run("down", "1") == 0
    assert {path.name for path in state.rglob("pr-*")} == {"pr-12", "pr-12.json.bak", "pr-12.7.json"}


def test_what_cannot_be_destroyed_is_left_whole(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody may be deploying it."""
    there(world, 12)
    world.codes["destroy"] = 1
    assert run("down", "12") == 1
    assert world.done == ["destroy --yes --skip-preview --stack pr-12"]
    assert "Try again when no other update is under way" in capsys.readouterr().err


def test_the_old_ones_are_pruned_but_for_those_that_are_kept(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """By their last deployment; one that cannot be removed does not keep the others."""
    there(world, 1, 2, 3, age=timedelta(days=8))
    there(world, 4, age=timedelta(days=6))
    assert run("prune", "--older-than=7d", "--keep-open=2, 9") == 0
    destroyed = [call for call in world.done if call.startswith("destroy")]
    assert destroyed == [f"destroy --yes --skip-preview --stack pr-{number}" for number in (1, 3)]
    world.codes["destroy"] = 1
    world.done.clear()
    assert run("prune", "--older-than=7d") == 1
    assert len(world.done) == 3
    assert capsys.readouterr().err.count("cannot be destroyed") == 3


def test_without_a_record_the_mark_tells_the_age(world: World) -> None:
    """As where the first deployment was refused half way."""
    there(world, 1, age=timedelta(days=8))
    world.recorded.clear()
    world.containers.clear()
    assert run("prune", "--older-than=7d") == 0
    assert world.done[-1] == f"volume rm --force {PROJECT}-pr-1-pull-request"


def test_they_are_listed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """For people and for programs."""
    there(world, 3, 12)
    assert run("list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["NUMBER", "3", "12"]
    assert run("list", "--json") == 0
    assert [each["number"] for each in json.loads(capsys.readouterr().out)] == [3, 12]


def test_a_stack_is_not_named_beside_a_number(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be unclear which is meant."""
    assert main(["--stack=staging", "pull-request", "up", "12"]) == 1
    assert "--stack: must not be given" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("up", "12", "--stack=staging")
    assert world.done == []


@pytest.mark.parametrize("action", ["up", "down", "list", "prune"])
def test_every_action_explains_itself(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With more than its flags, and with what is lost."""
    with pytest.raises(SystemExit) as end:
        run(action, "--help")
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "--template STACK" in text
    assert len(text.split()) > 50


def test_numbers_and_ages_are_read_as_people_and_workflows_write_them() -> None:
    """Commas, spaces and lines; m, h, d and w."""
    assert numbers("12,15") == numbers("12\n15\n") == numbers(" 12, 15,") == [12, 15]
    assert numbers("") == []
    ages = [timedelta(minutes=30), timedelta(hours=12), timedelta(days=7), timedelta(weeks=2)]
    assert [age(text) for text in ("30m", "12h", "7d", "2w")] == ages


@pytest.mark.parametrize("flag", ["--older-than=7", "--older-than=-1d", "--older-than=d", "--keep-open=x"])
def test_an_age_or_a_list_that_makes_no_sense_is_refused(world: World, flag: str) -> None:
    """Rather than taken for something that removes more."""
    with pytest.raises(SystemExit) as end:
        run("prune", "--older-than=7d", flag)
    assert end.value.code == 1
    assert world.done == []
