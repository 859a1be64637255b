"""The health check of a replica: the health path answers 200 on the replica's own socket."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.images.servers import answer, on_socket
from tests.unit.program import ROOT

FILE = ROOT / "images" / "python" / "check_web.py"


def check(own: Path) -> subprocess.CompletedProcess[str]:
    """As Docker runs it."""
    environment = {"GUNICORN_SOCKET": str(own), "HEALTH_PATH": "/health/", "ALLOWED_HOSTS": "www.example.com,b"}
    words = [sys.executable, "-IS", str(FILE)]
    return subprocess.run(words, env=environment, text=True, capture_output=True, check=False, timeout=30)


def test_two_hundred_is_healthy(tmp_path: Path) -> None:
    """Asked for the health path, once."""
    with on_socket(tmp_path / "web.sock", answer()) as server:
        assert check(tmp_path / "web.sock").returncode == 0
    assert server.requests == ["GET /health/"]


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        (answer(503, b"no database"), "/health/ answered 503 X: no database\n"),
        (answer(301, b""), "/health/ answered 301 X: \n"),
        (answer(500, b"x" * 9000), f"/health/ answered 500 X: {'x' * 300}\n"),
        (b"", "/health/ answered nothing: \n"),
        (b"no HTTP at all", "/health/ answered no HTTP at all: \n"),
    ],
)
def test_anything_else_is_not_and_says_what_it_was(tmp_path: Path, answered: bytes, said: str) -> None:
    """With the start of the body, which often is the reason."""
    with on_socket(tmp_path / "web.sock", answered):
        done = check(tmp_path / "web.sock")
    assert (done.returncode, done.stderr) == (1, said)


def test_no_socket_is_not_healthy(tmp_path: Path) -> None:
    """As while it starts."""
    done = check(tmp_path / "web.sock")
    assert done.returncode == 1
    assert done.stderr == f"no answer on {tmp_path}/web.sock: [Errno 2] No such file or directory\n"
