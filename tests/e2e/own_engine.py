"""A Docker Engine of the tests' own, in a network namespace, that may be killed and started again."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME, HOST_ADDRESS, ENGINE_ADDRESS = "stack-eng", "10.231.7.1", "10.231.7.2"
SUBNET = "10.231.7.0/30"
START_SECONDS = 60


def run(*words: str, check: bool = True) -> str:
    done = subprocess.run(words, text=True, capture_output=True, check=False)
    assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


@dataclass(kw_only=True)
class Engine:
    """A daemon with its own data, socket and network."""

    folder: Path
    _daemon: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    def docker(self, *words: str, check: bool = True) -> str:
        """Standard output of a docker command on this engine."""
        return run("docker", "--host", self.host, *words, check=check)

    def containers(self, role: str = "") -> list[dict[str, Any]]:
        """Inspections of the containers with a role, or of all."""
        filters = [f"--filter=label=django-stack.role={role}"] if role else []
        ids = self.docker("ps", "--all", "--quiet", *filters).split()
        return json.loads(self.docker("inspect", *ids)) if ids else []

    def make_network(self) -> None:
        """A namespace with a way out through this machine."""
        run("ip", "netns", "add", NAME)
        run("ip", "link", "add", f"{NAME}-h", "type", "veth", "peer", "name", f"{NAME}-c")
        run("ip", "link", "set", f"{NAME}-c", "netns", NAME)
        run("ip", "address", "add", f"{HOST_ADDRESS}/30", "dev", f"{NAME}-h")
        run("ip", "link", "set", f"{NAME}-h", "up")
        inside = ("ip", "netns", "exec", NAME)
        run(*inside, "ip", "address", "add", f"{ENGINE_ADDRESS}/30", "dev", f"{NAME}-c")
        run(*inside, "ip", "link", "set", f"{NAME}-c", "up")
        run(*inside, "ip", "link", "set", "lo", "up")
        run(*inside, "ip", "route", "add", "default", "via", HOST_ADDRESS)
        for rule in self._rules("-I"):
            run("iptables", *rule)

    def _rules(self, action: str) -> list[list[str]]:
        """The way out: forwarded, and under this machine's address."""
        return [
            ["-t", "nat", action, "POSTROUTING", "-s", SUBNET, "!", "-d", SUBNET, "-j", "MASQUERADE"],
            [action, "FORWARD", "-s", SUBNET, "-j", "ACCEPT"],
            [action, "FORWARD", "-d", SUBNET, "-j", "ACCEPT"],
        ]

    def start(self) -> None:
        """Start dockerd and wait until it answers."""
        for part in ("data", "exec"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        (self.folder / "pid").unlink(missing_ok=True)
        daemon = (
            "mount -t tmpfs none /run/docker && exec dockerd"
            f" --data-root={self.folder}/data --exec-root={self.folder}/exec --pidfile={self.folder}/pid"
            f" --host={self.host} >>{self.folder}/log 2>&1"
        )
        Path("/run/docker").mkdir(exist_ok=True)
        self._daemon = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{NAME}", "unshare", "--mount", "sh", "-c", daemon], start_new_session=True
        )
        deadline = time.monotonic() + START_SECONDS
        while not self.docker("version", "--format={{.Server.Version}}", check=False).strip():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.3)

    @property
    def _processes(self) -> tuple[int, list[int]]:
        """The daemon, and its containerd."""
        pid = int((self.folder / "pid").read_text())
        return pid, [int(child) for child in run("pgrep", "-P", str(pid), "containerd", check=False).split()]

    def stop(self) -> None:
        """In an orderly way, as systemd does."""
        pid, _ = self._processes
        os.kill(pid, signal.SIGTERM)
        self._wait_until_gone()

    def kill(self) -> None:
        """Both daemons, at once; the containers' processes live on."""
        pid, children = self._processes
        for each in (pid, *children):
            os.kill(each, signal.SIGKILL)
        self._wait_until_gone()

    def lose_power(self) -> None:
        """Everything at once: dockerd, containerd, their shims and all processes in containers."""
        tops = [self.docker("top", each["Id"], "-eo", "pid") for each in self.containers()]
        inside = [int(pid) for top in tops for pid in top.split()[1:]]
        shims = [int(pid) for pid in run("pgrep", "-f", f"shim.*{self.folder}", check=False).split()]
        pid, children = self._processes
        for each in (pid, *children, *shims, *inside):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self._wait_until_gone()

    def _wait_until_gone(self) -> None:
        assert self._daemon
        self._daemon.wait(timeout=60)

    def remove(self) -> None:
        """Take all of it away."""
        if (self.folder / "pid").exists():
            for container in self.docker("ps", "--all", "--quiet", check=False).split():
                self.docker("rm", "--force", container, check=False)
            with contextlib.suppress(ProcessLookupError):
                self.stop()
        for rule in self._rules("-D"):
            run("iptables", *rule, check=False)
        run("ip", "link", "delete", f"{NAME}-h", check=False)
        run("ip", "netns", "delete", NAME, check=False)
        for mount in reversed(run("findmnt", "--list", "--noheadings", "--output=TARGET").split()):
            if mount.startswith(str(self.folder)):
                run("umount", mount, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def copy_debian_base(self) -> None:
        """From the engine that everybody uses, if it has one: it need not be made again."""
        found = run("docker", "image", "ls", "--format={{.Repository}}:{{.Tag}}", "--filter=reference=*/debian:trixie")
        for name in found.split()[:1]:
            with subprocess.Popen(["docker", "save", name], stdout=subprocess.PIPE) as saved:
                command = ["docker", "--host", self.host, "load"]
                subprocess.run(command, stdin=saved.stdout, check=True, capture_output=True)
