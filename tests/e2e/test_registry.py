"""Images from a registry: by digest, behind a login, and what a user reads when it fails. On a real registry."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.deployment import ROOT
from tests.e2e.registry import (
    PASSWORD,
    USER,
    Registry,
    docker,
    image_exists,
    make_image,
    registry_program,
    running,
)

pytestmark = pytest.mark.e2e

OPEN_PORT, LOCKED_PORT, CLOSED_PORT = 8460, 8461, 8462
FAMILIES = ("python", "postgres", "nginx")

PROGRAM = """\
import pulumi
import pulumi_docker as docker

image = docker.RemoteImage("base", name=pulumi.Config().require("image"), keep_locally=True)
pulumi.export("id", image.image_id)
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The registry's program."""
    return registry_program(tmp_path_factory.mktemp("registry"))


@pytest.fixture(scope="module")
def registry(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that anybody may read, with an image of each family."""
    folder = tmp_path_factory.mktemp("open")
    with running(program, folder / "registry", OPEN_PORT) as registry:
        names = [registry.image(f"ops-{family}") for family in FAMILIES]
        for name in names:
            make_image(name, folder)
            docker("push", name)
        yield registry
        docker("image", "rm", "--force", *names)


@pytest.fixture(scope="module")
def logins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Docker logins, for the registry that asks for one."""
    return tmp_path_factory.mktemp("logins")


@pytest.fixture(scope="module")
def locked(program: Path, logins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that asks for a login, with one image; `logins` has the right one."""
    folder = tmp_path_factory.mktemp("locked")
    with running(program, folder / "registry", LOCKED_PORT, login=True) as registry:
        name = registry.image("ops-private")
        make_image(name, folder)
        docker("login", "--username", USER, "--password-stdin", registry.address, config=logins, stdin=PASSWORD)
        docker("push", name, config=logins)
        docker("image", "rm", name)
        yield registry


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Pulumi project that pulls the image that its config names."""
    (tmp_path / "Pulumi.yaml").write_text("name: ops-pull\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "state").mkdir()
    return tmp_path


def pull(project: Path, image: str, *, logins: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`up` with the embedded engine, for one image. All that it prints is in stdout."""
    environment = os.environ | {
        "PULUMI_BACKEND_URL": f"file://{project}/state",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_HOME": str(project / "home"),
        "DOCKER_CONFIG": str(logins or project / "no-logins"),
    }

    def engine(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "engine", "--cwd", str(project), *words],
            cwd=ROOT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )

    (project / "Pulumi.test.yaml").write_text(f"config:\n  ops-pull:image: {image}\n")
    engine("stack", "init", "test")
    return engine("up", "--yes", "--skip-preview")


def digest_of(image: str) -> str:
    """The digest under which it was pushed."""
    repository = image.rpartition(":")[0]
    (digest,) = (
        each.rpartition("@")[2]
        for each in json.loads(docker("image", "inspect", "--format", "{{json .RepoDigests}}", image))
        if each.startswith(f"{repository}@")
    )
    return str(digest)


def test_an_image_is_pulled_by_its_digest(registry: Registry, project: Path) -> None:
    """And by nothing else: the tag has moved to another image meanwhile."""
    image = registry.image("ops-moving")
    make_image(image, project)
    docker("push", image)
    pinned = f"{image}@{digest_of(image)}"
    first = docker("image", "inspect", "--format", "{{.Id}}", image)
    docker("image", "rm", image)
    (project / "other").mkdir()
    make_image(registry.image("ops-other"), project / "other")
    docker("tag", registry.image("ops-other"), image)
    docker("push", image)
    docker("image", "rm", image, registry.image("ops-other"))
    assert not image_exists(first)

    done = pull(project, pinned)
    assert done.returncode == 0, done.stdout
    assert f'id: "{first}"' in re.sub(r"\s+:", ":", done.stdout)
    assert image_exists(pinned)
    docker("image", "rm", pinned)


def test_an_image_is_pulled_with_the_users_login(locked: Registry, logins: Path, project: Path) -> None:
    """That of `docker login`."""
    image = locked.image("ops-private")
    done = pull(project, image, logins=logins)
    assert done.returncode == 0, done.stdout
    assert image_exists(image)
    docker("image", "rm", image)


def test_without_a_login_the_message_names_image_and_cure(locked: Registry, project: Path) -> None:
    """And the registry's own reason."""
    image = locked.image("ops-private")
    done = pull(project, image)
    assert done.returncode != 0
    assert f"base: the image {image} cannot be pulled from {locked.address}: " in done.stdout
    assert "no basic auth credentials" in done.stdout
    assert "Check the name, the registry login and the network" in done.stdout
    assert not image_exists(image)


def test_a_wrong_password_is_refused(locked: Registry, logins: Path, project: Path) -> None:
    """In the registry's words; the password itself is nowhere in the message."""
    wrong = project / "logins"
    wrong.mkdir()
    right = json.loads((logins / "config.json").read_text())
    encoded = right["auths"][locked.address]["auth"]
    right["auths"][locked.address]["auth"] = "ZGVwbG95Ond0b25n"
    (wrong / "config.json").write_text(json.dumps(right))
    image = locked.image("ops-private")
    done = pull(project, image, logins=wrong)
    assert done.returncode != 0
    assert f"the image {image} cannot be pulled from {locked.address}: " in done.stdout
    assert re.search("unauthorized|authentication required|no basic auth", done.stdout)
    assert encoded not in done.stdout


def test_a_tag_that_is_missing_is_named(registry: Registry, project: Path) -> None:
    """A slip of the pen in a version."""
    image = registry.image("ops-python", tag="no-such")
    done = pull(project, image)
    assert done.returncode != 0
    assert f"the image {image} cannot be pulled from {registry.address}: " in done.stdout
    assert "manifest unknown" in done.stdout


def test_a_registry_that_is_down_is_named(project: Path) -> None:
    """With the address at which nobody answers."""
    done = pull(project, f"127.0.0.1:{CLOSED_PORT}/ops-python:1")
    assert done.returncode != 0
    assert f"cannot be pulled from 127.0.0.1:{CLOSED_PORT}: " in done.stdout
    assert "connection refused" in done.stdout


# ./ops pin


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A project folder whose prod stack takes its base images from the open registry."""
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    shutil.copy(ROOT / "Pulumi.prod.yaml", tmp_path)
    return tmp_path


def set_images(stack: Path, images: dict[str, str]) -> None:
    """Let prod have these base images."""
    with (stack / "Pulumi.prod.yaml").open("a") as file:
        file.writelines(f"  django-stack:{family}Image: {image}\n" for family, image in images.items())


def pin(stack: Path, logins: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`./ops pin --stack prod` in a folder."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "HOME": str(stack / "home"),
        "DOCKER_CONFIG": str(logins or stack / "no-logins"),
        "DJANGO_STACK_ENGINE": "embedded",
    }
    return subprocess.run(
        [sys.executable, "-m", "operations", "pin", "--stack", "prod"],
        cwd=stack,
        env=environment,
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )


def images_of(stack: Path) -> dict[str, str]:
    """The base images in prod's config."""
    config = yaml.safe_load((stack / "Pulumi.prod.yaml").read_text())["config"]
    return {family: config[f"django-stack:{family}Image"] for family in FAMILIES}


def test_pin_writes_what_the_registry_has_now(registry: Registry, stack: Path) -> None:
    """The digests under which the images were pushed; a second time there is nothing to write."""
    images = {family: registry.image(f"ops-{family}") for family in FAMILIES}
    set_images(stack, images)
    done = pin(stack)
    assert done.returncode == 0, done.stderr
    assert images_of(stack) == {family: f"{image}@{digest_of(image)}" for family, image in images.items()}
    assert pin(stack).stdout.endswith("Nothing to write.\n")


def test_pin_follows_a_tag_that_has_moved(registry: Registry, stack: Path) -> None:
    """Pinned images are pinned anew."""
    images = {family: registry.image(f"ops-{family}") for family in FAMILIES}
    old = images["nginx"] + "@sha256:" + "0" * 64
    set_images(stack, images | {"nginx": old})
    assert f"(was {old})" in pin(stack).stdout
    assert images_of(stack)["nginx"] == f"{images['nginx']}@{digest_of(images['nginx'])}"


@pytest.mark.parametrize(
    ("nginx", "reason"),
    [
        (f"127.0.0.1:{OPEN_PORT}/ops-nginx:no-such", "manifest unknown"),
        (f"127.0.0.1:{OPEN_PORT}/ops-nobody:1", "manifest unknown|name unknown|not known"),
        (f"127.0.0.1:{CLOSED_PORT}/ops-nginx:1", "connection refused"),
        (f"127.0.0.1:{LOCKED_PORT}/ops-private:1", "no basic auth credentials"),
    ],
)
@pytest.mark.usefixtures("locked")
def test_pin_writes_nothing_when_one_image_cannot_be_resolved(
    nginx: str, reason: str, registry: Registry, stack: Path
) -> None:
    """The one is named, with the reason."""
    set_images(stack, {family: registry.image(f"ops-{family}") for family in FAMILIES[:2]} | {"nginx": nginx})
    before = (stack / "Pulumi.prod.yaml").read_bytes()
    done = pin(stack)
    assert done.returncode == 1
    assert re.search(
        rf"^error: nginxImage: {nginx} must be in its registry, and within reach \(got .*({reason}).*\)\.$",
        done.stderr,
        re.MULTILINE,
    )
    assert done.stderr.count("must be in its registry") == 1
    assert "Nothing was written." in done.stderr
    assert (stack / "Pulumi.prod.yaml").read_bytes() == before


def test_pin_uses_the_users_login(registry: Registry, locked: Registry, logins: Path, stack: Path) -> None:
    """That of `docker login`, through the Docker Engine."""
    images = {family: registry.image(f"ops-{family}") for family in FAMILIES[:2]}
    set_images(stack, images | {"nginx": locked.image("ops-private")})
    done = pin(stack, logins)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{locked.image('ops-private')}@sha256:[0-9a-f]{{64}}", images_of(stack)["nginx"])
