"""The program of the conformance suite: every resource type and what the stack uses of each."""

import pulumi
import pulumi_docker as docker
from pulumi_command import local

config = pulumi.Config()
version, greeting, port = config.require("version"), config.require("greeting"), config.require_int("port")
memory, replicas = config.require_int("memory"), config.require_int("replicas")
password = config.require_secret("password")


def labels(role: str) -> list[docker.ContainerLabelArgs]:
    return [docker.ContainerLabelArgs(label="role", value=role), docker.ContainerLabelArgs(label="app", value="conf")]


class Base(pulumi.ComponentResource):
    """Network, volume and image."""

    def __init__(self, name: str) -> None:
        super().__init__("conf:index:Base", name, {})
        child = pulumi.ResourceOptions(parent=self)
        self.network = docker.Network(
            f"{name}-network",
            name="eng-conf-net",
            internal=True,
            labels=[docker.NetworkLabelArgs(label="app", value="conf")],
            opts=child,
        )
        self.data = docker.Volume(
            f"{name}-data",
            name="eng-conf-data",
            labels=[docker.VolumeLabelArgs(label="app", value="conf")],
            opts=child,
        )
        self.image = docker.Image(
            f"{name}-image",
            image_name="eng-conf-app:1",
            skip_push=True,
            build=docker.DockerBuildArgs(context="app", args={"VERSION": version}, platform="linux/amd64"),
            opts=child,
        )
        self.register_outputs({"network": self.network.name, "image": self.image.repo_digest})


base = Base("base")
tiny = docker.RemoteImage("tiny", name="eng-base:1", keep_locally=True)
holder = docker.Container(
    "holder",
    name="eng-conf-holder",
    image=tiny.image_id,
    command=["sleep", "1000000"],
    sysctls={"net.ipv4.tcp_migrate_req": "1"},
    ports=[docker.ContainerPortArgs(internal=80, external=port, ip="127.0.0.1")],
    init=True,
    restart="unless-stopped",
    labels=labels("holder"),
)
edge = docker.Container(
    "eng-conf-edge",  # its generated name begins so
    image=base.image.repo_digest,
    network_mode=holder.id.apply(lambda id_: f"container:{id_}"),
    command=["sleep", "1000000"],
    labels=labels("edge"),
    opts=pulumi.ResourceOptions(delete_before_replace=False),
)
webs = [
    docker.Container(
        f"web-{number}",
        name=f"eng-conf-web-{number}",
        image=base.image.repo_digest,
        command=["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.2; done"],
        user="1000:1000",
        hostname=f"web-{number}",
        working_dir="/tmp",
        read_only=True,
        tmpfs={"/run": "size=1m,mode=1777"},
        mounts=[
            docker.ContainerMountArgs(
                type="tmpfs", target="/cache", tmpfs_options=docker.ContainerMountTmpfsOptionsArgs(size_bytes=1048576)
            ),
            docker.ContainerMountArgs(
                type="volume",
                source=base.data.name,
                target="/static",
                read_only=True,
            ),
        ],
        volumes=[docker.ContainerVolumeArgs(volume_name=base.data.name, container_path="/data")],
        networks_advanced=[docker.ContainerNetworksAdvancedArgs(name=base.network.name, aliases=["web", f"w{number}"])],
        envs=[f"GREETING={greeting}", pulumi.Output.concat("PASSWORD=", password)],
        capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"], adds=["CAP_CHOWN"]),
        security_opts=["no-new-privileges:true"],
        ulimits=[docker.ContainerUlimitArgs(name="nofile", soft=1024, hard=2048)],
        log_driver="json-file",
        log_opts={"max-size": "1m", "max-file": "2"},
        memory=memory,
        memory_swap=memory,
        cpus="0.5",
        cpu_shares=512,
        shm_size=16,
        healthcheck=docker.ContainerHealthcheckArgs(
            tests=["CMD", "true"],
            interval="5s",
            timeout="2s",
            start_period="5s",
            start_interval="200ms",
            retries=3,
        ),
        must_run=True,
        restart="unless-stopped",
        stop_signal="SIGTERM",
        stop_timeout=5,
        destroy_grace_seconds=5,
        labels=labels("web"),
    )
    for number in range(replicas)
]
smoke = local.Command(
    "smoke",
    create=pulumi.Output.concat(
        "echo ", greeting, " from ", webs[-1].name, "; test ", config.get("fail") or "0", " = 0"
    ),
    delete="true",
    environment={"PASSWORD": password},
    triggers=[web.id for web in webs],
    opts=pulumi.ResourceOptions(additional_secret_outputs=["stderr"]),
)
pulumi.export("image", base.image.repo_digest)
pulumi.export("webs", [web.name for web in webs])
pulumi.export("password", password)
