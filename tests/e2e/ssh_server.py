"""A server behind a real sshd on loopback, from Debian's package, with accounts that this machine does not have."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_START_SECONDS = 20
GROUP_ID = 61_000

# In mounts of its own, so that the machine's accounts and /run stay as they are.
_START = """
set -e
for name in passwd group shadow; do mount --bind "$1/etc/$name" "/etc/$name"; done
mount -t tmpfs -o mode=755 none /run
mkdir -m 0755 /run/sshd
if [ -d "$1/package/usr/lib/openssh" ]; then mount --bind "$1/package/usr/lib/openssh" /usr/lib/openssh; fi
exec "$2" -D -e -f "$1/sshd_config"
"""


def run(*words: str, cwd: Path | None = None) -> str:
    done = subprocess.run(words, cwd=cwd, text=True, capture_output=True, timeout=180, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


def sshd_program(folder: Path) -> Path:
    """Debian's sshd: the installed one, else unpacked into `folder`, with what else it needs."""
    installed = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if installed:
        return Path(installed)
    if (folder / "usr" / "sbin" / "sshd").exists():
        return folder / "usr" / "sbin" / "sshd"
    planned = run("apt-get", "install", "--simulate", "--no-install-recommends", "openssh-server")
    folder.mkdir(exist_ok=True)
    run("apt-get", "download", *re.findall(r"^Inst (\S+)", planned, re.MULTILINE), cwd=folder)
    for package in folder.glob("*.deb"):
        run("dpkg-deb", "--extract", str(package), str(folder))
    return folder / "usr" / "sbin" / "sshd"


@dataclass(kw_only=True)
class Server:
    """Accounts in one group, `deploy`, which shares the folder `state`."""

    port: int
    users: Sequence[str]
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="ssh-server-", dir="/var/tmp")))
    _daemon: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def url(self) -> str:
        return f"ssh://server{self.state}"

    def make(self) -> None:
        """Accounts, keys and the folder that they share, as docs/shared-state.md has it."""
        self.folder.chmod(0o755)
        for name in ("etc", "home", "keys", "clients"):
            (self.folder / name).mkdir()
        entries = {name: Path("/etc", name).read_text() for name in ("passwd", "group", "shadow")}
        entries["group"] += f"deploy:x:{GROUP_ID}:{','.join(self.users)}\n"
        entries["passwd"] += f"sshd:x:{GROUP_ID}:65534::/run/sshd:/usr/sbin/nologin\n"
        for number, user in enumerate(self.users, GROUP_ID + 1):
            home = self.folder / "home" / user
            home.mkdir()
            os.chown(home, number, GROUP_ID)
            entries["passwd"] += f"{user}:x:{number}:{GROUP_ID}::{home}:/bin/bash\n"
            entries["shadow"] += f"{user}:*:19000:0:99999:7:::\n"
        for name, text in entries.items():
            (self.folder / "etc" / name).write_text(text)
        (self.folder / "etc" / "shadow").chmod(0o600)
        self.state.mkdir()
        os.chown(self.state, 0, GROUP_ID)
        self.state.chmod(0o2770)
        self._make_keys()

    def _make_keys(self) -> None:
        for name in ("host", *self.users):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.folder / "clients" / name))
            public = (self.folder / "clients" / f"{name}.pub").read_text()
            (self.folder / "keys" / name).write_text(public)
        host_key = " ".join((self.folder / "clients" / "host.pub").read_text().split()[:2])
        (self.folder / "clients" / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {host_key}\n")
        (self.folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder}/clients/host\nPidFile none\n"
            f"AuthorizedKeysFile {self.folder}/keys/%u\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        )

    def client(self, user: str, **settings: str) -> Path:
        """A folder for PATH: the machine's ssh with the config of a user, who calls this server `server`."""
        folder = self.folder / "clients" / f"{user}-{len(list((self.folder / 'clients').iterdir()))}"
        folder.mkdir()
        config = {
            "HostName": "127.0.0.1",
            "Port": str(self.port),
            "User": user,
            "IdentityFile": str(self.folder / "clients" / user),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(self.folder / "clients" / "known_hosts"),
            "GlobalKnownHostsFile": "none",
        }
        lines = [f"  {key} {value}" for key, value in (config | settings).items()]
        (folder / "config").write_text("\n".join(["Host server", *lines, ""]))
        (folder / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n')
        (folder / "ssh").chmod(0o755)
        return folder

    def start(self) -> None:
        """Starts sshd and waits until it answers."""
        program = sshd_program(self.folder / "package")
        libraries = ":".join(str(path) for path in (self.folder / "package").glob("usr/lib/*-linux-gnu"))
        with (self.folder / "log").open("ab") as log:
            self._daemon = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", _START, "sh", str(self.folder), str(program)],
                env=os.environ | {"LD_LIBRARY_PATH": libraries},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def cut(self) -> None:
        """Ends every connection, as a router that starts anew does; new ones are taken."""
        assert self._daemon
        for pid in _children(self._daemon.pid):
            for each in (*_children(pid), pid):
                with contextlib.suppress(ProcessLookupError):  # it has ended with the one before
                    os.kill(each, signal.SIGKILL)

    def stop(self) -> None:
        if self._daemon:
            self.cut()
            self._daemon.terminate()
            self._daemon.wait(timeout=10)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)


def _children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], text=True, capture_output=True, check=False)
    return [int(child) for child in found.stdout.split()]
