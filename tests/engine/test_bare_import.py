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


RACE = """
import threading, time
from engine.bare_import import ALONE, bare
from engine.errors import ProviderError
from engine.providers.docker_api import DockerApi

begun = threading.Event()

def build():
    with ALONE, bare("docker", "docker.utils"):
        begun.set()
        time.sleep(0.2)
        from docker.utils.build import PatternMatcher

def connect():
    begun.wait()
    try:
        DockerApi("unix:///nowhere")._client
    except ProviderError:
        print("refused")

steps = [threading.Thread(target=work) for work in (build, connect)]
for each in steps:
    each.start()
for each in steps:
    each.join()
"""


def test_two_steps_at_once_do_not_take_the_package_from_each_other() -> None:
    """The first container and the first image of an update may begin in the same moment."""
    done = subprocess.run([sys.executable, "-c", RACE], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("refused\n", "")
