"""Drift that Docker itself can tell of, seeded one kind at a time into a stack that is up."""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import docker as docker_sdk

from tests.e2e.deployment import Deployment

Act = Callable[[Deployment], None]


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One kind."""

    name: str
    ids: tuple[str, ...]
    """Findings that must be made, each without `drift.`; others may come with them."""
    what: str
    """A word of the thing that must be named."""
    seed: Act
    undo: Act | None = None
    """Where `./ops drift --fix` leaves it to a person."""


def docker(*words: str, check: bool = True) -> str:
    """One docker command."""
    return subprocess.run(["docker", *words], text=True, capture_output=True, timeout=120, check=check).stdout.strip()


def replica(stack: Deployment) -> str:
    """The last of the live release."""
    return str(stack.names(["web"])[-1])


def recreate(name: str, change: Callable[[dict[str, Any]], None]) -> None:
    """The same container again, made by hand with one thing changed."""
    client = docker_sdk.APIClient(version="auto")
    try:
        info = client.inspect_container(name)
        own = {key: value for key, value in info["Config"].items() if key not in ("Hostname", "Domainname")}
        config = {**own, "HostConfig": info["HostConfig"]}
        change(config)
        networks = info["NetworkSettings"]["Networks"]
        client.remove_container(name, force=True)
        made: dict[str, Any] = client.create_container_from_config(config, name=name)  # type: ignore[no-untyped-call]
        if not config["HostConfig"]["NetworkMode"].startswith("container:"):
            client.disconnect_container_from_network(made["Id"], "bridge")
            for network, data in networks.items():
                aliases = [each for each in data.get("Aliases") or () if each != info["Id"][:12]]
                client.connect_container_to_network(made["Id"], network, aliases=aliases)
        client.start(made["Id"])
    finally:
        client.close()


def again(**changes: Any) -> Act:
    """A replica made anew, with other values in its config."""
    return lambda stack: recreate(replica(stack), lambda config: config.update(changes))


def again_on_host(**changes: Any) -> Act:
    """The same for what Docker calls the host config."""
    return lambda stack: recreate(replica(stack), lambda config: config["HostConfig"].update(changes))


def _bind(stack: Deployment) -> None:
    recreate(replica(stack), lambda config: config["HostConfig"]["Binds"].append("/etc/hostname:/etc/host:ro"))


def _add(key: str, values: Any) -> Act:
    def change(config: dict[str, Any]) -> None:
        config[key] = {**config[key], **values} if isinstance(values, Mapping) else [*(config[key] or []), *values]

    return lambda stack: recreate(replica(stack), change)


def on_replica(*words: str) -> Act:
    """A docker command whose last word is the replica."""

    def act(stack: Deployment) -> None:
        docker(*(word.replace("PREFIX", stack.prefix) for word in words), replica(stack))

    return act


def update(*words: str) -> Act:
    return on_replica("update", *words)


def _stranger(*words: str) -> Act:
    """A container of somebody else's, from an image that is there."""

    def act(stack: Deployment) -> None:
        image = next(each.attrs["Config"]["Image"] for each in stack.containers("nginx"))
        own = [word.replace("PREFIX", stack.prefix) for word in words]
        docker("run", "--detach", f"--name={stack.clone.project}-stranger", *own, "--entrypoint=sleep", image, "600")

    return act


def _remove_stranger(stack: Deployment) -> None:
    docker("rm", "--force", f"{stack.clone.project}-stranger", check=False)


def _without_alias(stack: Deployment) -> None:
    network, server = f"{stack.prefix}-data", f"{stack.prefix}-postgres"
    docker("network", "disconnect", network, server)
    docker("network", "connect", network, server)


def _write_into_the_root(stack: Deployment) -> None:
    again_on_host(ReadonlyRootfs=False)(stack)
    docker("exec", "--user=0", replica(stack), "sh", "-c", "echo x > /opt/stack/new.py")


def _publish_more(stack: Deployment) -> None:
    more = {"8081/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(stack.port + 1)}]}
    recreate(f"{stack.prefix}-edge", lambda config: config["HostConfig"]["PortBindings"].update(more))


def _other_command(stack: Deployment) -> None:
    def change(config: dict[str, Any]) -> None:
        words = config["Cmd"]
        at = next(index for index, word in enumerate(words) if word.startswith("work_mem="))
        config["Cmd"] = [*words[: at - 1], *words[at + 1 :]]

    recreate(f"{stack.prefix}-postgres", change)


def _other_image(stack: Deployment) -> None:
    """The same image under a name that is not the release's."""
    image = next(each.attrs["Config"]["Image"] for each in stack.containers("web"))
    docker("tag", image, f"{stack.prefix}/other:1")
    again(Image=f"{stack.prefix}/other:1")(stack)


def _move_tag(stack: Deployment) -> None:
    web, other = (stack.containers(role)[0].attrs["Config"]["Image"] for role in ("web", "nginx"))
    docker("tag", other, web)


def _remove_tag(stack: Deployment) -> None:
    """Of an image that is there under another name; Docker does not remove one that a running container has."""
    image = stack.containers("web")[0].attrs["Config"]["Image"]
    docker("tag", image, f"{stack.prefix}/kept:1")
    docker("image", "rm", "--force", image)


def _new_network(stack: Deployment) -> None:
    name = f"{stack.prefix}-data"
    members = [*stack.names(["web"]), f"{stack.prefix}-postgres"]
    for member in members:
        docker("network", "disconnect", name, member)
    docker("network", "rm", name)
    docker("network", "create", f"--label=django-stack.stack={stack.prefix}", name)
    for member in members:
        aliases = ["--alias=postgres"] if member.endswith("-postgres") else []
        docker("network", "connect", *aliases, name, member)


def _no_network(stack: Deployment) -> None:
    for member in stack.names(["web"]):
        docker("network", "disconnect", f"{stack.prefix}-data", member)
    docker("network", "disconnect", f"{stack.prefix}-data", f"{stack.prefix}-postgres")
    docker("network", "rm", f"{stack.prefix}-data")


def _no_volume(stack: Deployment) -> None:
    docker("volume", "rm", f"{stack.prefix}-ledger")


def _other_volume(stack: Deployment) -> None:
    _no_volume(stack)
    docker("volume", "create", f"{stack.prefix}-ledger")


def _spare_volume(stack: Deployment) -> None:
    docker("volume", "create", f"--label=django-stack.stack={stack.prefix}", f"{stack.prefix}-spare")


_HEALTH = {"Test": ["CMD", "true"], "Interval": 10**10, "Timeout": 5 * 10**9, "Retries": 3, "StartPeriod": 6 * 10**10}
_LABELLED = ("--label=django-stack.stack=PREFIX", "--label=django-stack.role=web", "--network=none")

OUTSIDE = (
    Drift(name="container removed", ids=("C001",), what="-web-", seed=on_replica("rm", "--force")),
    Drift(name="container stopped", ids=("C003",), what="-web-", seed=on_replica("stop")),
    Drift(name="container paused", ids=("C003",), what="-web-", seed=on_replica("pause")),
    Drift(name="other image", ids=("C002", "C005"), what="-web-", seed=_other_image),
    Drift(name="environment", ids=("C002", "C006"), what="-web-", seed=_add("Env", ["DEBUG=1"])),
    Drift(name="labels", ids=("C007",), what="-web-", seed=_add("Labels", {"team": "blue"})),
    Drift(name="bind mount", ids=("C008",), what="-web-", seed=_bind),
    Drift(name="tmpfs", ids=("C009",), what="-web-", seed=again_on_host(Tmpfs={"/var/tmp": "size=8m"})),
    Drift(
        name="network left",
        ids=("C010",),
        what="-web-",
        seed=on_replica("network", "disconnect", "PREFIX-edge"),
    ),
    Drift(
        name="network joined",
        ids=("C010",),
        what="-web-",
        seed=on_replica("network", "connect", "bridge"),
    ),
    Drift(name="alias", ids=("C011",), what="-postgres", seed=_without_alias),
    Drift(name="published port", ids=("C012",), what="-edge", seed=_publish_more),
    Drift(name="CPU limit", ids=("C013",), what="-web-", seed=update("--cpus=0.5")),
    Drift(name="CPU shares", ids=("C013",), what="-web-", seed=update("--cpu-shares=100")),
    Drift(name="memory limit", ids=("C014",), what="-web-", seed=update("--memory=300m", "--memory-swap=384m")),
    Drift(name="swap limit", ids=("C015",), what="-web-", seed=update("--memory-swap=500m")),
    Drift(name="limit of processes", ids=("C016",), what="-web-", seed=update("--pids-limit=1000")),
    Drift(name="shared memory", ids=("C017",), what="-web-", seed=again_on_host(ShmSize=128 << 20)),
    Drift(name="open files", ids=("C018",), what="-web-", seed=again_on_host(Ulimits=[])),
    Drift(name="capability", ids=("C019",), what="-web-", seed=again_on_host(CapAdd=["NET_RAW"])),
    Drift(name="security option", ids=("C020",), what="-web-", seed=again_on_host(SecurityOpt=[])),
    Drift(name="writable root", ids=("C021",), what="-web-", seed=again_on_host(ReadonlyRootfs=False)),
    Drift(name="user", ids=("C022",), what="-web-", seed=again(User="10001:10003")),
    Drift(name="command", ids=("C023", "P001"), what="-postgres", seed=_other_command),
    Drift(name="health check", ids=("C024",), what="-web-", seed=again(Healthcheck=_HEALTH)),
    Drift(name="restart policy", ids=("C025",), what="-web-", seed=update("--restart=on-failure")),
    Drift(name="stop signal", ids=("C026",), what="-web-", seed=again(StopSignal="SIGKILL")),
    Drift(name="log options", ids=("C027",), what="-web-", seed=again_on_host(LogConfig={"Type": "json-file"})),
    Drift(name="kernel setting", ids=("C028",), what="-web-", seed=again_on_host(Sysctls={"net.core.somaxconn": "99"})),
    Drift(name="namespace", ids=("C029",), what="-web-", seed=again_on_host(PidMode="host")),
    Drift(name="CPU set", ids=("C030",), what="-web-", seed=update("--cpuset-cpus=0")),
    Drift(name="container with our labels", ids=("C031",), what="-stranger", seed=_stranger(*_LABELLED)),
    Drift(name="files in a container", ids=("C032",), what="-web-", seed=_write_into_the_root),
    Drift(name="network removed", ids=("N001", "C010"), what="-data", seed=_no_network),
    Drift(name="network made anew", ids=("N002", "N003"), what="-data", seed=_new_network),
    Drift(
        name="stranger on a network",
        ids=("N004",),
        what="-stranger",
        seed=_stranger("--network=PREFIX-edge"),
        undo=_remove_stranger,
    ),
    Drift(name="volume removed", ids=("V001",), what="-ledger", seed=_no_volume),
    Drift(name="volume made anew", ids=("V002",), what="-ledger", seed=_other_volume, undo=_no_volume),
    Drift(name="volume with our label", ids=("V003",), what="-spare", seed=_spare_volume),
    Drift(name="volume mounted", ids=("V004",), what="-stranger", seed=_stranger("--volume=PREFIX-media:/m")),
    Drift(name="image removed", ids=("I001",), what="/web:", seed=_remove_tag),
    Drift(name="tag moved", ids=("I002",), what="/web:", seed=_move_tag),
)
