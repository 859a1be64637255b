"""The site's secrets as files in a volume, one volume for each version."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from components.sizing import Limits
from components.spec import ContainerSpec, Mount, Placement
from components.step import docker_command, docker_run

DIRECTORY = "/run/secrets"
_WRITER_LIMITS = Limits(cpus=0.5, memory_mb=64, pids=20)


@dataclass(frozen=True, kw_only=True)
class SecretFilesArgs:
    """Which secrets, and who may read them."""

    placement: Placement
    version: int
    """Counts up whenever a value changes. It names the volume; nothing is ever named after a secret's value."""
    values: Mapping[str, pulumi.Input[str]]
    """File name to secret."""
    image: str
    """Image with the stack's Python tools."""
    user: str
    """`uid:gid` of the service that reads the files; they are 0400."""
    keep: int = 5
    """Versions whose volumes are kept, for releases that may be rolled back to."""


class SecretFiles(pulumi.ComponentResource):
    """A volume of secret files, written once by a container of its own from its standard input."""

    volume_name: str

    def __init__(self, name: str, args: SecretFilesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:SecretFiles", name, {}, opts)
        self.volume_name = f"{args.placement.prefix}-secrets-{args.version}"
        volumes = {
            version: docker.Volume(
                f"{name}-{version}",
                name=f"{args.placement.prefix}-secrets-{version}",
                labels=[docker.VolumeLabelArgs(label="django-stack.stack", value=args.placement.prefix)],
                opts=pulumi.ResourceOptions(parent=self),
            )
            for version in range(max(1, args.version - args.keep + 1), args.version + 1)
        }
        volume = volumes[args.version]
        writer = ContainerSpec(
            name=f"{args.placement.prefix}-secrets-{args.version}-writer",
            image=args.image,
            user=args.user,
            limits=_WRITER_LIMITS,
            placement=args.placement,
            role="secrets-writer",
            entrypoint=["python3"],
            command=["/opt/stack/write_secrets.py", DIRECTORY],
            network_mode="none",
            mounts=[Mount(volume=self.volume_name, path=DIRECTORY)],
        )
        docker_command(
            f"{name}-{args.version}-write",
            docker_run(writer, interactive=True),
            # Another image writes the same files: only a new volume, or new values, are a reason to write again.
            pulumi.ResourceOptions(parent=self, depends_on=[volume], ignore_changes=["create"]),
            args.placement,
            again=volume.id,
            stdin=pulumi.Output.json_dumps(dict(args.values)),
        )
        self.register_outputs({"volume_name": self.volume_name})
