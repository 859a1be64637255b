"""Images: the stack's own on top of a base, and the Django project's on top of those.

Every image is named by its content, so that the same source is the same image in every environment, and a container
changes when, and only when, what is in its image does.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_docker as docker
from docker.utils.build import exclude_paths

from components.spec import Placement
from components.step import docker_command

DEBIAN_SUITE = "trixie"

_IMAGES = Path(__file__).resolve().parent.parent / "images"


@dataclass(frozen=True, kw_only=True)
class Build:
    """An image build whose result is named by its content."""

    reference: str
    """`repository:content`, known before the build."""
    context: Path
    dockerfile: Path
    args: Mapping[str, str]
    tools: Mapping[str, str]
    """Build arguments that help the build but are not in its result, and so not in its name."""

    @classmethod
    def of(
        cls,
        *,
        repository: str,
        context: Path,
        dockerfile: Path,
        args: Mapping[str, str],
        tools: Mapping[str, str] | None = None,
    ) -> Build:
        reference = f"{repository}:{content_hash(context, dockerfile, args)}"
        return cls(reference=reference, context=context, dockerfile=dockerfile, args=args, tools=tools or {})


@dataclass(frozen=True, kw_only=True)
class StackImagesArgs:
    """What the stack's own images are made from."""

    placement: Placement
    source: str
    """`registry`: official images; `debian`: a base built from Debian packages, with no registry at all."""
    python: str
    """Base of the Python image when the source is `registry`; likewise the next two."""
    postgres: str
    nginx: str
    packages_date: str = ""
    """Date of the package updates in the images; another one installs them anew."""


class StackImages(pulumi.ComponentResource):
    """The images for Python, PostgreSQL and Nginx. Each is a plain reference, known before the build."""

    python: str
    postgres: str
    nginx: str

    def __init__(self, name: str, args: StackImagesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:StackImages", name, {}, opts)
        debian = f"{args.placement.prefix}/debian:{DEBIAN_SUITE}"
        bases = {"python": args.python, "postgres": args.postgres, "nginx": args.nginx}
        if args.source == "debian":
            bases = dict.fromkeys(bases, debian)
        builds = {family: self._build(family, base, args) for family, base in bases.items()}
        references = {family: build.reference for family, build in builds.items()}
        if args.source == "debian":
            base_steps = dict.fromkeys(bases, self._debian_base(name, debian, references, args.placement))
        else:
            base_steps = {family: self._pulled_base(name, family, base) for family, base in bases.items()}
        for family, build in builds.items():
            needs_base = pulumi.ResourceOptions(parent=self, depends_on=[base_steps[family]])
            declare_build(f"{name}-{family}", build, args.placement, needs_base)
        self.python, self.postgres, self.nginx = (references[family] for family in ("python", "postgres", "nginx"))
        self.register_outputs(references)

    def _build(self, family: str, base: str, args: StackImagesArgs) -> Build:
        return Build.of(
            repository=f"{args.placement.prefix}/{family}",
            context=_IMAGES / family,
            dockerfile=_IMAGES / family / "Dockerfile",
            args={"BASE": base, "SOURCE": args.source, "PACKAGES_DATE": args.packages_date},
        )

    def _debian_base(
        self, name: str, base: str, references: Mapping[str, str], placement: Placement
    ) -> pulumi.Resource:
        script = shlex.quote(_relative(_IMAGES / "debian" / "make-base"))
        return docker_command(
            f"{name}-debian",
            f"{script} {DEBIAN_SUITE} {shlex.quote(base)}",
            pulumi.ResourceOptions(parent=self),
            placement,
            again=" ".join(sorted(references.values())),  # whenever one of them is built anew, the base must be there
        )

    def _pulled_base(self, name: str, family: str, base: str) -> pulumi.Resource:
        child = pulumi.ResourceOptions(parent=self)
        return docker.RemoteImage(f"{name}-{family}-base", name=base, keep_locally=True, opts=child)


@dataclass(frozen=True, kw_only=True)
class AppImageArgs:
    """What the Django project's image is made from."""

    placement: Placement
    path: str
    """Folder of the project: manage.py, requirements.txt and the rest; its .dockerignore is honoured."""
    python_image: str
    django_settings_module: str
    build_ca_file: str = ""
    """PEM file of certificate authorities that package downloads must trust. It is in no layer of the image."""

    @property
    def build(self) -> Build:
        """The build, its reference included; nothing is declared by asking for it."""
        return Build.of(
            repository=f"{self.placement.prefix}/web",
            context=Path(self.path),
            dockerfile=_IMAGES / "app" / "Dockerfile",
            args={"PYTHON_IMAGE": self.python_image, "DJANGO_SETTINGS_MODULE": self.django_settings_module},
            tools={"CA_IMAGE": f"{self.placement.prefix}/build-ca:latest"} if self.build_ca_file else {},
        )


class AppImage(pulumi.ComponentResource):
    """The Django project as an image: packages, code, collected static files."""

    reference: str
    """Name and content tag, known before the build."""
    content: str
    """The content tag alone."""

    def __init__(self, name: str, args: AppImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:AppImage", name, {}, opts)
        build = args.build
        needs_ca = [self._ca_image(name, build, args)] if args.build_ca_file else []
        opts_build = pulumi.ResourceOptions(parent=self, depends_on=needs_ca)
        declare_build(f"{name}-image", build, args.placement, opts_build)
        self.reference = build.reference
        self.content = self.reference.rpartition(":")[2]
        self.register_outputs({"reference": self.reference})

    def _ca_image(self, name: str, build: Build, args: AppImageArgs) -> pulumi.Resource:
        """An image of one file, for the build to mount: builds of the Docker provider know no secrets."""
        pem, image = shlex.quote(args.build_ca_file), shlex.quote(build.tools["CA_IMAGE"])
        script = (
            f"docker image rm {image} >/dev/null 2>&1; "  # else the one before would stay, without a name
            "d=$(mktemp -d) && trap 'rm -rf \"$d\"' EXIT && "
            f'cp {pem} "$d/ca.pem" && tar -C "$d" -c ca.pem | docker import - {image}'
        )
        return docker_command(
            f"{name}-build-ca",
            script,
            pulumi.ResourceOptions(parent=self),
            args.placement,
            again=build.reference,  # whenever the project is built anew
        )


def declare_build(name: str, build: Build, placement: Placement, opts: pulumi.ResourceOptions) -> docker.Image:
    """Declare the build as a resource. The image stays on the engine; nothing is pushed."""
    return docker.Image(
        name,
        image_name=build.reference,
        skip_push=True,
        build=docker.DockerBuildArgs(
            context=_relative(build.context),
            dockerfile=_relative(build.dockerfile),
            args=dict(build.args) | dict(build.tools),
            platform=placement.platform or None,
            builder_version=docker.BuilderVersion.BUILDER_BUILD_KIT,
        ),
        opts=opts,
    )


def content_hash(context: Path, dockerfile: Path, args: Mapping[str, str]) -> str:
    """Twelve hex digits of everything that a build's result depends on: files, their x bits, Dockerfile, arguments.

    The rest of a file's mode is left out, as it follows the umask of whoever cloned the project.
    """
    digest = hashlib.sha256()
    for key, value in sorted(args.items()):
        digest.update(f"arg {key}={value}\0".encode())
    digest.update(b"dockerfile " + dockerfile.read_bytes())
    ignore = context / ".dockerignore"
    patterns = [line.strip() for line in ignore.read_text().splitlines()] if ignore.is_file() else []
    patterns = [pattern for pattern in patterns if pattern and not pattern.startswith("#")]
    for path in sorted(exclude_paths(str(context), patterns)):
        file = context / path
        if file.is_symlink():
            digest.update(f"link {path} {file.readlink()}\0".encode())
        elif file.is_file():
            executable = os.access(file, os.X_OK)
            digest.update(f"file {path} {executable} {hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()[:12]


def _relative(path: Path) -> str:
    """As seen from the Pulumi project, so that two clones have the same inputs."""
    return os.path.relpath(path)
