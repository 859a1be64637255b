"""Whole runs: a real program with the real SDK, over a Docker Engine in memory."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pulumi.automation.events import EngineEvent

from engine.lock import Lock
from engine.store import LocalStore
from tests.engine.conftest import Project

SMALL = """
    net = docker.Network("net", name="shop-net")
    pw = pulumi.Config().require_secret("password")
    web = docker.Container("web", image="base", name="shop-web", envs=[pulumi.Output.concat("PW=", pw)],
        networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=net.name)], memory=64, memory_swap=64)
    ran = local.Command("ran", create=pulumi.Output.concat("echo made ", web.name), triggers=[web.id])
    pulumi.export("web", web.name)
    pulumi.export("pw", pw)
"""


@pytest.fixture
def small(project: Project) -> Project:
    project.run("config", "set", "--secret", "password", "hunter2-hunter2")
    project.program(SMALL)
    return project


def test_up_creates_changes_and_destroys_and_a_second_up_does_nothing(small: Project) -> None:
    """The way of every stack, in one run."""
    first = small.run("up", "--yes")
    assert first.code == 0, first.text
    assert "+ 4 to create" in first.out
    assert "+ 4 created" in first.out
    assert small.run("up", "--yes", "--skip-preview", "--expect-no-changes").code == 0
    small.program(SMALL.replace("memory=64, memory_swap=64", "memory=80, memory_swap=80"))
    assert small.run("preview", "--expect-no-changes").code == 7
    changed = small.run("up", "--yes", "--skip-preview")
    assert (
        "~  docker:index:Container web updating (0s) [diff: ~memory,memorySwap] because memory changed" in changed.out
    )
    assert [c["HostConfig"]["Memory"] for c in small.docker.containers.values()] == [80 << 20]
    gone = small.run("destroy", "--yes")
    assert gone.code == 0
    assert "- 4 deleted" in gone.out
    assert not small.docker.containers
    assert small.resources == {}


def test_an_up_without_a_change_runs_the_program_once(project: Project) -> None:
    """What the preview saw is taken over; metadata and history are written all the same."""
    body = "print('run', file=open('runs.txt', 'a')); docker.Volume('v', name='v', opts=pulumi.ResourceOptions({}))"
    project.program(body.format(""))
    runs = project.folder / "runs.txt"
    assert project.run("up", "--yes").code == 0
    assert len(runs.read_text().splitlines()) == 2
    again = project.run("up", "--yes", "--expect-no-changes")
    assert (again.code, len(runs.read_text().splitlines())) == (0, 3)
    assert again.out.count("2 unchanged") == 2
    project.program(body.format("protect=True"))
    assert project.run("up", "--yes", "--skip-preview", "--expect-no-changes").code == 0
    assert len(runs.read_text().splitlines()) == 4
    assert project.resources["v"]["protect"] is True
    assert len(project.run("stack", "history", "--json").json) == 3


def test_a_secret_is_nowhere_in_clear(small: Project) -> None:
    """Not in any file, and not in any display, of a run that fails either."""
    bad = "local.Command('bad', create=pulumi.Output.concat('echo no ', pw, '; exit 1'), triggers=[ran.id])"
    small.program(f"{SMALL}    {bad}\n")
    shown = [
        small.run("up", "--yes"),
        small.run("preview", "--diff"),
        small.run("preview", "--json"),
        small.run("up", "--yes", "--skip-preview", "--json"),
        small.run("stack", "output", "--json"),
        small.run("stack", "export"),
        small.run("stack", "history", "--json"),
        small.run("config"),
    ]
    assert shown[0].code == 1
    assert "running '[secret]':\n    no [secret]" in shown[0].out
    assert all("hunter2" not in result.text for result in shown)
    files = [path for path in small.folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if "hunter2" in path.read_text(errors="replace")] == []
    assert "hunter2-hunter2" in small.run("stack", "output", "pw", "--show-secrets").out
    assert "hunter2-hunter2" in small.run("config", "get", "password").out


def test_json_has_the_shapes_of_the_cli(small: Project) -> None:
    """The SDK's own event classes read the stream; every step has its cause beside."""
    digest = small.run("preview", "--json").json
    assert digest["changeSummary"] == {"create": 4}
    assert digest["config"] == {"shop:password": "[secret]"}
    assert [step["op"] for step in digest["steps"]] == ["create"] * 4
    web = next(step for step in digest["steps"] if step["urn"].endswith("::web"))
    assert web["cause"] == "it is new in the program"
    assert web["newState"]["inputs"]["envs"] == "[secret]"
    stream = small.run("up", "--yes", "--skip-preview", "--json")
    events = [json.loads(line) for line in stream.out.splitlines()]
    parsed = [EngineEvent.from_json(event) for event in events]
    assert [event.sequence for event in parsed] == list(range(len(parsed)))
    assert parsed[-1].cancel_event is not None
    assert parsed[-2].summary_event is not None
    assert parsed[-2].summary_event.resource_changes == {"create": 4}
    assert {e["resOutputsEvent"]["metadata"]["op"] for e in events if "resOutputsEvent" in e} == {"create"}
    assert all("cause" in e["resourcePreEvent"]["metadata"] for e in events if "resourcePreEvent" in e)


def test_refresh_finds_what_changed_and_up_mends_it(small: Project) -> None:
    """A killed container, one that is gone, and nothing at all."""
    small.run("up", "--yes", "--skip-preview")
    assert small.run("refresh", "--preview-only", "--expect-no-changes").code == 0
    [web] = small.docker.containers
    small.docker.call("POST", f"/containers/{web}/stop")
    seen = small.run("refresh", "--preview-only", "--expect-no-changes")
    assert seen.code == 7
    assert (
        "web update [diff: ~mustRun] because Docker differs from the state: mustRun changed: true → false" in seen.out
    )
    assert small.run("preview", "--refresh", "--expect-no-changes").code == 7
    assert small.run("refresh", "--yes").code == 0
    assert "~ 1 to update" in small.run("up", "--yes").out
    assert small.docker.containers[web]["State"]["Running"]
    small.docker.call("DELETE", f"/containers/{web}")
    mended = small.run("up", "--yes", "--refresh")
    assert "web delete because it is no longer there" in mended.out
    assert len(small.docker.containers) == 1


def test_a_failed_step_keeps_what_was_done_and_the_next_up_goes_on(small: Project) -> None:
    """Exit code 1, nothing deleted, and no traceback of the program."""
    small.program(SMALL.replace('"echo made "', '"false "'))
    failed = small.run("up", "--yes", "--skip-preview")
    assert failed.code == 1
    assert "exit status 1: running 'false shop-web'" in failed.out
    assert "Traceback" not in failed.text
    assert set(small.resources) >= {"net", "web"}
    small.program(SMALL)
    again = small.run("up", "--yes", "--skip-preview")
    assert again.code == 0
    assert "+ 1 created" in again.out


def test_components_pass_on_what_children_inherit(project: Project) -> None:
    """Parents in URNs, protect and retain_on_delete, and an alias of the component for its children."""
    body = """
        class Site(pulumi.ComponentResource):
            def __init__(self, name, opts=None):
                super().__init__("shop:index:Site", name, {{}}, opts)
                child = pulumi.ResourceOptions(parent=self)
                self.data = docker.Volume(f"{{name}}-data", name="shop-data", opts=child)
                self.register_outputs({{"data": self.data.name}})
        site = Site("{name}", pulumi.ResourceOptions({options}))
    """
    project.program(body.format(name="old", options="protect=True, retain_on_delete=True"))
    assert project.run("up", "--yes", "--skip-preview").code == 0
    data = project.resources["old-data"]
    assert data["urn"] == "urn:pulumi:dev::shop::shop:index:Site$docker:index/volume:Volume::old-data"
    assert (data["protect"], data["retainOnDelete"]) == (True, True)
    assert project.resources["old"]["outputs"] == {"data": "shop-data"}
    project.program(body.format(name="new", options="aliases=[pulumi.Alias(name='old')]"))
    renamed = project.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert renamed.code == 0, renamed.text
    assert set(project.resources) == {"shop-dev", "new", "new-data", "default_5_2_0"}


def test_a_protected_volume_stops_a_destroy_before_anything_is_deleted(project: Project) -> None:
    """Even without a preview."""
    project.program("""
        docker.Volume("data", name="d", opts=pulumi.ResourceOptions(protect=True))
        docker.Container("web", image="base", name="w")
    """)
    assert project.run("up", "--yes", "--skip-preview").code == 0
    refused = project.run("destroy", "--yes", "--skip-preview")
    assert refused.code == 1
    assert "because it is protected" in refused.out
    assert len(project.docker.containers) == 1


def test_a_retained_volume_survives_and_is_adopted_again(project: Project) -> None:
    """The state forgets it, Docker keeps it, and the next up finds it."""
    project.program('docker.Volume("data", name="d", opts=pulumi.ResourceOptions(retain_on_delete=True))')
    project.run("up", "--yes", "--skip-preview")
    gone = project.run("destroy", "--yes")
    assert "data delete (kept in Docker)" in gone.out
    assert set(project.docker.volumes) == {"d"}
    assert project.run("up", "--yes", "--skip-preview").code == 0


def test_an_explicit_provider_reaches_its_resources(project: Project) -> None:
    """By `provider` on a resource, and by `providers` on a component."""
    project.program("""
        far = docker.Provider("far", host="tcp://10.0.0.9:2375")
        docker.Volume("a", name="a", opts=pulumi.ResourceOptions(provider=far))
        box = pulumi.ComponentResource("shop:index:Box", "box", {}, pulumi.ResourceOptions(providers=[far]))
        docker.Volume("b", name="b", opts=pulumi.ResourceOptions(parent=box))
        docker.Volume("c", name="c")
    """)
    assert project.run("up", "--yes", "--skip-preview").code == 0
    providers = {name: project.resources[name]["provider"].split("::")[-2] for name in "abc"}
    assert providers == {"a": "far", "b": "far", "c": "default_5_2_0"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('broken-program')", "ValueError: broken-program"),
        ("raise pulumi.RunError('told-politely')", "told-politely"),
        ("import sys; docker.Volume('v'); sys.exit(3)", "the program ended with exit code 3"),
        ("import sys; docker.Volume('v'); sys.exit(0)", "ended before it was done, so nothing was deleted"),
        ("import os; os.kill(os.getpid(), 9)", "the program was ended by SIGKILL"),
        ("def f(:", "SyntaxError"),
        ("docker.Volume('v'); docker.Volume('v')", "Duplicate resource URN"),
        (
            "docker.Service('s', task_spec={'container_spec': {'image': 'x'}})",
            "docker:index/service:Service is not supp",
        ),
        ("docker.Container('w', image='base', gpus='all')", "property 'gpus' is not supported"),
        ("pulumi.StackReference('organization/other/dev')", "pulumi:pulumi:StackReference is not supported"),
        ("docker.get_network(name='x')", "the function docker:index/getNetwork:getNetwork is not supported"),
        ("docker.Volume.get('v', 'id')", "reading an existing docker:index/volume:Volume is not supported"),
        ("docker.Volume('v', opts=pulumi.ResourceOptions(import_='x'))", "v: the option importId is not supported"),
        ("docker.Volume('v', opts=pulumi.ResourceOptions(transforms=[lambda a: None]))", "transforms"),
        ("docker.Provider('p', cert_path='/x')", "the setting docker:certPath is not supported"),
        ("docker.Container('w', image='base', memory='much')", r"w.memory: must be a number (got str)"),
    ],
)
def test_a_program_that_cannot_run_is_told_and_changes_nothing(project: Project, body: str, message: str) -> None:
    """By name, before anything is changed, with the state as it was; also where the preview is skipped."""
    project.program("docker.Volume('first', name='first')\n" + body)
    before = project.state_file.read_bytes()
    refused = project.run("up", "--yes", "--skip-preview")
    assert refused.code == 1
    assert message in refused.text
    assert project.docker.calls == []
    assert project.state_file.read_bytes() == before


def test_what_the_program_prints_is_shown_with_secrets_blinded(small: Project) -> None:
    """As a message of the stack."""
    said = "pulumi.log.warn('careful'); pulumi.log.debug('tiresome')"
    small.program(f"print('hello'); print(pulumi.Config().get('password')); {said}")
    shown = small.run("preview")
    assert "pulumi:pulumi:Stack hello" in shown.out
    assert "hunter2" not in shown.text
    assert "warning: careful" in shown.out
    assert "tiresome" not in shown.out


def test_targets_change_only_what_they_name(small: Project) -> None:
    """`--target` on up and on destroy."""
    small.run("up", "--yes", "--skip-preview")
    urn = small.resources["ran"]["urn"]
    assert small.run("destroy", "--yes", "--target", urn).code == 0
    assert "ran" not in small.resources
    assert len(small.docker.containers) == 1
    stranded = small.run("destroy", "--yes", "--target", small.resources["net"]["urn"])
    assert stranded.code == 1
    assert "web depends on a --target" in stranded.text


def test_a_first_interrupt_ends_a_hanging_program_cleanly(project: Project) -> None:
    """Running steps finish, nothing new begins, and the state is whole."""
    project.program("""
        docker.Volume("v", name="v")
        slow = local.Command("slow", create="sleep 60")
        local.Command("later", create=slow.stdout)
    """)

    def interrupt() -> None:
        while "v" not in project.docker.volumes:
            time.sleep(0.05)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    began = time.monotonic()
    stopped = project.run("up", "--yes", "--skip-preview")
    assert time.monotonic() - began < 20
    assert stopped.code == 1
    assert "^C received; cancelling." in stopped.text
    assert "cancelled; not reached: later. What was done is in the state. Run `up` again to go on." in stopped.text
    assert set(project.resources) >= {"v"}
    assert "slow" not in project.resources
    assert list((project.folder / "backend" / ".pulumi" / "locks").rglob("*.json")) == []


def test_a_second_interrupt_ends_everything_at_once(project: Project) -> None:
    """Even a command that does not want to end; the lock is free, and the state whole."""
    project.program("local.Command('slow', create=\"trap '' TERM; touch began; sleep 61\")")
    command = [sys.executable, "-m", "engine", "--cwd", str(project.folder), "up", "--yes", "--skip-preview"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    while not (project.folder / "began").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGINT
    assert time.monotonic() - began < 2
    assert "press ^C again" in out
    assert list((project.folder / "backend" / ".pulumi" / "locks").rglob("*.json")) == []
    assert subprocess.run(["pgrep", "-f", "sleep 61"], check=False).returncode == 1
    assert "resources" in json.loads(project.state_file.read_text())["checkpoint"]["latest"]


def test_a_locked_stack_can_be_looked_at_but_not_changed(small: Project) -> None:
    """A preview takes no lock; `cancel` frees the stack."""
    small.program("docker.Volume('v', name='v')")
    store = LocalStore(small.folder / "backend" / ".pulumi")
    with Lock(store, "locks/organization/shop/dev"):
        assert small.run("preview").code == 0
        refused = small.run("up", "--yes", "--skip-preview")
        assert refused.code == 1
        assert "currently locked by 1 lock(s)" in refused.err
        assert small.run("cancel", "--yes").code == 0
        assert small.run("up", "--yes", "--skip-preview").code == 0


def test_a_full_disk_is_told_and_the_state_stays_whole(small: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that could not be written, and what to do, stand in the error."""
    before = small.state_file.read_bytes()
    real = Path.replace

    def full(self: Path, target: Path) -> Path:
        if self.name == ".dev.json.tmp":
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    failed = small.run("up", "--yes", "--skip-preview")
    assert failed.code == 1
    assert "cannot be written (No space left on device). Free space" in failed.text
    assert small.state_file.read_bytes() == before
