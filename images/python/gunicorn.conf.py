"""Gunicorn's configuration; every value comes from the stack."""

import os
from collections.abc import Callable, Iterable
from typing import Any

_socket = os.environ["GUNICORN_SOCKET"]
# Long requests and WebSockets come on a socket of their own, so that a release can wait for them on other terms.
bind = [f"unix:{_socket}", f"unix:{_socket.removesuffix('.sock')}.long.sock"]
umask = 0o007  # Nginx is in the same group, others may not connect
worker_class = "gthread"
workers = int(os.environ["GUNICORN_WORKERS"])
threads = int(os.environ["GUNICORN_THREADS"])
timeout = int(os.environ["GUNICORN_TIMEOUT"])
graceful_timeout = int(os.environ["GUNICORN_GRACEFUL_TIMEOUT"])
worker_tmp_dir = "/dev/shm"  # noqa: S108 - the heartbeat file must not wait for a disk
control_socket_disable = True  # it would want a writable home
wsgi_app = os.environ["WSGI_APPLICATION"]
errorlog = "-"
accesslog = None  # Nginx logs the requests, with the time that the client saw

_IDENTITY = [("X-Stack-Release", os.environ["RELEASE"]), ("X-Stack-Replica", os.environ["REPLICA"])]


def post_worker_init(worker: Any) -> None:
    """Have every answer say which release and replica gave it; Nginx shows that to probes alone."""
    application = worker.wsgi

    def with_identity(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, headers + _IDENTITY, exc_info)

        return application(environ, start)

    worker.wsgi = with_identity
