"""Gunicorn's configuration; every value comes from the stack."""

import contextlib
import errno
import importlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, wait
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

WARM_UP_SECONDS = 5
BINDING_SECONDS = 10
"""A socket that refuses connections may be a neighbour's that is about to listen; after this time it is not."""

_socket = os.environ["GUNICORN_SOCKET"]
# Long requests and WebSockets come on a socket of their own, so that a release can wait for them on other terms.
bind = [f"unix:{_socket}", f"unix:{_socket.removesuffix('.sock')}.long.sock"]
umask = 0o007  # Nginx is in the same group, others may not connect
worker_class = "gthread"
workers = int(os.environ["GUNICORN_WORKERS"])
threads = int(os.environ["GUNICORN_THREADS"])
# What a worker has no thread for waits in the socket's queue, where the first worker that is free takes it, and not in
# one worker behind slow requests.
worker_connections = threads
keepalive = 0  # Nginx keeps no connection to a replica
timeout = int(os.environ["GUNICORN_TIMEOUT"])
graceful_timeout = int(os.environ["GUNICORN_GRACEFUL_TIMEOUT"])
worker_tmp_dir = "/dev/shm"  # noqa: S108 - the heartbeat file must not wait for a disk
control_socket_disable = True  # it would want a writable home
wsgi_app = os.environ["WSGI_APPLICATION"]
errorlog = "-"
accesslog = None  # Nginx logs the requests, with the time that the client saw

# Django itself, which no project changes, is imported before workers fork: they share its memory, and start sooner. The
# project is not: what it opens when it is imported, a connection or a thread, must not be shared.
for _module in ("django.core.handlers.wsgi", "django.db.backends.postgresql.base"):
    with contextlib.suppress(Exception):
        importlib.import_module(_module)

_IDENTITY = [("X-Stack-Release", os.environ["RELEASE"]), ("X-Stack-Replica", os.environ["REPLICA"])]


def _remove_stale_sockets(folder: Path) -> None:
    """Remove sockets on which nobody listens: a replica that was killed has left them."""
    for path in folder.glob("*.sock"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            age = time.time() - path.stat().st_mtime
            if age > BINDING_SECONDS and connection.connect_ex(str(path)) == errno.ECONNREFUSED:
                path.unlink()


def on_starting(_server: Any) -> None:
    """Before this replica has sockets of its own."""
    _remove_stale_sockets(Path(_socket).parent)


def _warm_up(application: Any, pool: Executor) -> None:
    """Ask for the health path, so that no visitor waits for imports or for a connection to the database.

    Once alone, for what the worker's threads share, then in all of them at a time, for what each has to itself.
    Whatever goes wrong is the health check's to say.
    """
    environ = {
        "PATH_INFO": os.environ["HEALTH_PATH"],
        "HTTP_HOST": os.environ["ALLOWED_HOSTS"].split(",")[0],
        "HTTP_X_FORWARDED_PROTO": "https",
        "REMOTE_ADDR": "",  # as with every request that comes by way of a socket
    }
    setup_testing_defaults(environ)

    def ask(together: threading.Barrier) -> None:
        with contextlib.suppress(Exception):
            together.wait(WARM_UP_SECONDS)  # or one thread would take two
            with contextlib.closing(application(environ.copy(), lambda *_: None)) as answer:
                for _ in answer:
                    pass

    for number in (1, threads):
        together = threading.Barrier(number)
        asked = [pool.submit(ask, together) for _ in range(number)]
        if wait(asked, timeout=WARM_UP_SECONDS).not_done:
            return


def post_worker_init(worker: Any) -> None:
    """Have every answer say which release and replica gave it; Nginx shows that to probes alone."""
    application = worker.wsgi
    _warm_up(application, worker.tpool)

    def with_identity(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, headers + _IDENTITY, exc_info)

        return application(environ, start)

    worker.wsgi = with_identity
