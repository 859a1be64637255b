"""What the Docker server is and has: why it is not reached, who holds a port, what is read of it."""

import errno
import gc
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import requests
import urllib3
from docker.errors import DockerException

from preflight import server as server_module
from preflight.server import Listener, Server, UnreachableError, _ipv4, _listening, _published, observe

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True, scope="module")
def abandoned_sockets() -> Iterator[None]:
    """Collect the sockets that the Docker SDK leaves open when it cannot connect; other modules would be blamed."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def no_docker_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names no engine."""
    for name in ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)


def reason(host: str) -> str:
    """Why the server at `host` cannot be observed."""
    with pytest.raises(UnreachableError) as unreachable:
        observe(host, "shop-dev", ())
    return str(unreachable.value)


# Why there is no answer

START = "Start Docker, install Docker Engine 24 or newer (./pulumiw up offers to), or correct DOCKER_HOST."


def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    """No Docker at all, or a slip in DOCKER_HOST."""
    host = f"unix://{tmp_path}/docker.sock"
    assert reason(host) == (
        f"host.E001 Docker: an engine must answer at {host} (got No such file or directory). {START}"
    )


def test_a_socket_behind_which_nobody_listens(tmp_path: Path) -> None:
    """Docker has stopped and left it."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(f"{tmp_path}/docker.sock")
    assert "(got Connection refused)" in reason(f"unix://{tmp_path}/docker.sock")


def test_a_port_on_which_nobody_listens() -> None:
    """The reason is found at the bottom of what three libraries wrap around it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "(got Connection refused)" in reason(f"tcp://127.0.0.1:{port}")


def test_an_address_that_is_none() -> None:
    """What the library says is passed on."""
    assert reason("carrier-pigeon://x").startswith(
        "host.E001 Docker: an engine must answer at carrier-pigeon://x (got "
    )


def wrapped(cause: OSError) -> DockerException:
    """An error of the operating system as urllib3, requests and the Docker SDK wrap it: in arguments and texts."""
    middle = requests.exceptions.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", cause))
    outer = DockerException(f"Error while fetching server API version: {middle}")
    outer.__cause__ = middle
    return outer


@pytest.mark.parametrize(
    ("code", "start", "got"),
    [
        (errno.EACCES, "host.E002 Docker: unix:///var/run/docker.sock must let this user in", "permission denied"),
        (errno.EPERM, "host.E002 Docker: unix:///var/run/docker.sock must let this user in", "permission denied"),
        (errno.ENOENT, "host.E001 Docker: an engine must answer at unix:///var/run/docker.sock", "missing"),
        (errno.ECONNREFUSED, "host.E001 Docker: an engine must answer at unix:///var/run/docker.sock", "refused"),
    ],
)
def test_the_reason_is_told_from_its_number(code: int, start: str, got: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not from a text, which differs between languages and versions."""
    words = {errno.ENOENT: "missing", errno.ECONNREFUSED: "refused"}.get(code, "anything")

    def fail(**_: object) -> Any:
        raise wrapped(OSError(code, words))

    monkeypatch.setattr(docker, "APIClient", fail)
    assert reason("").startswith(f"{start} (got {got}).")


def test_a_user_who_is_not_let_in_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that adds the user to the group."""

    def fail(**_: object) -> Any:
        raise wrapped(PermissionError(errno.EACCES, "Permission denied"))

    monkeypatch.setattr(docker, "APIClient", fail)
    assert reason("").endswith("Run `sudo usermod -aG docker $USER` and log in again, or run with sudo.")


def test_the_host_that_the_environment_names_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a forgotten DOCKER_HOST is seen at once."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/other.sock")
    assert f"at unix://{tmp_path}/other.sock (got" in reason("")


def test_certificates_that_are_not_there_are_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DOCKER_TLS_VERIFY counts as it does for the docker command."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    assert reason("").startswith("host.E001 Docker: an engine must answer at tcp://127.0.0.1:1 (got ")


# What is read

ANSWERS: dict[str, Any] = {
    "/version": {"ApiVersion": "1.45", "MinAPIVersion": "1.24", "Version": "26.1.5"},
    "/info": {
        "OSType": "linux",
        "Architecture": "aarch64",
        "KernelVersion": "6.12.9-arm64",
        "NCPU": 4,
        "MemTotal": 8 * 1024**3 + 1,
        "DockerRootDir": "/var/lib/docker",
    },
    "/containers/json": [
        {
            "Names": ["/shop-dev-edge"],
            "Ports": [{"IP": "127.0.0.1", "PrivatePort": 8080, "PublicPort": 8080, "Type": "tcp"}],
            "Labels": {"django-stack.stack": "shop-dev", "django-stack.role": "edge"},
        },
        {
            "Names": ["/shop-dev-postgres"],
            "Ports": [],
            "Labels": {"django-stack.stack": "shop-dev", "django-stack.spec": "0123456789"},
        },
        {"Names": ["/somebody-elses"], "Ports": [], "Labels": None},
    ],
    "/volumes": {"Volumes": [{"Name": "a", "Labels": {"x": "y"}}, {"Name": "b", "Labels": None}]},
}


@pytest.fixture
def engine() -> Iterator[str]:
    """The address of something that answers as Docker does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = "/" + self.path.partition("?")[0].removeprefix("/v1.45").lstrip("/")
            body = json.dumps(ANSWERS[path]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"tcp://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_server_elsewhere_is_observed_through_its_engine_alone(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its disk and its processes cannot be seen; its containers' ports can."""
    monkeypatch.setattr("preflight.server.shutil.which", lambda _: "/usr/bin/docker")
    assert observe(engine, "shop-dev", {8080}) == Server(
        version="26.1.5",
        platform="linux/arm64",
        kernel="6.12.9-arm64",
        cpus=4,
        memory_mb=8192,
        disk_free_mb=None,
        disk_total_mb=None,
        listeners=(
            Listener(address="127.0.0.1", port=8080, owner="container shop-dev-edge", container="shop-dev-edge"),
        ),
        running_specs={"shop-dev-edge": "unknown", "shop-dev-postgres": "0123456789"},
        volume_labels={"a": {"x": "y"}, "b": {}},
        cli="/usr/bin/docker",
    )


@pytest.mark.parametrize(
    ("kernel", "migrate"),
    [("6.12.9", True), ("5.14.0-503.el9", True), ("5.13.19", False), ("5.4.0", False), ("4.18", False), ("odd", False)],
)
def test_the_kernel_tells_whether_connections_migrate(kernel: str, migrate: bool) -> None:
    """From Linux 5.14 on; what cannot be read counts as old."""
    server = Server(
        version="26",
        platform="linux/amd64",
        kernel=kernel,
        cpus=1,
        memory_mb=1,
        disk_free_mb=None,
        disk_total_mb=None,
        listeners=(),
        running_specs={},
        volume_labels={},
        cli=None,
    )
    assert server.connections_migrate is migrate


def test_of_containers_the_published_tcp_ports_count() -> None:
    """Not those that are exposed only, not UDP, and not ports that nobody asked for."""
    ports = [
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},  # noqa: S104 - compared, not bound
        {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "0.0.0.0", "PrivatePort": 53, "PublicPort": 8080, "Type": "udp"},  # noqa: S104 - compared, not bound
        {"IP": "0.0.0.0", "PrivatePort": 81, "PublicPort": 8081, "Type": "tcp"},  # noqa: S104 - compared, not bound
        {"PrivatePort": 8080, "Type": "tcp"},
    ]
    assert list(_published([{"Names": ["/web"], "Ports": ports}], {8080})) == [
        Listener(address="0.0.0.0", port=8080, owner="container web", container="web"),  # noqa: S104 - compared, not bound
        Listener(address="::", port=8080, owner="container web", container="web"),
    ]


# Linux's /proc

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1001 1 0 100 0 0 10 0
   1: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1002 1 0 100 0 0 10 0
   2: 0100007F:1F92 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 1003 1 0 100 0 0 10 0
   3: 0500000A:1F93 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1004 1 0 100 0 0 10 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx rx tr uid timeout inode
   0: 00000000000000000000000000000000:1F94 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 1005 1 0
   1: 0000000000000000FFFF00000100007F:1F95 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 1006 1 0
"""


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /proc with two tables and two processes, one of them Docker's own."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(TCP)
    (tmp_path / "net" / "tcp6").write_text(TCP6)
    for pid, name, inode in ((10, "gunicorn", 1001), (11, "docker-proxy", 1002)):
        (tmp_path / str(pid) / "fd").mkdir(parents=True)
        (tmp_path / str(pid) / "comm").write_text(f"{name}\n")
        (tmp_path / str(pid) / "fd" / "3").symlink_to(f"socket:[{inode}]")
        (tmp_path / str(pid) / "fd" / "0").symlink_to("/dev/null")
    (tmp_path / "12").mkdir()
    monkeypatch.setattr(server_module, "_PROC", tmp_path)
    monkeypatch.setattr("preflight.server.platform.system", lambda: "Linux")
    return tmp_path


@pytest.mark.usefixtures("proc")
@pytest.mark.parametrize(
    ("port", "address", "owner"),
    [
        (8080, "127.0.0.1", "process gunicorn"),
        (8083, "10.0.0.5", "a process of another user"),
        (8084, "0.0.0.0", "a process of another user"),  # noqa: S104 - compared, not bound
        (8085, "127.0.0.1", "a process of another user"),
    ],
)
def test_a_listening_process_is_told_by_its_name(port: int, address: str, owner: str) -> None:
    """Or as another user's, whose sockets cannot be seen; IPv4 within IPv6 is read as what it is."""
    assert list(_listening({port})) == [Listener(address=address, port=port, owner=owner)]


@pytest.mark.usefixtures("proc")
@pytest.mark.parametrize("port", [8081, 8082, 9999])
def test_what_is_no_listening_process_is_not_told(port: int) -> None:
    """A container's published port is told by its container; a connection is no listener."""
    assert list(_listening({port})) == []


def test_processes_are_not_looked_for_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Mac, Docker runs in a virtual machine."""
    monkeypatch.setattr("preflight.server.platform.system", lambda: "Darwin")
    assert list(_listening({22, 80, 443, 8080})) == []


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        ("0100007F", "127.0.0.1"),
        ("0201A8C0", "192.168.1.2"),
        ("0000000000000000FFFF00000100007F", "127.0.0.1"),
        ("00000000000000000000000001000000", "00000000000000000000000001000000"),
    ],
)
def test_addresses_are_read_as_the_kernel_writes_them(raw: str, address: str) -> None:
    """The lowest byte first."""
    assert _ipv4(raw) == address


def test_a_real_listener_is_found() -> None:
    """On this machine, by the name of this very process."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        found = list(_listening({port}))
    assert [(each.address, each.port) for each in found] == [("127.0.0.1", port)]
    assert found[0].owner.startswith("process ")
