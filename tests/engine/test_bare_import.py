"""Modules out of a package without the rest of it."""

import subprocess
import sys

SCRIPT = """
import sys
{first}
import engine.monitor, engine.providers.build
loaded = [name for name in ("pulumi", "docker") if name in sys.modules]
import docker, pulumi
from pulumi.runtime.proto import engine_pb2
assert engine_pb2.LogRequest is engine.monitor.engine_pb2.LogRequest
assert docker.from_env and docker.utils.build.walk and pulumi.Output
print(*loaded)
"""


def run(first: str) -> str:
    """In a process of its own, as imports cannot be taken back; the packages it loaded before it asked for them."""
    script = SCRIPT.format(first=first)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_engine_starts_without_the_sdks_that_it_takes_modules_of() -> None:
    """They take longer than all of its own, and whoever wants one afterwards gets the whole of it."""
    assert run("") == ""


def test_a_package_that_is_loaded_already_stays() -> None:
    """Two copies of one class would not know each other."""
    assert run("import docker, pulumi") == "pulumi docker"
