"""What a worker does before it takes requests, and what it adds to answers."""

import contextlib
import os
import runpy
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FILE = Path(__file__).parents[3] / "images" / "python" / "gunicorn.conf.py"
ENVIRONMENT = {
    "GUNICORN_SOCKET": "/run/web/aaaaaaaaaa-1.sock",
    "GUNICORN_WORKERS": "2",
    "GUNICORN_THREADS": "4",
    "GUNICORN_TIMEOUT": "30",
    "GUNICORN_GRACEFUL_TIMEOUT": "25",
    "WSGI_APPLICATION": "shop.wsgi",
    "RELEASE": "aaaaaaaaaa",
    "REPLICA": "1",
    "HEALTH_PATH": "/health/",
    "ALLOWED_HOSTS": "www.example.com,example.com",
}


@pytest.fixture
def configuration(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The file's names, as Gunicorn takes them."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(FILE))


class Application:
    """A WSGI application that remembers what it was asked, and answers or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.asked: list[tuple[str, str, str, str]] = []
        self.threads: set[int] = set()
        self._failure = failure

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        names = ("REQUEST_METHOD", "PATH_INFO", "HTTP_HOST", "HTTP_X_FORWARDED_PROTO")
        self.asked.append(tuple(environ[name] for name in names))
        self.threads.add(threading.get_ident())
        if self._failure:
            raise self._failure
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"well"])


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """The threads that answer a worker's requests."""
    with ThreadPoolExecutor(int(ENVIRONMENT["GUNICORN_THREADS"])) as threads:
        yield threads


def test_a_worker_asks_for_the_health_path_before_it_takes_requests(
    configuration: dict[str, Any], pool: ThreadPoolExecutor
) -> None:
    """As Nginx would: once, and then in each of the threads that answer, which keeps its connection to the database."""
    application = Application()
    configuration["post_worker_init"](SimpleNamespace(wsgi=application, tpool=pool))
    assert application.asked == [("GET", "/health/", "www.example.com", "https")] * 5
    assert len(application.threads) == 4
    assert threading.get_ident() not in application.threads


def test_a_worker_whose_site_hangs_starts_all_the_same(configuration: dict[str, Any], pool: ThreadPoolExecutor) -> None:
    """After a few seconds, and with one of its threads lost to that, not all."""
    released, asked = threading.Event(), []

    def application(environ: dict[str, Any], _start: Any) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        released.wait(30)
        return []

    configuration["post_worker_init"].__globals__["WARM_UP_SECONDS"] = 0.1
    configuration["post_worker_init"](SimpleNamespace(wsgi=application, tpool=pool))
    released.set()
    assert asked == ["/health/"]


def test_a_worker_whose_site_fails_starts_all_the_same(configuration: dict[str, Any], pool: ThreadPoolExecutor) -> None:
    """The health check says what is wrong."""
    worker = SimpleNamespace(wsgi=Application(failure=ImportError("no module named shop.urls")), tpool=pool)
    configuration["post_worker_init"](worker)
    with pytest.raises(ImportError):
        worker.wsgi({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "", "HTTP_X_FORWARDED_PROTO": ""}, print)


def test_every_answer_says_which_release_and_replica_gave_it(
    configuration: dict[str, Any], pool: ThreadPoolExecutor
) -> None:
    """Beside the site's own headers."""
    worker = SimpleNamespace(wsgi=Application(), tpool=pool)
    configuration["post_worker_init"](worker)
    seen: list[list[tuple[str, str]]] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "a", "HTTP_X_FORWARDED_PROTO": "https"}
    assert list(worker.wsgi(environ, lambda _status, headers, _info: seen.append(headers))) == [b"well"]
    own = [("X-Stack-Release", "aaaaaaaaaa"), ("X-Stack-Replica", "1")]
    assert seen == [[("Content-Type", "text/plain"), *own]]


def test_a_worker_takes_no_more_than_it_has_threads_for(configuration: dict[str, Any]) -> None:
    """What waits is anybody's, and a connection that is kept would take a thread's place."""
    assert configuration["worker_connections"] == configuration["threads"] == 4
    assert configuration["keepalive"] == 0


def test_long_requests_have_a_socket_of_their_own(configuration: dict[str, Any]) -> None:
    """Beside that of all others."""
    sockets = ["unix:/run/web/aaaaaaaaaa-1.sock", "unix:/run/web/aaaaaaaaaa-1.long.sock"]
    assert configuration["bind"] == sockets


def test_a_replica_that_starts_removes_the_sockets_of_killed_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those on which someone listens, and not one so young that its owner may be about to."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GUNICORN_SOCKET", str(tmp_path / "own.sock"))
    with contextlib.ExitStack() as stack:
        for name in ("killed", "young", "serving"):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(tmp_path / f"{name}.sock"))
            if name == "serving":
                listener.listen()
        for name in ("killed", "serving"):
            os.utime(tmp_path / f"{name}.sock", (0, 0))
        runpy.run_path(str(FILE))["on_starting"](None)
    assert {path.name for path in tmp_path.iterdir()} == {"young.sock", "serving.sock"}


def test_the_master_imports_django_and_nothing_of_the_project(tmp_path: Path) -> None:
    """Workers share what never changes; what a project opens when it is imported must be each worker's own."""
    for name in ("django/core/handlers/wsgi", "django/db/backends/postgresql/base", "shop/wsgi", "shop/settings"):
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        for folder in [file.parent, *file.parent.parents]:
            if folder.is_relative_to(tmp_path) and folder != tmp_path:
                (folder / "__init__.py").touch()
        file.touch()
    code = f"import runpy, sys; runpy.run_path({str(FILE)!r}); print(*sorted(sys.modules))"
    environment = ENVIRONMENT | {"PYTHONPATH": str(tmp_path), "DJANGO_SETTINGS_MODULE": "shop.settings"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, text=True, capture_output=True, check=True)
    modules = done.stdout.split()
    assert {"django.core.handlers.wsgi", "django.db.backends.postgresql.base"} <= set(modules)
    assert not [name for name in modules if name.startswith("shop")]
