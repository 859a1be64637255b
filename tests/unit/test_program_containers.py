"""Every container of the program: limits, hardening, logs, life, networks, ports, volumes."""

import re
import shlex

from release.plan import read
from tests.unit.recording import Declarations, Declared


def role(container: Declared) -> str:
    """What a container is in the stack."""
    return next(str(each["value"]) for each in container.inputs["labels"] if each["label"] == "django-stack.role")


def by_role(containers: list[Declared], *roles: str) -> list[Declared]:
    """The containers with one of these roles; there is at least one of each."""
    found = [container for container in containers if role(container) in roles]
    assert {role(container) for container in found} == set(roles)
    return found


def test_there_are_containers_of_every_kind(containers: list[Declared]) -> None:
    """The tests below look at all of them."""
    assert {role(container) for container in containers} == {"edge", "nginx", "postgres", "web"}
    assert len(containers) == 3 + 2 + 3 + 4


def test_every_container_has_limits_and_no_swap(containers: list[Declared]) -> None:
    """CPU, its weight, memory, and swap equal to memory, which is none."""
    for container in containers:
        inputs = container.inputs
        assert float(inputs["cpus"]) > 0
        assert inputs["cpuShares"] > 0
        assert inputs["memory"] >= 16
        assert inputs["memorySwap"] == inputs["memory"]
        assert inputs["ulimits"] == [{"name": "nofile", "soft": 16384, "hard": 16384}]


def test_every_container_has_a_limit_of_processes_and_is_waited_for(stacks: dict[str, Declarations]) -> None:
    """By a step of its own, on that container by name; only those with a predecessor that serves may be given up."""
    for declarations in stacks.values():
        for container in declarations.of("Container"):
            step = declarations.all[f"Command {container.name}-ready"]
            words = re.fullmatch(
                r"\S+/python -m release ready (\S+) --pids=(\d+) --cpu-shares=(\d+) --seconds=(\d+)( --disposable)?",
                step.inputs["create"],
            )
            assert words
            assert words[1] == container.inputs["name"]
            assert int(words[2]) >= 10
            assert int(words[3]) == container.inputs["cpuShares"]
            assert int(words[4]) >= 60
            assert bool(words[5]) == (role(container) in ("web", "nginx"))
            assert step.parent == container.parent
            assert step.depends_on == (f"Container {container.name}",)


def test_every_container_is_hardened(containers: list[Declared]) -> None:
    """An ordinary user, no capabilities, no new privileges, a root file system that cannot be written."""
    for container in containers:
        inputs = container.inputs
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", inputs["user"])
        assert inputs["readOnly"] is True
        assert inputs["capabilities"] == {"drops": ["ALL"]}
        assert inputs["securityOpts"] == ["no-new-privileges:true"]
        assert not {"privileged", "pidMode", "ipcMode", "usernsMode", "devices", "groupAdds"} & inputs.keys()


def test_every_container_lives_and_stops_with_care(containers: list[Declared]) -> None:
    """Restarted whatever ended it, health-checked, stopped by a signal that it knows, killed only after a time."""
    signals = {"edge": "SIGTERM", "nginx": "SIGQUIT", "postgres": "SIGINT", "web": "SIGTERM"}
    for container in containers:
        inputs = container.inputs
        assert inputs["restart"] == "always"
        assert "wait" not in inputs
        assert inputs["healthcheck"]["tests"][0] == "CMD"
        assert inputs["stopSignal"] == signals[role(container)]
        assert inputs["stopTimeout"] == inputs["destroyGraceSeconds"] >= 10


def test_every_log_is_rotated(containers: list[Declared]) -> None:
    """No log fills the disk."""
    for container in containers:
        assert container.inputs["logDriver"] == "json-file"
        assert container.inputs["logOpts"] == {"max-size": "10m", "max-file": "3"}


def test_every_container_says_whose_it_is(stacks: dict[str, Declarations]) -> None:
    """Its labels name stack and role; the release is on release-scoped containers only."""
    for stack, declarations in stacks.items():
        for container in declarations.of("Container"):
            labels = {each["label"]: each["value"] for each in container.inputs["labels"]}
            assert labels["django-stack.stack"] == f"shop-{stack}"
            assert ("django-stack.release" in labels) == (role(container) == "web")


def test_a_container_is_replaced_under_the_same_name_only_after_the_old_one_is_gone(containers: list[Declared]) -> None:
    """The engine would refuse the name; web and Nginx have a new name for whatever is new in them."""
    assert [container.name for container in containers if not container.delete_before_replace] == []


def test_no_container_gets_the_docker_socket(stacks: dict[str, Declarations]) -> None:
    """Nor anything else of the server's file system: volumes by name, and memory. The same for what steps run."""
    for declarations in stacks.values():
        for container in declarations.of("Container"):
            assert {mount["type"] for mount in container.inputs["mounts"]} <= {"tmpfs"}
            assert all("hostPath" not in volume for volume in container.inputs["volumes"])
        volumes = [word for command in runs(declarations) for word in re.findall(r"--volume=(\S+)", command)]
        assert volumes
        assert [volume for volume in volumes if not volume.startswith("shop-")] == []


def runs(declarations: Declarations) -> list[str]:
    """Every `docker run` that a step makes, or is told to make by the plan of a release."""
    texts = [str(step.inputs["create"]) for step in declarations.of("Command")]
    plan = read(declarations.all["Command release-switch"].inputs["environment"]["RELEASE_PLAN"])
    return [run for text in texts for run in re.findall(r"docker run .*", text, re.DOTALL)] + [shlex.join(plan.tools)]


def test_every_one_shot_container_is_hardened_alike(stacks: dict[str, Declarations]) -> None:
    """Those that write secrets and static files, migrate, hold requests, and watch a release."""
    commands = [command for declarations in stacks.values() for command in runs(declarations)]
    assert len(commands) == 2 * 6
    for command in commands:
        for flag in ("--rm", "--pull=never", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"):
            assert f" {flag} " in command
        limits = r"--cpus=\S+ --memory=(\d+)m --memory-swap=\1m --pids-limit=\d+ --ulimit=nofile=16384:16384"
        assert re.search(rf" {limits} --user=[1-9]\d*:[1-9]\d* ", command)


# Networks and ports


def test_only_the_edge_publishes_ports(containers: list[Declared]) -> None:
    """Neither PostgreSQL nor a replica can be reached but through Nginx."""
    assert {role(container) for container in containers if container.inputs["ports"]} == {"edge"}


def test_dev_publishes_on_loopback_alone(stacks: dict[str, Declarations]) -> None:
    """Prod publishes HTTP and HTTPS on all addresses, from its first day on."""
    ports = {stack: by_role(each.of("Container"), "edge")[0].inputs["ports"] for stack, each in stacks.items()}
    assert ports["dev"] == [{"ip": "127.0.0.1", "external": 8080, "internal": 8080}]
    assert [(port["ip"], port["external"]) for port in ports["prod"]] == [("0.0.0.0", 80), ("0.0.0.0", 443)]  # noqa: S104 - compared, not bound


def test_the_data_network_has_no_way_out(dev: Declarations) -> None:
    """The edge network has one."""
    internal = {network.name: network.inputs.get("internal", False) for network in dev.of("Network")}
    assert internal == {"networks-data": True, "networks-edge": False}


def test_each_container_is_in_its_networks_and_no_other(dev: Declarations) -> None:
    """PostgreSQL in the data network alone; Nginx, in the holder's, never in the data network."""
    networks = {
        role(container): sorted(each["name"] for each in container.inputs["networksAdvanced"])
        for container in dev.of("Container")
    }
    assert networks == {
        "edge": ["shop-dev-edge"],
        "nginx": [],
        "postgres": ["shop-dev-data"],
        "web": ["shop-dev-data", "shop-dev-edge"],
    }
    (nginx,) = by_role(dev.of("Container"), "nginx")
    assert nginx.inputs["networkMode"].startswith("container:nginx-holder-")


# Volumes


def mounts(containers: list[Declared], of: str) -> dict[str, bool]:
    """Volumes of one role's containers by use, and whether they are read-only."""
    return {
        volume["volumeName"].removeprefix("shop-dev-"): volume["readOnly"]
        for container in by_role(containers, of)
        for volume in container.inputs["volumes"]
    }


def test_each_service_mounts_what_it_needs(dev: Declarations) -> None:
    """Replicas never see the slots, so one that is broken into cannot take the traffic; Nginx reads all but buffers."""
    containers = dev.of("Container")
    assert mounts(containers, "web") == {"secrets-1": True, "sockets": False, "media": False}
    assert mounts(containers, "nginx") == {
        "sockets": True,
        "slots": True,
        "static": True,
        "media": True,
        "buffers": False,
    }
    assert mounts(containers, "postgres") == {"postgres-data": False}
    assert mounts(containers, "edge") == {}


def test_the_steps_of_a_release_alone_write_slots_and_ledger(dev: Declarations) -> None:
    """Containers that live for as long as a step: those that switch, and those where requests wait."""
    writers = {
        name: {
            found
            for run in runs(dev)
            for found in re.findall(rf"--name=(\S+).*--volume=shop-dev-{name}:\S+(?<!:ro) ", run)
        }
        for name in ("slots", "ledger")
    }
    assert writers == {"slots": {"shop-dev-tools", "shop-dev-waiting"}, "ledger": {"shop-dev-tools"}}


def test_data_is_kept_by_a_destroy_and_protected_where_the_config_says_so(stacks: dict[str, Declarations]) -> None:
    """Database, uploads and ledger stay on the server in any case; prod refuses to destroy them at all."""
    for stack, protected in (("dev", False), ("prod", True)):
        volumes = {volume.name: volume for volume in stacks[stack].of("Volume")}
        data = {"postgres-data", "volumes-media", "volumes-ledger"}
        assert {name for name, volume in volumes.items() if volume.retain_on_delete} == data
        assert {name for name, volume in volumes.items() if volume.protect} == (data if protected else set())


def test_nothing_but_data_is_protected(stacks: dict[str, Declarations]) -> None:
    """Protection of a component would protect all that is in it."""
    assert {key for key, each in stacks["prod"].all.items() if each.protect} == {
        "Volume postgres-data",
        "Volume volumes-media",
        "Volume volumes-ledger",
    }


def test_the_data_volume_remembers_what_it_was_made_with(dev: Declarations) -> None:
    """By a label that later configs do not change."""
    volume = dev.all["Volume postgres-data"]
    assert {"label": "django-stack.images-from", "value": "registry"} in volume.inputs["labels"]
    assert volume.ignore_changes == ("labels",)
