"""`./ops drift`: what it asks, what it prints, what it exits with."""

import argparse
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from operations import drift
from operations.errors import OperationError
from tests.unit.drift.deployed import PROJECT, RunningStack, export
from tests.unit.operations.clones import Clone
from tests.unit.operations.issue_hosts import Host, github, serving
from tests.unit.recording import Declarations

Answer = subprocess.CompletedProcess[str]


@pytest.fixture
def docker(dev: Declarations) -> RunningStack:
    """Docker, with all of the stack."""
    return RunningStack(dev)


@pytest.fixture
def asked(clone: Clone, dev: Declarations, docker: RunningStack, monkeypatch: pytest.MonkeyPatch) -> dict[str, Answer]:
    """In a clone with the stack deployed; the answers of the engine by verb, and the verbs that it was asked."""
    for path in clone.path.glob("Pulumi*.yaml"):
        path.write_text(path.read_text().replace("django-stack", PROJECT))
    clone.enter(monkeypatch)
    state = clone.path / ".state" / ".pulumi" / "stacks" / PROJECT / "dev.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"checkpoint": {"latest": {"resources": [{}]}}}')
    steps = json.dumps({"steps": [], "diagnostics": []})
    answers = {
        "preview": Answer([], 0, steps, ""),
        "stack export": Answer([], 0, export(dev), ""),
        "up": Answer([], 0, "", ""),
    }
    asked: list[str] = []

    def run(words: list[str], **options: Any) -> Answer:
        verb = next(verb for verb in answers if " ".join(words[1:]).startswith(verb))
        assert words[-2:] == ["--stack", "dev"]
        assert verb == "up" or options["stdin"] == subprocess.DEVNULL
        asked.append(verb)
        return answers[verb]

    monkeypatch.setattr("operations.drift.subprocess.run", run)
    monkeypatch.setattr("operations.drift.DockerCli", lambda _: docker)
    answers["asked"] = Answer(asked, 0, "", "")
    return answers


def ops(form: str = "", *, stack: str = "dev", fix: bool = False, agreed: bool = False, **told: bool) -> int:
    """`./ops drift`."""
    forms = {"json": form == "json", "markdown": form == "markdown"}
    others = {"issue": False, "notify": False} | told
    return drift.run(argparse.Namespace(stack=stack, fix=fix, yes_destroy=agreed, **forms, **others))


def verbs(asked: dict[str, Answer]) -> list[str]:
    return sorted(asked["asked"].args)


def slow(docker: RunningStack) -> str:
    """A replica whose share of the CPU somebody has changed."""
    name = str(max(name for name in docker.containers if "-web-" in name))
    docker.containers[name]["HostConfig"]["CpuShares"] = 2
    return name


def test_without_drift_it_says_so(asked: dict[str, Answer], capsys: pytest.CaptureFixture[str]) -> None:
    """And has asked for the state and a preview, once each."""
    assert ops() == 0
    assert capsys.readouterr().out == "stack dev: no drift\n"
    assert verbs(asked) == ["preview", "stack export"]


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("form", "told"), [("", "drift.C013  "), ("json", '"id": "drift.C013"'), ("markdown", "| dri")]
)
def test_drift_is_told_in_each_form(
    form: str, told: str, docker: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the exit code that says so."""
    slow(docker)
    assert ops(form) == 2
    assert told in capsys.readouterr().out


def test_looking_changes_nothing(asked: dict[str, Answer], docker: RunningStack) -> None:
    """Even where there is drift."""
    slow(docker)
    ops()
    assert verbs(asked) == ["preview", "stack export"]
    assert {words[0] for words in docker.calls} == {"ps", "container", "network", "volume", "image", "exec", "run"}


def test_what_the_program_changes_is_told_apart(asked: dict[str, Answer], capsys: pytest.CaptureFixture[str]) -> None:
    """It is a difference as well, so the exit code is the same."""
    step = {"op": "update", "urn": "urn:pulumi:dev::shop::a:b:Container::web-1"}
    asked["preview"] = Answer([], 0, json.dumps({"steps": [step]}), "")
    assert ops() == 2
    assert "no drift, 1 difference from the program" in capsys.readouterr().out


def test_a_program_that_cannot_be_previewed_is_no_answer(
    asked: dict[str, Answer], capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code says that not everything could be looked at."""
    asked["preview"] = Answer([], 1, "", "error: webReplicas: must be a number")
    assert ops() == 1
    assert "webReplicas: must be a number" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer([], 6, "", "error: no stack named 'dev' found"), "no stack named 'dev' found"),
        (Answer([], 1, "", "error: incorrect passphrase"), "incorrect passphrase"),
        (Answer([], 0, '{"deployment": {"resources": [{"urn"', ""), "the export must be whole JSON"),
        (Answer([], 0, '{"deployment": {}}', ""), "must be deployed"),
    ],
)
def test_a_state_that_cannot_be_read_is_an_error(answer: Answer, told: str, asked: dict[str, Answer]) -> None:
    """With the engine's own reason, or with what is wrong with the text."""
    asked["stack export"] = answer
    with pytest.raises(OperationError, match=told):
        ops()


@pytest.mark.parametrize("stack", ["staging", "nowhere"])
def test_a_stack_that_is_not_deployed_is_left_alone(stack: str, asked: dict[str, Answer], clone: Clone) -> None:
    """A preview of it would make it."""
    before = sorted(clone.path.rglob("*"))
    with pytest.raises(OperationError, match=rf"stack {stack}: must be deployed"):
        ops(stack=stack)
    assert verbs(asked) == []
    assert sorted(clone.path.rglob("*")) == before


@pytest.mark.usefixtures("asked")
def test_an_engine_that_does_not_answer_is_an_error(docker: RunningStack) -> None:
    """With what it said."""
    docker.failing["ps"] = "Cannot connect to the Docker daemon"
    with pytest.raises(OperationError, match="Docker: the engine must answer"):
        ops()


@pytest.fixture
def mending(monkeypatch: pytest.MonkeyPatch) -> None:
    """A docker command that really updates and removes."""
    real = RunningStack.__call__

    def call(self: RunningStack, *words: str, **options: Any) -> str:
        if words[0] == "update":
            self.containers[words[-1]]["HostConfig"]["CpuShares"] = 1024
        if words[:2] == ("rm", "--force"):
            self.listed.pop(words[-1])
        return real(self, *words, **options)

    monkeypatch.setattr(RunningStack, "__call__", call)


@pytest.mark.usefixtures("mending")
def test_fixing_mends_and_looks_again(
    asked: dict[str, Answer], docker: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without an `up` where none is needed."""
    name = slow(docker)
    assert ops("json", fix=True) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["drift"] == []
    assert f"docker update --cpus=1.0 --cpu-shares=1024 {name}" in told.err
    assert "1 of 1 mended" in told.err
    assert verbs(asked) == ["preview", "preview", "stack export", "stack export"]


def test_what_is_missing_is_made_by_an_up(asked: dict[str, Answer], docker: RunningStack) -> None:
    """With a refresh, so that the engine sees what is gone. It is tried three times at most."""
    del docker.containers[max(name for name in docker.containers if "-web-" in name)]
    assert ops(fix=True) == 2
    assert verbs(asked).count("up") == 3


def test_an_up_that_fails_ends_it(
    asked: dict[str, Answer], docker: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own output says why."""
    asked["up"] = Answer([], 255, "", "")
    del docker.containers[max(name for name in docker.containers if "-web-" in name)]
    assert ops(fix=True) == 2
    assert "the `up` ended with code 255" in capsys.readouterr().err
    assert verbs(asked).count("up") == 1


def _intrude(docker: RunningStack) -> None:
    labels = {"django-stack.stack": "shop-dev", "django-stack.role": "web"}
    docker.listed["x"] = {
        "State": {"Status": "running"},
        "Mounts": [],
        "NetworkSettings": {"Networks": {}},
        "Config": {"Image": "x", "Labels": labels},
    }


@pytest.mark.usefixtures("asked", "mending")
def test_nothing_is_deleted_without_consent(docker: RunningStack, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal to ask at, the flag is the consent."""
    _intrude(docker)
    assert ops(fix=True) == 2
    assert "left alone: drift.C031 container x: removes the container. Add --yes-destroy" in capsys.readouterr().err
    assert "x" in docker.listed
    assert ops(fix=True, agreed=True) == 0
    assert "x" not in docker.listed


@pytest.mark.usefixtures("asked", "mending")
@pytest.mark.parametrize(("answer", "left"), [("y\n", False), ("\n", True), ("no\n", True), ("", True)])
def test_a_person_at_a_terminal_is_asked(
    answer: str, left: bool, docker: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no answer is a no."""
    _intrude(docker)
    terminal = argparse.Namespace(isatty=lambda: True, readline=lambda: answer)
    monkeypatch.setattr("operations.drift.sys.stdin", terminal)
    monkeypatch.setattr("operations.drift.sys.stderr.isatty", lambda: True)
    ops(fix=True)
    assert ("x" in docker.listed) is left


@pytest.mark.usefixtures("asked", "mending")
def test_a_container_that_was_mended_has_time_to_become_healthy(
    docker: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its next health check says so; until then it is called what it was."""
    state = docker.containers[slow(docker)]["State"]
    state["Health"] = {"Status": "unhealthy"}
    clock = argparse.Namespace(monotonic=lambda: 0.0, sleep=lambda _: state.update(Health={"Status": "healthy"}))
    monkeypatch.setattr(drift, "time", clock)
    assert ops(fix=True) == 0


# Telling others


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """GitHub, in whose workflow this runs."""
    with serving() as host:
        for name in ("CI_PROJECT_ID", "GH_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in github(host).items():
            monkeypatch.setenv(name, value)
        yield host


def with_webhook(clone: Clone, value: str) -> None:
    with clone.config("dev").open("a") as file:
        file.write(f"  {PROJECT}:driftWebhookUrl: {value}\n")


@pytest.mark.usefixtures("asked")
def test_an_issue_is_kept_if_it_is_asked_for(
    host: Host, docker: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """The result and its exit code are the same; without the flag nobody is asked."""
    slow(docker)
    assert ops() == 2
    assert host.calls == []
    assert ops("json", issue=True) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "issue 1: opened"
    assert "drift.C013" in host.issues[0].body


@pytest.mark.usefixtures("asked")
def test_what_could_not_be_told_is_an_error_and_drift_is_printed_all_the_same(
    host: Host, docker: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where, what and what to do."""
    slow(docker)
    host.allowed = False
    assert ops(issue=True) == 1
    told = capsys.readouterr()
    assert "drift.C013" in told.out
    assert "error: GitHub: the token must be allowed to write issues" in told.err


def test_the_webhook_of_the_config_is_told(
    host: Host, asked: dict[str, Answer], clone: Clone, docker: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """The engine decrypts its address, which nobody sees."""
    slow(docker)
    docker.volumes[f"{PROJECT}-dev-ledger"]["Name"] = f"{PROJECT}-dev-ledger"
    assert ops(notify=True) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "webhook: none, as driftWebhookUrl is not set"
    with_webhook(clone, "{secure: v1:x}")
    asked["config get"] = Answer([], 0, f"{host.url}/hook?T0SECRET\n", "")
    assert ops(notify=True) == 2
    assert [each["text"].splitlines()[0] for each in host.messages] == ["Stack `dev`: 1 finding of drift (1 warning)."]
    told = capsys.readouterr()
    assert "webhook: told" in told.err
    assert "T0SECRET" not in told.out + told.err


def test_a_webhook_that_cannot_be_read_keeps_no_issue_from_being_opened(
    host: Host, asked: dict[str, Answer], clone: Clone, docker: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is in clear is refused, too."""
    slow(docker)
    with_webhook(clone, "{secure: v1:x}")
    asked["config get"] = Answer([], 1, "", "error: incorrect passphrase")
    assert ops(notify=True, issue=True) == 1
    assert "driftWebhookUrl: must be readable (got error: incorrect passphrase)" in capsys.readouterr().err
    assert len(host.open) == 1


@pytest.mark.usefixtures("asked", "host")
def test_a_webhook_in_clear_is_refused(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    """It has been in a file that is in git; it is not shown once more."""
    with_webhook(clone, "https://hooks.example/T0SECRET")
    assert ops(notify=True) == 1
    told = capsys.readouterr().err
    assert "driftWebhookUrl: must be encrypted, and is in clear in the stack config." in told
    assert "T0SECRET" not in told
