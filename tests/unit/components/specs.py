"""Two specs for the tests of what all containers share: one with the least that a spec may say, one with all of it."""

import dataclasses

from components.sizing import Limits
from components.spec import ContainerSpec, Logs, Mount, Placement, Port

SPEC = ContainerSpec(
    name="shop-dev-cache",
    image="shop-dev/cache:0123456789ab",
    user="10009:10000",
    limits=Limits(cpus=0.5, memory_mb=128, pids=30),
    placement=Placement(prefix="shop-dev"),
    role="cache",
)

FULL = dataclasses.replace(
    SPEC,
    placement=Placement(
        prefix="shop-dev",
        docker_host="ssh://deploy@server",
        platform="linux/arm64",
        python="/usr/bin/python3.12",
        logs=Logs(max_size_mb=7, max_files=2),
    ),
    command=["serve", "--text", "it's $HOME"],
    entrypoint=["cache", "-v"],
    env={"B": "2", "A": "one two"},
    networks={"shop-dev-data": ["cache", "kv"], "shop-dev-edge": []},
    mounts=[Mount(volume="shop-dev-cache", path="/data"), Mount(volume="shop-dev-ro", path="/ro", read_only=True)],
    tmpfs_mb={"/tmp": 16, "/run": 1},
    ports=[Port(address="127.0.0.1", external=8080, internal=80)],
    sysctls={"net.core.somaxconn": "1024"},
    shared_memory_mb=32,
    health=["check-cache", "--quick"],
    start_seconds=75,
    stop_signal="SIGQUIT",
    stop_seconds=25,
    init=True,
    labels={"django-stack.release": "abc"},
)
