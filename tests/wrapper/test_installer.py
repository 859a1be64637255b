"""Taking the steps of a plan, on files of a test."""

import stat
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.wrapper.test_signing_key import FINGERPRINT, KEY, armored
from wrapper.errors import WrapperError
from wrapper.host import Host
from wrapper.install_plan import FetchKey, Plan, Run, StartDocker, Step, Write
from wrapper.installer import Installer

ROOT_HOST = Host(system="Linux", root=True)


def carry_out(*steps: Step, answers: Iterator[bool] | None = None) -> None:
    replies = answers or iter(())
    installer = Installer(ROOT_HOST, docker_answers=lambda: next(replies, True))
    installer.carry_out(Plan(explanation="", question="", steps=steps))


def test_steps_are_taken_in_order_and_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """On stderr, one line each, without the text of a file."""
    file = tmp_path / "new" / "file"
    carry_out(Write(path=str(file), text="one\n"), Run(argv=("sh", "-c", f"echo two >> {file}")))

    assert file.read_text() == "one\ntwo\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    out, err = capfd.readouterr()
    assert not out
    assert err.splitlines() == [f"  # write {file}", f"  # sh -c 'echo two >> {file}'"]


def test_first_failure_ends_it_with_what_was_printed(tmp_path: Path) -> None:
    """Nothing after it is done."""
    file = tmp_path / "file"

    with pytest.raises(WrapperError, match=r"`sh -c .*` failed \(exit code 3\):\nwhy") as caught:
        carry_out(Run(argv=("sh", "-c", "echo why >&2; exit 3")), Write(path=str(file), text=""))
    assert "run this again" in str(caught.value)
    assert not file.exists()


def test_docker_is_not_started_twice(tmp_path: Path) -> None:
    """A package may have started it."""
    started = tmp_path / "started"

    class Start(StartDocker):
        @property
        def argv(self) -> tuple[str, ...]:
            return ("touch", str(started))

    carry_out(Start(systemd=False), answers=iter([True, True]))
    assert not started.exists()

    carry_out(Start(systemd=False), answers=iter([False, False, True]))
    assert started.exists()


class Keys(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(armored(KEY if self.path == "/good" else KEY + KEY).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
        """Keep quiet."""


@pytest.fixture
def keys() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Keys) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_key_is_kept_only_if_it_is_the_expected_one(tmp_path: Path, keys: str) -> None:
    """Anything else would let others sign packages."""
    path = tmp_path / "keyrings" / "k.asc"

    with pytest.raises(WrapperError, match="is not the expected one"):
        carry_out(FetchKey(url=f"{keys}/bad", path=str(path), fingerprint=FINGERPRINT))
    assert not path.exists()

    carry_out(FetchKey(url=f"{keys}/good", path=str(path), fingerprint=FINGERPRINT))
    assert path.read_text() == armored(KEY)


def test_a_key_that_cannot_be_fetched_is_an_error(tmp_path: Path, keys: str) -> None:
    """With its address."""
    url = keys.replace("127.0.0.1", "127.0.0.2")
    urllib.request.urlcleanup()

    with pytest.raises(WrapperError, match=r"cannot be fetched \("):
        carry_out(FetchKey(url=url, path=str(tmp_path / "k"), fingerprint=FINGERPRINT))
