"""A Docker Engine and a Pulumi CLI that only pretend, and clones that are ready in no time."""

import json
import os
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.wrapper.pretence import FakeEngine, FrontDoor

ROOT = Path(__file__).resolve().parents[2]
FAKE_PULUMI = Path(__file__).with_name("fake_pulumi.py")


@pytest.fixture
def docker_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeEngine]:
    """A Docker Engine 26 that reaches no registry."""
    engine = FakeEngine(socket=tmp_path_factory.mktemp("engine") / "docker.sock")
    engine.answers["/version"] = (200, {"Version": "26.1.5+dfsg1", "Components": [{"Name": "Engine"}]})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = engine.answers.get(self.path, (500, {"message": "dial tcp: lookup x: no such host"}))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def address_string(self) -> str:
            return "socket"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
            """Keep quiet."""

    with socketserver.ThreadingUnixStreamServer(str(engine.socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield engine
        server.shutdown()
        thread.join()


PROJECT = """\
name: tiny
runtime: {name: python, options: {virtualenv: .venv}}
config:
  greeting: {type: string, default: hello}
  imagesFrom: {type: string, default: registry}
  djangoSecretKey: {type: string, default: ""}
  databasePassword: {type: string, default: ""}
  buildCaFile: {type: string, default: ""}
"""
PROGRAM = """\
import pulumi

pulumi.export("greeting", pulumi.Config().require("greeting"))
pulumi.export("url", "http://localhost:8430")
"""


@pytest.fixture
def make_clone(tmp_path: Path) -> Callable[[], Path]:
    """Makes a committed clone with a tiny program, and with a .venv that borrows the packages of this run."""

    def make() -> Path:
        clone = tmp_path / "clone"
        clone.mkdir()
        for name in ("pulumiw", "requirements.txt", "requirements-dev.txt", ".gitignore"):
            shutil.copy2(ROOT / name, clone / name)
        for name in ("wrapper", "engine"):
            shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
        (clone / "Pulumi.yaml").write_text(PROJECT)
        (clone / "Pulumi.dev.yaml").write_text("# tracked\nconfig:\n  tiny:greeting: tracked\n")
        (clone / "Pulumi.prod.yaml").write_text("# tracked\nconfig:\n  tiny:greeting: prod\n")
        (clone / "__main__.py").write_text(PROGRAM)
        git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com"]
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
            subprocess.run([*git, *words], cwd=clone, check=True)
        _borrow_venv(clone)
        return clone

    return make


def _borrow_venv(clone: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone / ".venv"], check=True)
    packages = next((clone / ".venv").glob("lib/python*/site-packages"))
    (packages / "borrowed.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    note = "import sys; sys.path.insert(0, '.'); from pathlib import Path; from wrapper.venv import Environment; "
    note += "Environment(Path.cwd())._write_note(['requirements.txt'])"
    subprocess.run([clone / ".venv" / "bin" / "python", "-c", note], cwd=clone, check=True)


@pytest.fixture
def front_door(make_clone: Callable[[], Path], docker_engine: FakeEngine, tmp_path: Path) -> FrontDoor:
    """A clone on a machine with a pretended Docker Engine, a pretended CLI, and a home of its own."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "pulumi").write_text(f'#!/bin/sh\nexec {sys.executable} {FAKE_PULUMI} "$@"\n')
    (programs / "docker").write_text("#!/bin/sh\nexit 1\n")
    (programs / "debootstrap").write_text("#!/bin/sh\nexit 1\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    variables = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(home),
        "DOCKER_HOST": docker_engine.url,
        "FAKE_PULUMI_LOG": str(tmp_path / "calls"),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
    }
    return FrontDoor(clone=make_clone(), variables=variables)
