"""Whole calls of ./pulumiw with a pretended CLI and a pretended Docker Engine."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.wrapper.pretence import FakeEngine, FrontDoor

UP = ("up", "--yes")
DEBIAN_LINE = (
    "stack dev: images are made from Debian packages, as the Docker Engine reaches no image registry "
    "(kept as imagesFrom: debian)"
)


def test_first_up_creates_dev_with_its_secrets_and_leaves_git_clean(front_door: FrontDoor) -> None:
    """What the engine is called with, in order; the secrets come by stdin alone."""
    done = front_door(*UP)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "pulumi's own output\n"
    assert front_door.git_status() == ""
    init, select, key, password, up = front_door.calls()
    merged = str(front_door.clone / ".local" / "Pulumi.dev.yaml")
    assert init["words"] == ["stack", "init", "dev"]
    assert select["words"] == ["stack", "select", "dev"]
    for call, name in ((key, "tiny:djangoSecretKey"), (password, "tiny:databasePassword")):
        assert call["words"] == ["config", "--config-file", merged, "--stack", "dev", "set", "--secret", name]
        assert len(call["stdin"]) >= 40
    assert up["words"] == ["up", "--config-file", merged, "--yes"]
    assert up["PULUMI_BACKEND_URL"] == f"file://{front_door.clone}/.state"
    assert up["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(front_door.clone / ".local" / "dev.passphrase")
    assert up["DOCKER_HOST"] == front_door.variables["DOCKER_HOST"]


def test_first_up_says_what_it_decides_one_line_each(front_door: FrontDoor) -> None:
    """Engine, state, images, secrets; on stderr."""
    lines = front_door(*UP).stderr.splitlines()

    assert lines == [
        "engine: pulumi v3.259.0",
        "stack dev: created, with its state in .state",
        DEBIAN_LINE,
        "stack dev: generated djangoSecretKey and databasePassword for this clone, in .local/dev.yaml",
    ]


def test_second_up_generates_and_decides_nothing(front_door: FrontDoor, docker_engine: FakeEngine) -> None:
    """Not even when a registry has become reachable."""
    front_door(*UP)
    before = (front_door.clone / ".local" / "dev.yaml").read_text()
    docker_engine.answers["/distribution/python:3.13-slim-trixie/json"] = (200, {})

    done = front_door(*UP)

    assert done.stderr.splitlines() == ["engine: pulumi v3.259.0"]
    assert (front_door.clone / ".local" / "dev.yaml").read_text() == before


def test_images_come_from_a_registry_that_the_engine_reaches(front_door: FrontDoor, docker_engine: FakeEngine) -> None:
    """Asked of the Docker Engine, as it is the one that pulls."""
    docker_engine.answers["/distribution/python:3.13-slim-trixie/json"] = (200, {})

    assert "(kept as imagesFrom: registry)" in front_door(*UP).stderr
    config = yaml.safe_load((front_door.clone / ".local" / "Pulumi.dev.yaml").read_text())["config"]
    assert config["tiny:imagesFrom"] == "registry"


def test_company_certificates_reach_image_builds_of_dev(front_door: FrontDoor, tmp_path: Path) -> None:
    """Who has told pip about them has told us."""
    bundle = tmp_path / "company.pem"
    bundle.touch()

    done = front_door(*UP, PIP_CERT=str(bundle))

    assert f"image builds trust the certificates of {bundle}" in done.stderr
    assert str(bundle) in (front_door.clone / ".local" / "dev.yaml").read_text()


def test_values_set_on_dev_stay_on_this_clone(front_door: FrontDoor) -> None:
    """Set, seen by the engine, and taken out again; a stack that was never deployed will do."""
    done = front_door("config", "set", "tiny:greeting", "mine")
    assert "kept in .local/dev.yaml, for this clone alone; Pulumi.dev.yaml is as it was" in done.stderr
    assert "greeting: mine" in (front_door.clone / ".local" / "Pulumi.dev.yaml").read_text()

    done = front_door("config", "rm", "tiny:greeting")
    assert "no longer set in .local/dev.yaml; what Pulumi.dev.yaml says counts again" in done.stderr
    assert "greeting: tracked" in (front_door.clone / ".local" / "Pulumi.dev.yaml").read_text()
    assert front_door.git_status() == ""


def test_other_stacks_are_plain_pulumi(front_door: FrontDoor) -> None:
    """Created from their tracked file, which gets the salt and the image source and keeps its comment."""
    done = front_door("preview", "--stack", "prod", PULUMI_CONFIG_PASSPHRASE="x")

    assert done.returncode == 0, done.stderr
    assert front_door.calls()[-1]["words"] == ["preview", "--stack", "prod"]
    assert not any("select" in call["words"] for call in front_door.calls())
    config = yaml.safe_load((front_door.clone / "Pulumi.prod.yaml").read_text())
    assert config == {
        "encryptionsalt": "v1:fake",
        "config": {"tiny:greeting": "prod", "tiny:imagesFrom": "debian"},
    }
    assert front_door.git_status() == " M Pulumi.prod.yaml\n"


def test_another_stack_without_a_passphrase_ends_with_the_command_that_makes_one(front_door: FrontDoor) -> None:
    """Before anything is created."""
    done = front_door("up", "--stack", "prod")

    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("./ops secrets create --stack prod")
    assert front_door.calls() == []
    assert front_door.git_status() == ""


def test_a_stack_without_a_config_file_is_not_created(front_door: FrontDoor) -> None:
    """It is more likely a slip; the engine says that there is none."""
    front_door("up", "--stack", "prdo", PULUMI_CONFIG_PASSPHRASE="x")

    assert [call["words"] for call in front_door.calls()] == [["up", "--stack", "prdo"]]


def test_destroy_creates_nothing(front_door: FrontDoor) -> None:
    """Neither a stack nor secrets."""
    front_door("destroy", "--yes")

    assert [call["words"] for call in front_door.calls()] == [["destroy", "--yes"]]
    assert not (front_door.clone / ".local" / "dev.passphrase").exists()


def test_removing_dev_keeps_its_tracked_file(front_door: FrontDoor) -> None:
    """By a flag where there is one, by putting it back where there is none."""
    front_door(*UP)
    front_door("stack", "rm", "dev", "--yes")
    assert front_door.calls()[-1]["words"] == ["stack", "rm", "dev", "--yes", "--preserve-config"]

    done = front_door("destroy", "--remove", "--yes", FAKE_PULUMI_EXIT="3")
    assert done.returncode == 3
    assert front_door.git_status() == ""


@pytest.mark.parametrize("action", [("rename", "x"), ("change-secrets-provider", "passphrase")])
def test_verbs_that_rewrite_the_config_of_dev_are_refused(front_door: FrontDoor, action: tuple[str, ...]) -> None:
    """Its secrets are not in the file that they rewrite."""
    done = front_door("stack", *action)

    assert done.returncode == 1
    assert "Make a stack to keep: ./pulumiw stack init NAME" in done.stderr
    assert front_door.calls() == []


def test_making_dev_by_hand_keeps_its_salt_out_of_git(front_door: FrontDoor) -> None:
    """`stack init dev` is the same creation; a second one says so."""
    assert front_door("stack", "init", "dev").returncode == 0
    assert front_door.git_status() == ""
    assert front_door.calls()[-1]["words"] == ["stack", "select", "dev"]
    assert "it exists already" in front_door("stack", "init", "dev").stderr


def test_own_passphrase_backend_and_config_file_are_left_alone(front_door: FrontDoor, tmp_path: Path) -> None:
    """What the user says wins over what the wrapper would do."""
    url = f"file://{tmp_path}/elsewhere"
    front_door(*UP, PULUMI_BACKEND_URL=url, PULUMI_CONFIG_PASSPHRASE="x")
    assert front_door.calls()[-1]["PULUMI_BACKEND_URL"] == url
    assert not (front_door.clone / ".local" / "dev.passphrase").exists()

    front_door(*UP, "--config-file", "mine.yaml", PULUMI_BACKEND_URL=url, PULUMI_CONFIG_PASSPHRASE="x")
    assert front_door.calls()[-1]["words"] == [*UP, "--config-file", "mine.yaml"]


def test_a_backend_of_the_project_file_gets_the_stack(front_door: FrontDoor) -> None:
    """Its path is relative to that file, wherever the stack is made."""
    file = front_door.clone / "Pulumi.yaml"
    file.write_text(file.read_text() + "backend: {url: 'file://./mine'}\n")
    assert front_door("preview").returncode == 0
    assert (front_door.clone / "mine" / ".pulumi" / "stacks" / "tiny" / "dev.json").is_file()


def test_a_state_on_a_server_is_not_for_the_cli(front_door: FrontDoor) -> None:
    """It says so before it asks for anything, and what to do."""
    done = front_door(*UP, PULUMI_BACKEND_URL="ssh://deploy:hunter2@host/srv")
    assert done.returncode == 1
    assert "backend: must be one that the Pulumi CLI knows (got ssh://)" in done.stderr
    assert "set DJANGO_STACK_ENGINE=embedded" in done.stderr
    assert "hunter2" not in done.stderr
    assert front_door.calls() == []


def test_a_configured_remote_backend_is_plain_pulumi(front_door: FrontDoor) -> None:
    """A dev that others share has no secrets of one clone."""
    front_door(*UP, PULUMI_BACKEND_URL="s3://bucket", PULUMI_CONFIG_PASSPHRASE="x")

    (call,) = front_door.calls()
    assert call["words"] == ["up", "--yes"]
    assert (call["PULUMI_BACKEND_URL"], call["PULUMI_STACK"]) == ("s3://bucket", "dev")


@pytest.mark.parametrize("words", [("version",), ("login", "s3://x"), ("plugin", "ls"), ("up", "--help")])
def test_verbs_without_a_stack_pass_through(front_door: FrontDoor, words: tuple[str, ...]) -> None:
    """With nothing set that they would stumble over."""
    done = front_door(*words, DOCKER_HOST="unix:///nothing/here")

    assert done.returncode == 0
    assert [call["words"] for call in front_door.calls() if words != ("version",)] in ([], [list(words)])
    assert all(call["PULUMI_BACKEND_URL"] is None for call in front_door.calls())


def test_exit_code_is_the_engines_own(front_door: FrontDoor) -> None:
    """Also behind a config verb, which the wrapper waits for."""
    assert front_door("preview", FAKE_PULUMI_EXIT="0").returncode == 0
    assert front_door("preview", "--expect-no-changes", FAKE_PULUMI_EXIT="7").returncode == 7
    assert front_door("config", "set", "tiny:greeting", "x", FAKE_PULUMI_EXIT="5").returncode == 5


@pytest.mark.parametrize("verb", ["up", "config"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_engine_exactly_once(front_door: FrontDoor, verb: str, number: signal.Signals) -> None:
    """^C as a terminal sends it, to the whole group; SIGTERM as a supervisor does, to the process."""
    front_door("preview")
    with subprocess.Popen(
        [front_door.clone / "pulumiw", verb, "--wait-for-signals"],
        cwd=front_door.clone,
        env=dict(front_door.variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        assert process.wait(timeout=20) == 130
    assert front_door.calls()[-1]["signals"] == [number]


def test_called_from_anywhere_it_is_about_its_own_clone(front_door: FrontDoor, tmp_path: Path) -> None:
    """From a folder inside, from one outside, and with --cwd."""
    inside = front_door.clone / "sub"
    inside.mkdir()

    front_door("stack", "ls", cwd=inside)
    front_door("stack", "ls", cwd=tmp_path)
    front_door("-C", str(front_door.clone), "stack", "ls", cwd=tmp_path)

    folders = [call["cwd"] for call in front_door.calls()]
    assert folders == [str(inside), str(front_door.clone), str(tmp_path)]
    assert {call["PULUMI_BACKEND_URL"] for call in front_door.calls()} == {f"file://{front_door.clone}/.state"}


def test_an_old_cli_gives_way_to_the_embedded_engine(front_door: FrontDoor) -> None:
    """Which deploys the same program, and is the same to the user."""
    done = front_door(*UP, FAKE_PULUMI_VERSION="v3.100.0")

    assert done.returncode == 0, done.stderr
    assert "older than v3.202.0)" in done.stderr.splitlines()[0]
    assert front_door.calls() == []
    assert front_door("stack", "output", "url", DJANGO_STACK_ENGINE="embedded").stdout == "http://localhost:8430\n"
    assert front_door.git_status() == ""


def test_help_says_what_is_added_and_then_lets_the_engine_speak(front_door: FrontDoor) -> None:
    """In this order, on stdout."""
    done = front_door("--help")

    own, engine = done.stdout.split("Everything else is the engine's:")
    assert "--install-docker" in own
    assert "pulumi's own output" in engine


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ({"Version": "20.10.24"}, "is too old (got Docker 20.10.24, need Docker 24 or newer)"),
        ({"Version": "5.4.0", "Components": [{"Name": "Podman Engine"}]}, "is no Docker (got Podman Engine 5.4.0"),
        ({"message": "page not found"}, "does not answer as one"),
    ],
)
def test_an_engine_that_will_not_do_is_named_and_nothing_is_touched(
    front_door: FrontDoor, docker_engine: FakeEngine, version: dict[str, str], text: str
) -> None:
    """With what was got and what is needed."""
    docker_engine.answers["/version"] = (200, version)

    done = front_door(*UP)

    assert done.returncode == 1
    assert text in done.stderr
    assert front_door.calls() == []
    assert not (front_door.clone / ".state").exists()


def test_an_engine_that_is_not_there_is_named(front_door: FrontDoor) -> None:
    """By its address and by who chose it; nothing is installed where a person chose."""
    done = front_door(*UP, "--install-docker", DOCKER_HOST="unix:///nothing/docker.sock")

    assert done.returncode == 1
    assert "docker: the Engine at unix:///nothing/docker.sock (DOCKER_HOST) is not reachable" in done.stderr
    assert front_door.calls() == []


def test_without_the_docker_command_nothing_is_begun(front_door: FrontDoor) -> None:
    """Deploying calls it."""
    (Path(front_door.variables["PATH"].partition(":")[0]) / "docker").unlink()
    path = front_door.variables["PATH"].partition(":")[0]

    done = front_door(*UP, PATH=f"{path}:{_only_coreutils(front_door)}")

    assert done.returncode == 1
    assert "the docker command is not on PATH" in done.stderr


def _only_coreutils(front_door: FrontDoor) -> str:
    folder = front_door.clone.parent / "coreutils"
    folder.mkdir()
    for name in ("sh", "dirname", "git"):
        (folder / name).symlink_to(f"/usr/bin/{name}")
    return str(folder)
