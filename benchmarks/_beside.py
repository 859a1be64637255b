"""The sample site under Docker Compose, for ways to deploy that are not ours. Their programs are this machine's own."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker

from benchmarks._site import PREFIX
from tests.e2e.deployment import ROOT, Deployment

FOLDER = ROOT / "benchmarks" / "beside"
PROJECT = f"{PREFIX}-beside"
NGINX_PORT, KAMAL_PORT = 8456, 8457
REPLICAS = 2
BY_NAME = 'set $replicas "web:8000"; proxy_pass http://$replicas;\n'
BY_LIST = "proxy_pass http://web;\n"


def program(variable: str, name: str) -> Path | None:
    """A peer's program: the path in an environment variable, or the name on PATH or among Docker's plugins."""
    given = os.environ.get(variable)
    plugins = Path.home() / ".docker" / "cli-plugins" / name
    found = given or shutil.which(name) or (plugins if plugins.is_file() else None)
    return Path(found).resolve() if found else None


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A Compose project with the images of a deployed stack."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, *words: str, image: str = "") -> str:
        """`docker compose WORDS`, with the web containers' image. Raises CalledProcessError, its output printed."""
        return self.run(
            "docker", "compose", f"--file={FOLDER}/compose.yaml", f"--project-name={PROJECT}", *words, image=image
        )

    def run(self, *command: str, image: str = "") -> str:
        env = os.environ | self.environment | ({"WEB_IMAGE": image} if image else {})
        done = subprocess.run(command, env=env, text=True, capture_output=True, check=False, timeout=300)
        if done.returncode:
            print(done.stdout[-3000:], done.stderr[-3000:], flush=True)
            done.check_returncode()
        return done.stdout

    def migrate(self, image: str) -> None:
        self("run", "--rm", "migrate", image=image)

    def proxy(self, passing: str) -> None:
        """Have Nginx pass requests on in this way, from its start."""
        (self.folder / "proxy" / "pass.conf").write_text(passing)
        self("--profile=nginx", "up", "--detach", "--no-deps", "--force-recreate", "nginx")

    def image(self, number: int) -> str:
        """The site's image once more, with one more layer: a release that has changed."""
        tag = f"{PROJECT}/web:{number}"
        text = f"FROM {self.environment['WEB_IMAGE']}\nENV DEPLOY={number}\n"
        subprocess.run(
            ["docker", "build", "--quiet", f"--tag={tag}", "-"], input=text, text=True, check=True, capture_output=True
        )
        return tag


@contextmanager
def compose(stack: Deployment, folder: Path, kamal: Path | None) -> Iterator[Beside]:
    """Database and two healthy replicas; all of it is taken away afterwards."""
    (folder / "proxy").mkdir()
    shutil.copy(FOLDER / "nginx.conf", folder / "proxy")
    for name in ("database_password", "django_secret_key"):
        (folder / name).write_text(secrets.token_urlsafe(50))
        (folder / name).chmod(0o644)  # Compose mounts the file as it is, and the site reads it as another user
    folder.chmod(0o755)
    [postgres], [nginx], [web, *_] = (stack.containers(role) for role in ("postgres", "nginx", "web"))
    environment = {
        "POSTGRES_IMAGE": postgres.attrs["Config"]["Image"],
        "NGINX_IMAGE": nginx.attrs["Config"]["Image"],
        "WEB_IMAGE": web.attrs["Config"]["Image"],
        "IMAGES_FROM": stack.pulumi("config", "get", "imagesFrom").stdout.strip(),
        "WEB_REPLICAS": str(REPLICAS),
        "NGINX_PORT": str(NGINX_PORT),
        "KAMAL_PORT": str(KAMAL_PORT),
        "KAMAL_PROXY": str(kamal or "/nonexistent"),
        "PROXY_FOLDER": str(folder / "proxy"),
        "SECRETS": str(folder),
    }
    beside = Beside(folder=folder, environment=environment)
    try:
        beside("up", "--detach", "--wait", "postgres")
        beside("run", "--rm", "prepare")
        beside.migrate(environment["WEB_IMAGE"])
        yield beside
    finally:
        beside("--profile=*", "down", "--volumes", "--remove-orphans", "--timeout=5")
        for image in docker.from_env().images.list(name=f"{PROJECT}/web"):
            docker.from_env().images.remove(image.tags[0], force=True)


@contextmanager
def listed(beside: Beside, docker_gen: Path) -> Iterator[None]:
    """Nginx with a list of the healthy replicas, kept by docker-gen: it reloads Nginx at every change."""
    target = beside.folder / "proxy" / "web.conf"
    reload = f"docker exec {PROJECT}-nginx-1 nginx -e stderr -c /etc/beside/nginx.conf -s reload"
    words = ["-watch", "-wait=100ms:500ms", f"-notify={reload}", str(FOLDER / "web.tmpl"), str(target)]
    watcher = subprocess.Popen(
        [docker_gen, *words],
        env=os.environ | {"PROJECT": PROJECT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while not (target.exists() and "server " in target.read_text()) and time.monotonic() < deadline:
            time.sleep(0.2)
        target.chmod(0o644)
        beside.proxy(BY_LIST)
        yield
    finally:
        watcher.terminate()
        watcher.wait(timeout=10)
        target.unlink(missing_ok=True)
