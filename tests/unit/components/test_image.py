"""Images: named by their content, and by nothing else."""

import os
from pathlib import Path

import pytest

from components.image import AppImage, AppImageArgs, Build, StackImages, StackImagesArgs, content_hash
from components.spec import Placement
from tests.unit.program import ROOT
from tests.unit.recording import Declarations, record

PLACEMENT = Placement(prefix="shop-dev", platform="linux/arm64", docker_host="ssh://server")


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A small build context with a Dockerfile, an ignore file, a script and a link."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "views.py").write_text("answer = 42\n")
    (tmp_path / "site" / "run").write_text("#!/bin/sh\n")
    (tmp_path / "site" / "run").chmod(0o755)
    (tmp_path / "site" / "link").symlink_to("views.py")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".dockerignore").write_text("# what is not in the image\n\n*.pyc\nmedia\n!media/keep.txt\n")
    return tmp_path


def hash_of(context: Path, **args: str) -> str:
    """The content hash of a context with its own Dockerfile."""
    return content_hash(context, context / "Dockerfile", args or {"BASE": "debian"})


def test_the_hash_is_twelve_hex_digits(context: Path) -> None:
    """Fit for an image tag."""
    assert len(hash_of(context)) == 12
    assert int(hash_of(context), 16)


def test_times_and_the_umask_do_not_count(context: Path) -> None:
    """Two clones of the same commit have the same image."""
    before = hash_of(context)
    for path in context.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o700 if os.access(path, os.X_OK) else 0o600)
        os.utime(path, (1, 1), follow_symlinks=False)
    assert hash_of(context) == before


@pytest.mark.parametrize("path", ["views.pyc", "media/upload.jpg"])
def test_ignored_files_do_not_count(context: Path, path: str) -> None:
    """What .dockerignore keeps out of the context cannot be in the image."""
    before = hash_of(context)
    (context / path).parent.mkdir(exist_ok=True)
    (context / path).write_text("anything")
    assert hash_of(context) == before


def test_a_file_that_is_not_ignored_after_all_counts(context: Path) -> None:
    """An exception in .dockerignore brings it back."""
    before = hash_of(context)
    (context / "media").mkdir()
    (context / "media" / "keep.txt").write_text("kept")
    assert hash_of(context) != before


def _edit(context: Path) -> None:
    (context / "site" / "views.py").write_text("answer = 43\n")


def _add(context: Path) -> None:
    (context / "site" / "urls.py").write_text("")


def _remove(context: Path) -> None:
    (context / "site" / "run").unlink()


def _rename(context: Path) -> None:
    (context / "site" / "views.py").rename(context / "site" / "pages.py")


def _take_the_x_bit(context: Path) -> None:
    (context / "site" / "run").chmod(0o644)


def _turn_the_link(context: Path) -> None:
    (context / "site" / "link").unlink()
    (context / "site" / "link").symlink_to("run")


def _make_the_link_a_file(context: Path) -> None:
    (context / "site" / "link").unlink()
    (context / "site" / "link").write_bytes((context / "site" / "views.py").read_bytes())


def _edit_the_dockerfile(context: Path) -> None:
    (context / "Dockerfile").write_text("FROM scratch AS x\n")


def _ignore_more(context: Path) -> None:
    (context / ".dockerignore").write_text("*.pyc\nmedia\nsite/run\n")


@pytest.mark.parametrize(
    "change",
    [
        _edit,
        _add,
        _remove,
        _rename,
        _take_the_x_bit,
        _turn_the_link,
        _make_the_link_a_file,
        _edit_the_dockerfile,
        _ignore_more,
    ],
)
def test_whatever_can_be_in_the_image_counts(context: Path, change: object) -> None:
    """A file's content, its name, its x bit, where a link leads to, the Dockerfile."""
    before = hash_of(context)
    assert callable(change)
    change(context)
    assert hash_of(context) != before


def test_arguments_count_by_name_and_value_in_any_order(context: Path) -> None:
    """The base image is one of them."""
    hashes = [hash_of(context, A="1", B="2"), hash_of(context, A="12"), hash_of(context, A="2", B="1")]
    assert len(set(hashes)) == 3
    assert hash_of(context, B="2", A="1") == hashes[0]


def test_a_context_without_an_ignore_file_is_taken_whole(context: Path) -> None:
    """Nothing is left out by default."""
    (context / ".dockerignore").unlink()
    before = hash_of(context)
    (context / "views.pyc").write_text("")
    assert hash_of(context) != before


def test_a_link_that_leads_nowhere_is_no_error(context: Path) -> None:
    """It is copied as the link that it is."""
    (context / "broken").symlink_to("nowhere")
    assert len(hash_of(context)) == 12


def test_tools_of_a_build_are_not_in_its_name(context: Path) -> None:
    """A company's certificate helps the build and is in no layer."""
    same = [
        Build.of(repository="r", context=context, dockerfile=context / "Dockerfile", args={"A": "1"}, tools=tools)
        for tools in ({}, {"CA_IMAGE": "ca:latest"})
    ]
    assert same[0].reference == same[1].reference
    assert same[0].reference.startswith("r:")


def stack_images(source: str, **args: str) -> Declarations:
    """What StackImages declares for a source of base images."""
    given = {"python": "python:3.13", "postgres": "postgres:17", "nginx": "nginx:1.28"} | args
    return record(lambda: StackImages("images", StackImagesArgs(placement=PLACEMENT, source=source, **given)))


def test_official_images_are_pulled_and_kept() -> None:
    """With `registry` each of the stack's images stands on its own official one."""
    declarations = stack_images("registry")
    pulled = {image.name: dict(image.inputs) for image in declarations.of("RemoteImage")}
    assert pulled == {
        "images-python-base": {"name": "python:3.13", "keepLocally": True},
        "images-postgres-base": {"name": "postgres:17", "keepLocally": True},
        "images-nginx-base": {"name": "nginx:1.28", "keepLocally": True},
    }
    assert {image.name: image.depends_on for image in declarations.of("Image")} == {
        f"images-{family}": (f"RemoteImage images-{family}-base",) for family in ("python", "postgres", "nginx")
    }


def test_debian_images_need_no_registry() -> None:
    """With `debian` one base is made from packages, and nothing is pulled."""
    declarations = stack_images("debian")
    base = declarations.all["Command images-debian"]
    assert declarations.of("RemoteImage") == []
    assert base.inputs["create"].endswith("images/debian/make-base trixie shop-dev/debian:trixie")
    assert base.inputs["environment"].keys() == {"DOCKER_HOST", "AGAIN_FOR"}
    assert base.inputs["environment"]["DOCKER_HOST"] == "ssh://server"
    assert {image.depends_on for image in declarations.of("Image")} == {("Command images-debian",)}
    assert {image.inputs["build"]["args"]["BASE"] for image in declarations.of("Image")} == {"shop-dev/debian:trixie"}


def test_the_debian_base_is_made_again_whenever_an_image_is_built_on_it() -> None:
    """It may have been removed from the server meanwhile."""
    reasons = [
        stack_images("debian", packages_date=date).all["Command images-debian"].inputs["environment"]["AGAIN_FOR"]
        for date in ("2026-11-01", "2026-11-02")
    ]
    assert len(reasons[0].split()) == 3
    assert not set(reasons[0].split()) & set(reasons[1].split())


def test_a_date_of_packages_makes_new_images() -> None:
    """Their updates are installed anew."""
    before, after = (stack_images("registry", packages_date=date).of("Image") for date in ("", "2026-11-30"))
    assert not {image.inputs["imageName"] for image in before} & {image.inputs["imageName"] for image in after}


def test_one_base_changes_its_own_image_alone() -> None:
    """A new PostgreSQL is no reason to touch Nginx."""
    assert stack_images("registry").changed(stack_images("registry", postgres="postgres:18")) == {
        "RemoteImage images-postgres-base",
        "Image images-postgres",
    }


def test_images_are_built_for_the_servers_platform_and_stay_there() -> None:
    """Nothing is pushed anywhere, and a laptop of another kind can deploy."""
    for image in stack_images("registry").of("Image"):
        assert image.inputs["skipPush"] is True
        assert image.inputs["build"]["platform"] == "linux/arm64"
        assert image.inputs["build"]["builderVersion"] == "BuilderBuildKit"


def app_image(path: Path, ca: str = "") -> Declarations:
    """What AppImage declares for the Django project in `path`."""
    args = AppImageArgs(
        placement=PLACEMENT,
        path=str(path),
        python_image="shop-dev/python:1",
        django_settings_module="a.settings",
        build_ca_file=ca,
    )
    return record(lambda: AppImage("app", args))


def test_a_build_that_needs_no_certificates_has_no_step_for_them(context: Path) -> None:
    """The image alone."""
    declarations = app_image(context)
    assert declarations.all.keys() == {"AppImage app", "Image app-image"}
    assert "CA_IMAGE" not in declarations.all["Image app-image"].inputs["build"]["args"]


def test_certificates_reach_the_build_and_not_its_name(context: Path) -> None:
    """A step of its own makes them an image that the build mounts."""
    plain, trusting = app_image(context), app_image(context, ca="/etc/company's.pem")
    step, image = trusting.all["Command app-build-ca"], trusting.all["Image app-image"]
    assert """cp '/etc/company'"'"'s.pem' "$d/ca.pem\"""" in step.inputs["create"]
    assert step.inputs["create"].startswith("docker image rm shop-dev/build-ca:latest ")
    assert step.inputs["create"].endswith("docker import - shop-dev/build-ca:latest")
    assert step.inputs["environment"]["AGAIN_FOR"] == image.inputs["imageName"]
    assert image.depends_on == ("Command app-build-ca",)
    assert image.inputs["build"]["args"]["CA_IMAGE"] == "shop-dev/build-ca:latest"
    assert image.inputs["imageName"] == plain.all["Image app-image"].inputs["imageName"]


def test_paths_in_a_build_are_relative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clones in two places have the same inputs, and so no change to show."""
    monkeypatch.chdir(ROOT)
    build = app_image(Path("sample")).all["Image app-image"].inputs["build"]
    assert (build["context"], build["dockerfile"]) == ("sample", "images/app/Dockerfile")
