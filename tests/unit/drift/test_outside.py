"""What Docker tells of a stack, beside the recorded state: one thing changed at a time."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from drift import examine, recorded
from drift.errors import DriftError
from drift.finding import Finding
from drift.observed import familiar
from drift.recorded import Recorded
from tests.unit.drift.deployed import PREFIX, STACK, RunningStack, export, stranger
from tests.unit.recording import Declarations

Look = Callable[[], list[Finding]]
Change = Callable[[dict[str, Any]], Any]


def replica(docker: RunningStack) -> str:
    return str(max(name for name in docker.containers if "-web-" in name))


def config(**changes: Any) -> Change:
    return lambda info: info["Config"].update(changes)


def host(**changes: Any) -> Change:
    return lambda info: info["HostConfig"].update(changes)


def state_of(**changes: Any) -> Change:
    return lambda info: info["State"].update(changes)


def networks(info: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = info["NetworkSettings"]["Networks"]
    return found


def _recreate(info: dict[str, Any]) -> None:
    info["Id"] = "f" * 64
    for network in networks(info).values():
        network["Aliases"] = ["f" * 12]


OF_A_REPLICA: dict[str, tuple[str, Change, str]] = {
    "recreated": ("C002", _recreate, "ffffffffffff"),
    "stopped": ("C003", state_of(Status="exited", ExitCode=137), "exited, exit code 137"),
    "out of memory": ("C003", state_of(Status="exited", ExitCode=137, OOMKilled=True), "out of memory"),
    "paused": ("C003", state_of(Status="paused"), "paused"),
    "crash loop": ("C003", state_of(Status="restarting", ExitCode=1), "restarting"),
    "unhealthy": ("C004", state_of(Health={"Status": "unhealthy"}), "unhealthy"),
    "image name": ("C005", config(Image="other:1"), "other:1"),
    "image id": ("C005", lambda info: info.update(Image=f"sha256:{'a' * 64}"), "aaaaaaaaaaaa"),
    "variable added": ("C006", lambda info: info["Config"]["Env"].append("TOKEN=hunter2"), "TOKEN = sha256:"),
    "variable gone": ("C006", lambda info: info["Config"]["Env"].remove("GUNICORN_THREADS=4"), "not set"),
    "label": ("C007", lambda info: info["Config"]["Labels"].update(team="blue"), "team = blue"),
    "label gone": ("C007", lambda info: info["Config"]["Labels"].pop("django-stack.role"), "not set"),
    "volume gone": ("C008", lambda info: info["Mounts"].pop(0), "not set"),
    "volume writable": ("C008", lambda info: info["Mounts"][0].update(RW=True), "-secrets-1"),
    "bind mount": (
        "C008",
        lambda info: info["Mounts"].append({"Type": "bind", "Source": "/", "Destination": "/host", "RW": True}),
        "/host = /",
    ),
    "tmpfs": ("C009", host(Tmpfs={"/var/tmp": "size=8m"}), "/var/tmp"),
    "tmpfs size": ("C009", lambda info: info["HostConfig"]["Mounts"][0]["TmpfsOptions"].update(SizeBytes=1), "0 MiB"),
    "network left": ("C010", lambda info: networks(info).pop(f"{PREFIX}-edge"), "not set"),
    "network joined": ("C010", lambda info: networks(info).update(bridge={"Aliases": None}), "bridge = joined"),
    "alias": ("C011", lambda info: networks(info)[f"{PREFIX}-data"]["Aliases"].append("postgres"), "postgres"),
    "port": ("C012", host(PortBindings={"80/tcp": [{"HostIp": "", "HostPort": "80"}]}), "0.0.0.0:80->80/tcp"),
    "CPUs": ("C013", host(NanoCpus=500_000_000), "0.5 CPUs"),
    "CPU shares": ("C013", host(CpuShares=2), "2 shares"),
    "memory": ("C014", host(Memory=300 << 20), "300 MiB"),
    "memory, unlimited": ("C014", host(Memory=0), "unlimited"),
    "swap": ("C015", host(MemorySwap=-1), "unlimited"),
    "processes": ("C016", host(PidsLimit=None), "unlimited"),
    "shared memory": ("C017", host(ShmSize=128 << 20), "128 MiB"),
    "open files": ("C018", host(Ulimits=[]), "nofile not set"),
    "capability": ("C019", host(CapAdd=["CAP_NET_RAW"]), "+NET_RAW, -ALL"),
    "capabilities kept": ("C019", host(CapDrop=None), "none"),
    "security option": ("C020", host(SecurityOpt=None), "none"),
    "seccomp": ("C020", lambda info: info["HostConfig"]["SecurityOpt"].append("seccomp=unconfined"), "unconfined"),
    "root": ("C021", host(ReadonlyRootfs=False), "writable"),
    "user": ("C022", config(User="0"), "0"),
    "command": ("C023", config(Cmd=["gunicorn", "--token=hunter2"]), "--token=sha256:"),
    "init": ("C023", host(Init=False), "init off"),
    "health check": ("C024", config(Healthcheck=None), "none"),
    "health interval": ("C024", lambda info: info["Config"]["Healthcheck"].update(Interval=10**9), "every 1 s"),
    "restart policy": ("C025", host(RestartPolicy={"Name": "no"}), "no"),
    "stop signal": ("C026", config(StopSignal="SIGKILL"), "SIGKILL"),
    "stop time": ("C026", config(StopTimeout=1), "1 s"),
    "log options": ("C027", host(LogConfig={"Type": "json-file", "Config": {}}), "max-size not set"),
    "log driver": ("C027", host(LogConfig={"Type": "none"}), "driver = none"),
    "kernel setting": ("C028", host(Sysctls={"net.core.somaxconn": "1"}), "net.core.somaxconn = 1"),
    "privileged": ("C029", host(Privileged=True), "Privileged True"),
    "namespace": ("C029", host(IpcMode="host"), "IpcMode host"),
    "CPU set": ("C030", host(CpusetCpus="0"), "CpusetCpus 0"),
}


def test_what_runs_as_it_was_deployed_has_no_drift(look: Look, docker: RunningStack) -> None:
    """And reading it takes a fixed number of questions, however many containers there are."""
    assert look() == []
    assert len(docker.calls) == 10
    reading = {"ps", "container", "network", "volume", "image", "exec", "diff", "run"}
    assert {words[0] for words in docker.calls} <= reading
    assert {words[1] for words in docker.calls if words[0] in reading - {"ps", "exec", "diff", "run"}} == {
        "inspect",
        "ls",
    }


@pytest.mark.parametrize("name", OF_A_REPLICA)
def test_each_property_of_a_container_is_compared(name: str, look: Look, docker: RunningStack) -> None:
    """A change of one is one finding: of that kind, of that container, with what was found."""
    kind, change, found = OF_A_REPLICA[name]
    change(docker.containers[replica(docker)])
    (finding,) = look()
    assert finding.id == f"drift.{kind}"
    assert finding.what == f"container {replica(docker)}"
    assert found in finding.found
    assert finding.expected
    assert finding.expected != finding.found
    assert finding.likely_cause
    assert finding.mend.command(STACK)


def test_no_value_of_the_environment_is_shown(look: Look, docker: RunningStack) -> None:
    """It may be a password."""
    docker.containers[replica(docker)]["Config"]["Env"] += ["TOKEN=hunter2", "HEALTH_PATH=/secret-path"]
    (finding,) = look()
    assert "hunter2" not in f"{finding}"
    assert "/secret-path" not in f"{finding}"
    assert "HEALTH_PATH" in finding.found


def test_a_container_that_is_gone_is_one_finding(look: Look, docker: RunningStack) -> None:
    """Rather than one for each of its properties."""
    name = replica(docker)
    del docker.containers[name]
    (finding,) = look()
    assert (finding.id, finding.what) == ("drift.C001", f"container {name}")
    assert finding.mend.command(STACK) == "./pulumiw up --yes --refresh --stack dev"


def test_the_image_of_a_container_that_ignores_it_is_no_drift(look: Look, docker: RunningStack) -> None:
    """The holder goes on with the one that it started with."""
    holder = docker.containers[f"{PREFIX}-edge"]
    image = next(iter(docker.images.values()))
    holder.update(Image=image["Id"])
    holder["Config"]["Image"] = "an older one"
    assert look() == []


def test_replicas_that_stand_by_after_a_failed_release_are_no_drift(
    state: Recorded, docker: RunningStack, look: Look
) -> None:
    """They are kept, stopped for good, for their logs."""
    assert look() == []
    for name in docker.containers:
        if "-web-" in name:
            docker.containers[name]["State"]["Status"] = "exited"
            docker.containers[name]["HostConfig"]["RestartPolicy"] = {"Name": "no"}
    other = Recorded(**{**vars(state), "release": "of-before"})
    found = examine.compared(docker, other, stack=STACK).drift
    assert {finding.id for finding in found} == {"drift.F010"}  # the slots of this stack are another release's


def test_a_replica_that_is_down_is_one_finding(look: Look, docker: RunningStack) -> None:
    """That nothing listens behind its slots follows from it."""
    docker.containers[replica(docker)]["State"]["Status"] = "exited"
    docker.sockets = {name for name in docker.sockets if "-1." in name}
    assert [finding.id for finding in look()] == ["drift.C003"]


def test_an_image_that_is_gone_does_not_make_its_variables_drift(look: Look, docker: RunningStack) -> None:
    """What the image itself has put into a container is not known then."""
    name = docker.containers[replica(docker)]["Config"]["Image"]
    del docker.images[name]
    found = look()
    assert {finding.id for finding in found} == {"drift.I001"}
    assert found[0].what == f"image {name}"


def test_a_stack_that_is_held_at_a_release_has_no_drift(dev: Declarations, docker: RunningStack) -> None:
    """After a rollback: its image was not built, and nothing was migrated."""
    content = json.loads(export(dev))
    left_out = ("::app-image", "::web-migrate")
    resources = [each for each in content["deployment"]["resources"] if not each["urn"].endswith(left_out)]
    state = recorded.read(json.dumps({"deployment": {"resources": resources}}), prefix=PREFIX)
    assert list(examine.compared(docker, state, stack=STACK).drift) == []


def test_a_tag_that_was_moved_is_moved_back(look: Look, docker: RunningStack) -> None:
    """As long as the image that it stood for is there."""
    name = docker.containers[replica(docker)]["Config"]["Image"]
    before = docker.images[name]
    docker.images[name] = before | {"Id": f"sha256:{'b' * 64}"}
    docker.images["still there"] = before | {"RepoTags": []}
    (finding,) = look()
    assert finding.id == "drift.I002"
    assert finding.mend.docker == (("tag", before["Id"], name),)


NETWORKS: dict[str, tuple[str, Callable[[RunningStack], Any]]] = {
    "gone": ("N001", lambda docker: docker.networks.pop(f"{PREFIX}-data")),
    "made anew": ("N002", lambda docker: docker.networks[f"{PREFIX}-data"].update(Id="c" * 64)),
    "with a way out": ("N003", lambda docker: docker.networks[f"{PREFIX}-data"].update(Internal=False)),
    "other driver": ("N003", lambda docker: docker.networks[f"{PREFIX}-data"].update(Driver="macvlan")),
    "no labels": ("N003", lambda docker: docker.networks[f"{PREFIX}-edge"].update(Labels=None)),
    "volume gone": ("V001", lambda docker: docker.volumes.pop(f"{PREFIX}-media")),
    "volume without labels": ("V002", lambda docker: docker.volumes[f"{PREFIX}-media"].update(Labels=None)),
    "volume elsewhere": ("V002", lambda docker: docker.volumes[f"{PREFIX}-media"].update(Driver="nfs")),
    "one volume more": (
        "V003",
        lambda docker: docker.volumes.update(spare={"Name": "spare", "Labels": {"django-stack.stack": PREFIX}}),
    ),
    "writable and written": (
        "C032",
        lambda docker: (
            docker.containers[replica(docker)]["HostConfig"].update(ReadonlyRootfs=False),
            docker.written.update({replica(docker): ["C /opt", "A /opt/new.py", "A /run/secrets", "C /run"]}),
        ),
    ),
    "Nginx before its holder": (
        "C033",
        lambda docker: docker.containers[f"{PREFIX}-edge"]["State"].update(StartedAt="2026-11-24T10:00:00.51Z"),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_surrounds_containers_is_compared(name: str, look: Look, docker: RunningStack) -> None:
    """Networks, volumes, and what was written into containers."""
    kind, change = NETWORKS[name]
    change(docker)
    assert f"drift.{kind}" in {finding.id for finding in look()}


def test_a_label_that_the_program_ignores_is_no_drift(look: Look, docker: RunningStack) -> None:
    """The data volume's labels say what it was made with, for ever."""
    docker.volumes[f"{PREFIX}-postgres-data"]["Labels"] = {"django-stack.stack": PREFIX}
    assert look() == []


@pytest.mark.parametrize(
    ("info", "ids"),
    [
        (stranger(), []),
        (stranger(NetworkSettings={"Networks": {f"{PREFIX}-edge": {}, "bridge": {}}}), ["drift.N004"]),
        (stranger(Mounts=[{"Type": "volume", "Name": f"{PREFIX}-media"}]), ["drift.V004"]),
        (stranger(Config={"Image": "x", "Labels": {"django-stack.stack": PREFIX}}), ["drift.C031"]),
        (stranger(Config={"Image": "x", "Labels": {"django-stack.stack": "shop-prod"}}), []),
    ],
)
def test_a_stranger_is_named_where_it_touches_the_stack(
    info: dict[str, Any], ids: list[str], look: Look, docker: RunningStack
) -> None:
    """On its networks, in its volumes, under its labels; nowhere else."""
    docker.listed["stranger"] = info
    found = look()
    assert [finding.id for finding in found] == ids
    assert all("stranger" in finding.what and finding.mend.harm for finding in found)


def test_a_release_under_way_is_waited_for(look: Look, docker: RunningStack) -> None:
    """What it is about to change is no drift."""
    labels = {"django-stack.stack": PREFIX, "django-stack.role": "tools"}
    docker.listed[f"{PREFIX}-tools"] = stranger(Config={"Image": "x", "Labels": labels})
    with pytest.raises(DriftError, match=r"no release may be under way \(got shop-dev-tools"):
        look()


def test_docker_that_does_not_answer_is_an_error(look: Look, docker: RunningStack) -> None:
    """Rather than a stack of which all is missing."""
    docker.failing["ps"] = "Cannot connect to the Docker daemon at tcp://10.0.0.1:2375. Is the docker daemon running?"
    with pytest.raises(DriftError, match=r"Docker: the engine must answer \(got Cannot connect"):
        look()


@pytest.mark.parametrize("kind", ["container", "network", "volume", "image"])
def test_an_answer_that_is_cut_short_makes_nothing_missing(kind: str, look: Look, docker: RunningStack) -> None:
    """Only what Docker says that it has not is missing."""
    docker.failing[f"{kind} inspect"] = "error during connect: unexpected EOF"
    with pytest.raises(DriftError, match="unexpected EOF"):
        look()


def test_a_container_that_cannot_be_asked_is_told_of(state: Recorded, docker: RunningStack) -> None:
    """And does not hide what else there is."""
    docker.failing["exec"] = "OCI runtime exec failed"
    docker.containers[replica(docker)]["HostConfig"]["CpuShares"] = 2
    report = examine.compared(docker, state, stack=STACK)
    assert [finding.id for finding in report.drift] == ["drift.C013"]
    assert len(report.unread) == 3


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("nginx:1.28", "nginx:1.28"),
        ("docker.io/library/nginx:1.28", "nginx:1.28"),
        ("nginx:1.28@sha256:ab", "nginx@sha256:ab"),
        ("registry:5000/nginx@sha256:ab", "registry:5000/nginx@sha256:ab"),
    ],
)
def test_an_image_is_found_under_the_name_that_docker_gives_it(name: str, known_as: str) -> None:
    """Whatever the config calls it."""
    assert familiar(name) == known_as
