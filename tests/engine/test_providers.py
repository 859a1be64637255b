"""The resource types, over a Docker Engine in memory."""

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ProviderError, UnsupportedError
from engine.model import Goal, State
from engine.providers import Context, ResourceType
from engine.providers.container import create_request
from engine.providers.docker_api import DockerError
from engine.providers.image import ensure_image
from engine.providers.registry import TYPES
from engine.providers.schema import duration_text, nanoseconds
from engine.values import Secret
from tests.engine.builders import CONTAINER, NETWORK, VOLUME, container, goal, recorded
from tests.engine.fake_docker import FakeDocker

IMAGE, REMOTE_IMAGE = "docker:index/image:Image", "docker:index/remoteImage:RemoteImage"


@pytest.fixture
def docker() -> FakeDocker:
    return FakeDocker()


@pytest.fixture
def context(docker: FakeDocker, tmp_path: Path) -> Context:
    return Context(name="it", docker=lambda: docker, cwd=tmp_path)


def created(context: Context, wanted: Goal) -> tuple[ResourceType, State]:
    """The type, and the state that a creation leaves."""
    [planned], type_ = recorded(wanted), TYPES[wanted.type]
    id_, outputs = type_.create(context, planned.inputs)
    return type_, replace(planned, id=id_, outputs=outputs)


FULL = {
    "command": ["sleep", "1"],
    "envs": ["B=2", "A=1"],
    "labels": [{"label": "b", "value": "2"}, {"label": "a", "value": "1"}],
    "ports": [{"internal": 80, "external": 8080, "ip": "127.0.0.1"}],
    "volumes": [{"volumeName": "data", "containerPath": "/data", "readOnly": True}],
    "mounts": [{"type": "tmpfs", "target": "/t", "tmpfsOptions": {"sizeBytes": 5, "mode": 448}}],
    "networksAdvanced": [{"name": "net", "aliases": ["b", "a"]}],
    "capabilities": {"adds": ["CAP_CHOWN"], "drops": ["ALL"]},
    "healthcheck": {"tests": ["CMD", "true"], "interval": "1m30s", "startInterval": "500ms", "retries": 3},
    "ulimits": [{"name": "nofile", "soft": 1, "hard": 2}],
    "memory": 64,
    "memorySwap": 64,
    "cpus": "0.5",
    "cpuShares": 512,
    "tmpfs": {"/tmp": "size=1m"},
    "sysctls": {"net.ipv4.tcp_migrate_req": "1"},
    "logDriver": "json-file",
    "logOpts": {"max-size": "1m"},
    "securityOpts": ["no-new-privileges:true"],
    "user": "1000:1000",
    "readOnly": True,
    "init": True,
    "restart": "unless-stopped",
    "stopSignal": "SIGQUIT",
    "stopTimeout": 9,
    "destroyGraceSeconds": 9,
    "shmSize": 32,
}


def test_a_container_is_asked_for_in_dockers_words() -> None:
    """Sizes in bytes, times in nanoseconds, ports as bindings."""
    [state] = recorded(container("web", FULL))
    request = create_request(state.inputs)
    host = request["HostConfig"]
    assert request["Healthcheck"]["Interval"] == 90 * 10**9
    assert request["Healthcheck"]["StartInterval"] == 5 * 10**8
    assert request["ExposedPorts"] == {"80/tcp": {}}
    assert host["PortBindings"] == {"80/tcp": [{"HostPort": "8080", "HostIp": "127.0.0.1"}]}
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"]) == (64 << 20, 64 << 20, 5 * 10**8)
    assert host["Binds"] == ["data:/data:ro"]
    assert host["Mounts"] == [
        {
            "Type": "tmpfs",
            "Target": "/t",
            "Source": "",
            "ReadOnly": False,
            "TmpfsOptions": {"SizeBytes": 5, "Mode": 448},
        }
    ]
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 1, "Hard": 2}]
    assert (host["CapAdd"], host["CapDrop"]) == (["CAP_CHOWN"], ["ALL"])
    assert host["RestartPolicy"] == {"Name": "unless-stopped"}


def test_outputs_are_what_docker_tells_and_what_the_program_gave(context: Context) -> None:
    """Sets are sorted, objects complete, as the real provider records them."""
    _, state = created(context, container("web", FULL))
    assert state.outputs["envs"] == ["A=1", "B=2"]
    assert state.outputs["labels"] == [{"label": "a", "value": "1"}, {"label": "b", "value": "2"}]
    assert state.outputs["networksAdvanced"][0]["aliases"] == ["a", "b"]
    assert state.outputs["hostname"] == state.id[:12]
    assert state.outputs["runtime"] == "runc"
    assert state.outputs["ports"] == [{"external": 8080, "internal": 80, "ip": "127.0.0.1", "protocol": "tcp"}]


SETTINGS: dict[str, Any] = {
    **FULL,
    "workingDir": "/srv",
    "hostname": "web",
    "networkMode": "none",
}


@pytest.mark.parametrize("seed", range(60))
def test_what_was_just_created_never_differs(seed: int) -> None:
    """Any choice of settings: created, read back and planned again, nothing changes."""
    chance = random.Random(seed)  # noqa: S311  a reproducible choice
    keys = chance.sample(sorted(SETTINGS), chance.randint(0, len(SETTINGS)))
    inputs = {key: SETTINGS[key] for key in keys}
    docker = FakeDocker()
    context = Context(name="web", docker=lambda: docker)
    type_, state = created(context, container("web", inputs))
    read = type_.read(context, state)
    assert read is not None
    again = replace(state, inputs=read[0], outputs=read[1])
    checked = type_.check("web", container("web", inputs).inputs, again.inputs, "0000000", Path())
    assert type_.diff(again, checked).changes == {}
    assert read[0] == state.inputs


def test_drift_of_a_limit_is_seen_and_mended(context: Context, docker: FakeDocker) -> None:
    """What someone changed by hand stands in the inputs, so the next plan differs."""
    type_, state = created(context, container("web", {"memory": 64, "memorySwap": 64}))
    docker.containers[state.id]["HostConfig"]["Memory"] = 99 << 20
    inputs, outputs = type_.read(context, state) or ({}, {})
    assert (inputs["memory"], outputs["memory"]) == (99, 99)
    diff = type_.diff(replace(state, inputs=inputs), state.inputs)
    type_.update(context, replace(state, inputs=inputs), state.inputs, diff)
    assert docker.containers[state.id]["HostConfig"]["Memory"] == 64 << 20


def test_a_stopped_container_is_drift_and_is_started_again(context: Context, docker: FakeDocker) -> None:
    """As the real provider: must_run becomes false until the next update."""
    type_, state = created(context, container("web", {"mustRun": True}))
    docker.call("POST", f"/containers/{state.id}/stop")
    inputs, outputs = type_.read(context, state) or ({}, {})
    assert (inputs["mustRun"], outputs["exitCode"]) == (False, 137)
    type_.update(context, state, state.inputs, type_.diff(replace(state, inputs=inputs), state.inputs))
    assert docker.containers[state.id]["State"]["Running"]


@pytest.mark.parametrize(
    "wanted", [container("web"), goal(NETWORK, "n", {"name": "n"}), goal(VOLUME, "v", {"name": "v"})]
)
def test_what_is_gone_is_read_as_gone_and_deleted_without_an_error(context: Context, wanted: Goal) -> None:
    """Someone may have removed it by hand."""
    type_, state = created(context, wanted)
    type_.delete(context, state)
    assert type_.read(context, state) is None
    type_.delete(context, state)


def test_a_name_that_someone_else_has_is_not_taken(context: Context, docker: FakeDocker) -> None:
    """The error says which, and how to free it; nothing is created."""
    for wanted in (container("web"), goal(NETWORK, "n", {"name": "n"})):
        type_, state = created(context, wanted)
        with pytest.raises(ProviderError, match=r"exists already and is not in the state. Remove it \(docker"):
            type_.claim(context, state.inputs)
    assert len(docker.containers) == len(docker.networks) == 1


def test_what_a_cut_off_create_left_is_removed(context: Context, docker: FakeDocker) -> None:
    """And where there is nothing left, nothing happens."""
    for wanted in (container("web"), goal(NETWORK, "n", {"name": "n"})):
        type_, state = created(context, wanted)
        type_.recover(context, state.inputs)
        type_.recover(context, state.inputs)
    assert not docker.containers
    assert not docker.networks


def test_a_change_that_docker_cannot_make_is_warned_of(context: Context) -> None:
    """The real provider says updated and does nothing."""
    said: list[str] = []
    type_, state = created(context, container("web", {"healthcheck": {"interval": "5s"}}))
    news = {**state.inputs, "healthcheck": {"interval": "9s"}}
    context = replace(context, log=lambda severity, text: said.append(f"{severity}: {text}"))
    type_.update(context, state, news, type_.diff(state, news))
    assert said[0].startswith("warning: healthcheck changed in the state only")


def test_docker_that_dies_leaves_the_operation_unsure(context: Context, docker: FakeDocker) -> None:
    """Nobody knows whether the container was made, so the next run looks."""
    docker.failing["POST /containers/create"] = DockerError("docker does not answer")
    with pytest.raises(DockerError) as caught:
        created(context, container("web"))
    assert caught.value.unsure
    docker.failing["POST /containers/create"] = DockerError("no such image", 404)
    with pytest.raises(DockerError) as caught:
        created(context, container("web"))
    assert not caught.value.unsure


def test_a_network_in_use_is_removed_as_soon_as_it_is_free(context: Context, docker: FakeDocker) -> None:
    """Docker lets a network go a moment after its last container."""
    type_, state = created(context, goal(NETWORK, "n", {"name": "n"}))
    docker.failing[f"DELETE /networks/{state.id}"] = DockerError("network n has active endpoints", 403)
    type_.delete(context, state)
    assert not docker.networks


def test_a_missing_image_is_pulled_and_its_absence_explained(context: Context, docker: FakeDocker) -> None:
    """As Docker knows it; an id cannot be pulled."""
    lines: list[str] = []
    context = replace(context, progress=lines.append)
    assert ensure_image(context, "registry.example.org/app:1")["Id"] == "sha256:9011ed"
    assert lines == ["registry.example.org/app:1 Pulling"]
    with pytest.raises(ProviderError, match=r"is not on the Docker host\. Build or load it again"):
        ensure_image(context, "sha256:abc")
    docker.failing["POST /images/create"] = DockerError("lookup docker.io: no such host", 500)
    with pytest.raises(ProviderError, match=r"cannot be pulled from docker.io: .*docker load"):
        ensure_image(context, "postgres:17")


def test_a_remote_image_keeps_or_removes_the_local_copy(context: Context, docker: FakeDocker) -> None:
    """keep_locally decides."""
    kept, gone = ({"name": "a:1", "keepLocally": True}, {"name": "b:1"})
    for inputs in (kept, gone):
        type_, state = created(context, goal(REMOTE_IMAGE, "i", inputs))
        type_.delete(context, state)
    assert set(docker.images) == {"base", "a:1"}


def test_an_image_is_built_and_stays_on_the_host(context: Context, tmp_path: Path, docker: FakeDocker) -> None:
    """Its reference is its id; pushing is refused before anything changes."""
    (tmp_path / "Dockerfile").write_text("FROM base\n")
    type_ = TYPES[IMAGE]
    local = type_.check("i", {"imageName": "app:1", "skipPush": True}, None, "", tmp_path)
    assert type_.create(context, local)[1]["repoDigest"] == docker.images["app:1"]["Id"]
    with pytest.raises(UnsupportedError, match="i: 'skipPush' must be True"):
        type_.check("i", {"imageName": "app:1"}, None, "", tmp_path)
    with pytest.raises(UnsupportedError, match="builderVersion' must be 'BuilderBuildKit'"):
        type_.check("i", {**local, "build": {"builderVersion": "BuilderV1"}}, None, "", tmp_path)


def test_an_image_differs_by_its_files_and_arguments(tmp_path: Path, context: Context) -> None:
    """A secret argument stays hidden in the change."""
    (tmp_path / "Dockerfile").write_text("FROM base\n")
    type_ = TYPES[IMAGE]
    news = {"imageName": "a:1", "skipPush": True, "build": {"args": {"TOKEN": Secret("old")}}}
    first = type_.check("i", news, None, "", tmp_path)
    id_, outputs = type_.create(context, first)
    state = State(urn="u", type=IMAGE, custom=True, id=id_, inputs=first, outputs=outputs)
    assert type_.diff(state, type_.check("i", news, None, "", tmp_path)).changes == {}
    changed = type_.diff(state, {**first, "build": {**first["build"], "args": {"TOKEN": Secret("new")}}})
    assert isinstance(changed.changes["build"].new, Secret)
    (tmp_path / "Dockerfile").write_text("FROM other\n")
    assert type_.diff(state, type_.check("i", news, None, "", tmp_path)).keys == ["build"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"image": 5}, r"web.image: must be a text \(got int\)"),
        ({"memory": "5"}, r"web.memory: must be a number \(got str\)"),
        ({"cpus": "many"}, r"web.cpus: must be a number as text \(got 'many'\)"),
        ({"memory": True}, r"web.memory: must be a number \(got bool\)"),
        ({"ports": [{"external": 1}]}, r"web.ports\[0\]: property 'internal' is missing"),
        ({"labels": {"a": "b"}}, r"web.labels: must be a list \(got dict\)"),
    ],
)
def test_a_wrong_value_is_told_with_where_it_stands(inputs: dict[str, Any], message: str) -> None:
    """The resource, the property, what was got and what is right."""
    with pytest.raises(ProviderError, match=message):
        TYPES[CONTAINER].check("web", {"image": "base", **inputs}, None, "x", Path())


def test_defaults_are_those_of_the_real_provider() -> None:
    """With the lists that say which they are."""
    checked = TYPES[CONTAINER].check("web", {"image": "x", "ports": [{"internal": 80}]}, None, "abc1234", Path())
    assert checked == {
        "__defaults": [
            "containerReadRefreshTimeoutMilliseconds",
            "mustRun",
            "name",
            "networkMode",
            "removeVolumes",
            "restart",
            "start",
            "waitTimeout",
        ],
        "containerReadRefreshTimeoutMilliseconds": 15000,
        "image": "x",
        "mustRun": True,
        "name": "web-abc1234",
        "networkMode": "bridge",
        "ports": [{"__defaults": ["ip", "protocol"], "internal": 80, "ip": "0.0.0.0", "protocol": "tcp"}],  # noqa: S104  the default
        "removeVolumes": True,
        "restart": "no",
        "start": True,
        "waitTimeout": 60,
    }


@pytest.mark.parametrize(
    ("olds", "news", "keys"),
    [
        ({"envs": ["A=1", "B=2"]}, {"envs": ["B=2", "A=1"]}, []),
        ({"ports": [{"internal": 1}, {"internal": 2}]}, {"ports": [{"internal": 2}, {"internal": 1}]}, ["ports"]),
        ({"healthcheck": {"interval": "60s"}}, {"healthcheck": {"interval": "1m"}}, []),
        ({"hostname": "a"}, {}, []),
        ({"user": "1"}, {"user": ""}, []),
        ({"memory": 5, "memorySwap": 10}, {"memory": 5}, []),
        ({"readOnly": False}, {}, []),
        ({"readOnly": True}, {}, ["readOnly"]),
        ({"mustRun": False}, {}, ["mustRun"]),
        ({"tmpfs": {"/a": "x"}}, {"tmpfs": {"/a": "y"}}, ["tmpfs"]),
        ({"labels": [{"label": "a", "value": "1"}]}, {"labels": [{"value": "1", "label": "a"}]}, []),
    ],
)
def test_inputs_compare_as_the_real_provider_compares_them(
    olds: dict[str, Any], news: dict[str, Any], keys: list[str]
) -> None:
    """Sets have no order, lists do; what Docker fills in is no change."""
    type_ = TYPES[CONTAINER]
    before, after = (type_.check("w", {"image": "x", "name": "w", **side}, None, "", Path()) for side in (olds, news))
    assert type_.diff(State(urn="u", type=CONTAINER, custom=True, inputs=before), after).keys == keys


@pytest.mark.parametrize("text", ["0s", "500ms", "5s", "1m30s", "1h0m0s", "2h5m0s", "1.5s", "250µs"])
def test_durations_are_written_as_go_writes_them(text: str) -> None:
    """There and back."""
    assert duration_text(nanoseconds(text)) == text


@pytest.mark.parametrize("text", ["1.0", "0.5", "0.25", "2.0", "1.5", "10."])
def test_cpus_are_read_back_as_the_real_provider_words_them(context: Context, docker: FakeDocker, text: str) -> None:
    """In the program's own words, so a refresh finds nothing; a different spelling of the number is no drift."""
    type_, state = created(context, container("web", {"cpus": text}))
    inputs, outputs = type_.read(context, state) or ({}, {})
    assert (inputs["cpus"], outputs["cpus"]) == (text, text)
    spelt = replace(state, inputs={**state.inputs, "cpus": f"{float(text):g}"})
    assert (type_.read(context, spelt) or ({}, {}))[0]["cpus"] == f"{float(text):g}"
    docker.containers[state.id]["HostConfig"]["NanoCpus"] = 3 * 10**9
    assert (type_.read(context, state) or ({}, {}))[0]["cpus"] == "3.0"


def test_a_wrong_duration_is_refused() -> None:
    """The error shows it."""
    with pytest.raises(ProviderError, match="got '5 seconds'"):
        nanoseconds("5 seconds")


COMMAND_CASES: list[tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = [
    ({"create": "echo out; echo err >&2"}, lambda o: (o["stdout"], o["stderr"]) == ("out", "err")),
    ({"create": "printf 'a\\n\\n'"}, lambda o: o["stdout"] == "a\n"),
    ({"create": "cat", "stdin": "in"}, lambda o: o["stdout"] == "in"),
    ({"create": "echo $X", "environment": {"X": "y"}}, lambda o: o["stdout"] == "y"),
    ({}, lambda o: o["stdout"] == ""),
]


@pytest.mark.parametrize(("inputs", "holds"), COMMAND_CASES)
def test_a_command_runs_as_it_is_told(
    context: Context, tmp_path: Path, inputs: dict[str, Any], holds: Callable[[dict[str, Any]], bool]
) -> None:
    """Shell, standard input and environment."""
    (tmp_path / "sub").mkdir()
    _, outputs = TYPES["command:local:Command"].create(context, inputs)
    assert holds(outputs)


def test_a_command_with_a_secret_hides_what_it_prints(context: Context) -> None:
    """Its streams are secret, and its progress is blinded."""
    lines: list[str] = []
    context = replace(context, progress=lines.append, blind=lambda text: text.replace("pw", "[secret]"))
    _, outputs = TYPES["command:local:Command"].create(context, {"create": Secret("echo pw")})
    assert outputs["stdout"] == Secret("pw")
    assert lines == ["[secret]"]


def test_a_failed_command_shows_what_it_wrote(context: Context) -> None:
    """In the real provider's words."""
    with pytest.raises(ProviderError, match=r"exit status 3: running 'echo no; exit 3':\nno"):
        TYPES["command:local:Command"].create(context, {"create": "echo no; exit 3"})


def test_an_update_and_a_delete_know_what_ran_before(context: Context) -> None:
    """By the environment."""
    type_ = TYPES["command:local:Command"]
    inputs = {"create": "echo one", "update": "echo $PULUMI_COMMAND_STDOUT two", "delete": "false"}
    id_, outputs = type_.create(context, inputs)
    state = State(urn="u", type="command:local:Command", custom=True, id=id_, inputs=inputs, outputs=outputs)
    assert type_.update(context, state, inputs, type_.diff(state, inputs))["stdout"] == "one two"
    with pytest.raises(ProviderError, match="exit status 1"):
        type_.delete(context, state)


def test_a_cancelled_or_late_command_is_ended(context: Context) -> None:
    """With all that it has started."""
    threading.Timer(0.2, context.cancelled.set).start()
    with pytest.raises(ProviderError, match="signal: SIGTERM"):
        TYPES["command:local:Command"].create(context, {"create": "sleep 60 & wait"})
    late = replace(context, cancelled=threading.Event(), timeout_seconds=0.2)
    with pytest.raises(ProviderError, match="signal: SIGTERM"):
        TYPES["command:local:Command"].create(late, {"create": "sleep 60"})
