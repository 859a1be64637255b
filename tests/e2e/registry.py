"""A real image registry on loopback, from Debian's package, which needs neither root nor an installation."""

import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

USER, PASSWORD = "deploy", "opensesame"
_HTPASSWD = f"{USER}:$2b$05$EH0qMOof6bmLPLrnxBBsTuAHxOkAjswaWGSku/XceFrcIut/PFfL6\n"
"""Of PASSWORD, by bcrypt, the only scheme that the registry takes."""

_START_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A registry that runs."""

    port: int

    def image(self, repository: str, tag: str = "1") -> str:
        return f"{self.address}/{repository}:{tag}"

    @property
    def address(self) -> str:
        """Docker speaks plain HTTP to registries on loopback."""
        return f"127.0.0.1:{self.port}"


def registry_program(folder: Path) -> Path:
    """Debian's docker-registry: the installed one, else unpacked into `folder`."""
    installed = shutil.which("docker-registry")
    if installed:
        return Path(installed)
    subprocess.run(["apt-get", "download", "docker-registry"], cwd=folder, check=True, capture_output=True, timeout=120)
    (package,) = folder.glob("docker-registry_*.deb")
    subprocess.run(["dpkg-deb", "--extract", str(package), str(folder)], check=True, timeout=60)
    return folder / "usr" / "bin" / "docker-registry"


@contextmanager
def running(program: Path, folder: Path, port: int, *, login: bool = False) -> Iterator[Registry]:
    """A registry with its data in `folder`; with `login` it asks for USER and PASSWORD."""
    folder.mkdir()
    (folder / "htpasswd").write_text(_HTPASSWD)
    auth = f"auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}\n" if login else ""
    (folder / "config.yml").write_text(
        "version: 0.1\nlog: {level: warn}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n{auth}"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", folder / "config.yml"], stdout=log, stderr=log)
        try:
            _wait(port, process, folder / "log")
            yield Registry(port=port)
        finally:
            process.terminate()
            process.wait(timeout=10)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(f"http://127.0.0.1:{port}/v2/", timeout=1)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the registry on port {port} does not answer\n{log.read_text()}")


def make_image(name: str, folder: Path) -> None:
    """An image of one small file, whose content follows from the name."""
    (folder / "content").write_text(name)
    with tarfile.open(folder / "image.tar", "w") as archive:
        archive.add(folder / "content", arcname="content")
    docker("import", str(folder / "image.tar"), name)


def docker(*words: str, config: Path | None = None, stdin: str = "") -> str:
    """What a docker command prints; `config` is the folder of its logins."""
    own = ["--config", str(config)] if config else []
    done = subprocess.run(
        ["docker", *own, *words], input=stdin, text=True, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"docker {' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def image_exists(name: str) -> bool:
    """Whether the Docker Engine has it."""
    return subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode == 0
