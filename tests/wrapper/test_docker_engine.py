"""Which Docker Engine is meant, what it answers, and what is said when it will not do."""

import hashlib
import json
import socket
from pathlib import Path

import pytest

from tests.wrapper.pretence import FakeEngine
from wrapper import docker_api, docker_endpoint, images
from wrapper.docker_api import Answer, Outcome
from wrapper.docker_endpoint import DEFAULT, Endpoint, find
from wrapper.docker_state import State, diagnose, major
from wrapper.errors import WrapperError

LOCAL = Endpoint(url=DEFAULT, source="the default socket")
CHOSEN = Endpoint(url="tcp://10.0.0.1:2375", source="DOCKER_HOST")


def answered(body: object, status: int = 200) -> Answer:
    return Answer(outcome=Outcome.ANSWERED, status=status, body=body)


@pytest.mark.parametrize(
    ("endpoint", "answer", "dockerd", "state", "message"),
    [
        (LOCAL, answered({"Version": "24.0.0"}), True, State.USABLE, ""),
        (LOCAL, answered({"Version": "26.1.5+dfsg1"}), False, State.USABLE, ""),
        (LOCAL, answered({"Version": "23.0.9"}), True, State.TOO_OLD, "got Docker 23.0.9, need Docker 24 or newer"),
        (LOCAL, answered({"Version": "dev"}), True, State.TOO_OLD, "got Docker dev"),
        (LOCAL, answered({}, 404), True, State.UNREACHABLE, "does not answer as one (HTTP 404"),
        (LOCAL, answered("x"), True, State.UNREACHABLE, "does not answer as one"),
        (LOCAL, Answer(outcome=Outcome.ABSENT), False, State.ABSENT, "no Engine is on this machine"),
        (LOCAL, Answer(outcome=Outcome.ABSENT), True, State.STOPPED, "installed but not running"),
        (LOCAL, Answer(outcome=Outcome.REFUSED), True, State.STOPPED, "installed but not running"),
        (LOCAL, Answer(outcome=Outcome.DENIED), True, State.DENIED, "sudo usermod -aG docker $USER"),
        (CHOSEN, Answer(outcome=Outcome.REFUSED, detail="refused"), True, State.UNREACHABLE, "not reachable (refused)"),
        (CHOSEN, Answer(outcome=Outcome.ABSENT), False, State.UNREACHABLE, "(DOCKER_HOST) is not reachable"),
        (LOCAL, Answer(outcome=Outcome.FAILED, detail="timed out"), True, State.UNREACHABLE, "(timed out)"),
    ],
)
def test_an_engine_is_judged_by_its_answer(
    endpoint: Endpoint, answer: Answer, dockerd: bool, state: State, message: str
) -> None:
    """Each state with its own words; only the default socket is one where something may be installed."""
    found = diagnose(endpoint, answer, dockerd=dockerd, client=True)

    assert found.state is state
    assert message in found.message
    assert bool(found.message) is (state is not State.USABLE)


def test_a_usable_engine_needs_a_client_too() -> None:
    """Deploying calls the docker command."""
    found = diagnose(LOCAL, answered({"Version": "26.1.5"}), dockerd=True, client=False)

    assert found.state is State.NO_CLIENT


@pytest.mark.parametrize(("version", "number"), [("20.10.24+dfsg1", 20), ("28.2.2-rc.1", 28), ("", 0), ("master", 0)])
def test_major_version_is_read(version: str, number: int) -> None:
    """From Docker's and Debian's spellings."""
    assert major(version) == number


def test_docker_host_wins_over_contexts(tmp_path: Path) -> None:
    """With TLS where that is switched on."""
    variables = {
        "DOCKER_HOST": "tcp://h:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/c",
        "DOCKER_CONTEXT": "x",
    }
    found = find(variables, home=tmp_path)

    assert (found.url, found.certificates) == ("tcp://h:2376", Path("/c"))
    assert found.variables == {"DOCKER_HOST": "tcp://h:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/c"}


def test_current_context_is_followed_and_told_to_clients_that_know_none(tmp_path: Path) -> None:
    """By its hash, as the CLI keeps it; DOCKER_CONTEXT wins over the configured one."""
    for name in ("one", "two"):
        identity = hashlib.sha256(name.encode()).hexdigest()
        meta = tmp_path / ".docker" / "contexts" / "meta" / identity / "meta.json"
        meta.parent.mkdir(parents=True)
        meta.write_text(json.dumps({"Endpoints": {"docker": {"Host": f"ssh://{name}"}}}))
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "one"}')

    assert find({}, home=tmp_path).url == "ssh://one"
    found = find({"DOCKER_CONTEXT": "two"}, home=tmp_path)
    assert found.variables == {"DOCKER_HOST": "ssh://two"}
    assert found.source == "docker context 'two'"


def test_default_socket_is_the_last_resort(tmp_path: Path) -> None:
    """And is told to nobody: it is everybody's default."""
    assert find({"DOCKER_CONTEXT": "default"}, home=tmp_path).variables == {}
    assert find({}, home=tmp_path).is_default


def test_a_context_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """Never another Engine than the one meant."""
    with pytest.raises(WrapperError, match="context 'gone' does not exist"):
        find({"DOCKER_CONTEXT": "gone"}, home=tmp_path)


def test_an_engine_is_asked_over_its_socket(docker_engine: FakeEngine) -> None:
    """Without any client."""
    endpoint = docker_endpoint.find({"DOCKER_HOST": docker_engine.url}, home=Path("/"))

    assert docker_api.version(endpoint).body["Version"] == "26.1.5+dfsg1"
    assert not images.reached(docker_api.distribution(endpoint, "x", timeout_seconds=5))


def test_a_dead_socket_and_a_missing_one_are_told_apart(tmp_path: Path) -> None:
    """One has somebody to be started, the other may not."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    dead = docker_api.version(Endpoint(url=f"unix://{path}", source=""))
    gone = docker_api.version(Endpoint(url=f"unix://{path}x", source=""))

    assert (dead.outcome, gone.outcome) == (Outcome.REFUSED, Outcome.ABSENT)


def test_an_engine_that_never_answers_is_given_up(tmp_path: Path) -> None:
    """After the time that was allowed."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        answer = docker_api.distribution(Endpoint(url=f"unix://{tmp_path / 's'}", source=""), "x", timeout_seconds=0.05)

    assert answer.outcome is Outcome.FAILED
    assert "timed out" in answer.detail


@pytest.mark.parametrize("url", ["fd://", "tcp://", "npipe:////./pipe/docker", "nonsense"])
def test_an_address_that_is_none_is_an_answer_not_a_crash(url: str) -> None:
    """With the address in it."""
    answer = docker_api.version(Endpoint(url=url, source="DOCKER_HOST"))

    assert answer.outcome is Outcome.FAILED
    assert url in answer.detail


@pytest.mark.parametrize(
    ("answer", "reached"),
    [
        (answered({"Descriptor": {}}), True),
        (answered({"message": "unauthorized: authentication required"}, 401), True),
        (answered({"message": "toomanyrequests: You have reached your pull rate limit"}, 500), True),
        (answered({"message": "errors: denied: requested access to the resource is denied"}, 500), True),
        (answered({"message": 'Get "https://r/v2/": dial tcp: lookup r: no such host'}, 500), False),
        (answered({"message": 'Get "https://r/v2/": net/http: request canceled'}, 500), False),
        (answered({"message": 'Get "https://r/v2/": x509: certificate signed by unknown authority'}, 500), False),
        (Answer(outcome=Outcome.FAILED, detail="timed out"), False),
    ],
)
def test_a_registry_is_reached_when_it_says_anything(answer: Answer, reached: bool) -> None:
    """Also that it wants a login, or fewer requests."""
    assert images.reached(answer) is reached
