"""What the tests on a real Docker Engine need: a tiny image of their own, and both engines as commands."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BASE_IMAGE = "eng-base:1"
_REPOSITORY = Path(__file__).parents[2]


def docker(*arguments: str, stdin: Path | None = None, check: bool = True) -> str:
    with (stdin or Path(os.devnull)).open("rb") as source:
        done = subprocess.run(["docker", *arguments], stdin=source, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(arguments)}: {done.stderr}")
    return done.stdout.strip()


def ensure_base_image(folder: Path) -> str:
    """An image with nothing but a static busybox from Debian, made where it is missing."""
    if docker("image", "inspect", BASE_IMAGE, check=False) not in ("", "[]"):
        return BASE_IMAGE
    fetch = ["apt-get", "download", "busybox-static"]
    if subprocess.run(fetch, cwd=folder, capture_output=True, check=False).returncode:
        subprocess.run(["apt-get", "update"], capture_output=True, check=True)
        subprocess.run(fetch, cwd=folder, capture_output=True, check=True)
    [package] = folder.glob("busybox-static_*.deb")
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "root")], check=True)
    root, binary = folder / "image", next(path for path in (folder / "root").rglob("bin/busybox") if path.is_file())
    (root / "bin").mkdir(parents=True)
    shutil.copy(binary, root / "bin" / "busybox")
    for name in ("sh", "sleep", "true", "false", "echo", "cat", "kill", "test"):
        (root / "bin" / name).symlink_to("busybox")
    (root / "tmp").mkdir()
    archive = folder / "image.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(root, arcname=".")
    docker("import", "-", BASE_IMAGE, stdin=archive)
    return BASE_IMAGE


def remove_all(prefix: str) -> None:
    """Removes every container, network and volume whose name begins with `prefix`."""
    for kind, listing, removal in (
        ("ps", ["ps", "-aq"], ["rm", "-f", "-v"]),
        ("network", ["network", "ls", "-q"], ["network", "rm"]),
        ("volume", ["volume", "ls", "-q"], ["volume", "rm", "-f"]),
    ):
        pattern = f"name=^/?{prefix}" if kind == "ps" else f"name={prefix}"
        found = docker(*listing, "--filter", pattern).split()
        if found:
            docker(*removal, *found, check=False)


def left_over(prefix: str) -> list[str]:
    """The names of containers, networks and volumes that begin with `prefix`."""
    containers = docker("ps", "-a", "--filter", f"name=^/?{prefix}", "--format", "{{.Names}}").split()
    networks = docker("network", "ls", "--filter", f"name={prefix}", "--format", "{{.Name}}").split()
    return sorted([*containers, *networks, *docker("volume", "ls", "-q", "--filter", f"name={prefix}").split()])


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass
class Engine:
    """One of the two engines, run as a command in a project's folder."""

    command: list[str]
    project: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, expect: int | None = None) -> Done:
        environment = {**os.environ, **engine_environment(self.project), **self.environment}
        done = subprocess.run(
            [*self.command, *arguments],
            cwd=self.project,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        result = Done(done.returncode, done.stdout, done.stderr)
        if expect is not None and result.code != expect:
            raise AssertionError(
                f"{self.command[-1]} {' '.join(arguments)}: exit code {result.code}\n{result.text[-3000:]}"
            )
        return result


def engine_environment(project: Path) -> dict[str, str]:
    return {
        "PULUMI_BACKEND_URL": f"file://{project}/backend",
        "PULUMI_HOME": str(project / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PYTHONPATH": str(_REPOSITORY),
    }


def embedded(project: Path) -> Engine:
    return Engine([sys.executable, "-m", "engine"], project)


def real_cli(project: Path) -> Engine | None:
    """The Pulumi CLI, where one is on PATH."""
    found = shutil.which("pulumi")
    return Engine([found], project) if found else None


def new_project(folder: Path, name: str, program: str, config: str = "") -> Path:
    """A project with a stack `dev`, made by the embedded engine; plugins are shared with the user's CLI."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "backend").mkdir()
    (folder / "home").mkdir()
    plugins = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
    if plugins.is_dir():
        (folder / "home" / "plugins").symlink_to(plugins)
    runtime = f"runtime:\n  name: python\n  options:\n    virtualenv: {sys.prefix}\n"
    (folder / "Pulumi.yaml").write_text(f"name: {name}\n{runtime}{config}")
    (folder / "__main__.py").write_text(program)
    embedded(folder).run("stack", "init", "dev", expect=0)
    return folder


def resources_of(project: Path, name: str) -> list[dict[str, Any]]:
    path = project / "backend" / ".pulumi" / "stacks" / name / "dev.json"
    latest = json.loads(path.read_text())["checkpoint"]["latest"]
    return list(latest.get("resources") or ())
