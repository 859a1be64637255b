"""The README's first command, as somebody types it who has just cloned the project."""

import subprocess
import sys

import pytest

from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e


def test_up_leaves_no_tracked_file_changed(dev: Deployment) -> None:
    """Secrets, passphrase and choices of this machine are kept out of git."""
    assert dev.clone.git_status() == ""


def test_up_says_which_engine_and_which_images_it_uses(dev: Deployment) -> None:
    """One line for the engine at every call; the image source is kept in the stack config."""
    assert "engine: " in dev.pulumi("stack", "output", "url").stderr
    assert dev.pulumi("config", "get", "imagesFrom").stdout.strip() in ("debian", "registry")


def test_stack_output_prints_the_address_alone(dev: Deployment) -> None:
    """So that a script can use it."""
    assert dev.pulumi("stack", "output", "url").stdout == f"http://localhost:{dev.port}\n"


def test_up_ends_with_the_site_asked_through_nginx(dev: Deployment) -> None:
    """The last step of an update reports what the site answered."""
    dev.clone.edit("sample/templates/base.html", "<title>", "<title>Again: ")
    told = dev.up()
    assert "replicas answer 200 on /health/ through Nginx" in told.stdout
    dev.clone.edit("sample/templates/base.html", "<title>Again: ", "<title>")
    dev.up()


def test_two_updates_at_once_do_not_mix(dev: Deployment) -> None:
    """The second is refused by the first one's lock, and says whose it is."""
    dev.clone.edit("sample/templates/base.html", "<title>", "<title>Both: ")
    command = ["./pulumiw", "up", "--yes", "--stack", "dev"]
    calls = [
        subprocess.Popen(command, cwd=dev.clone.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    told = [call.communicate(timeout=300)[0] for call in calls]
    codes = [call.returncode for call in calls]
    print(*told, file=sys.stderr)
    assert min(codes) == 0
    if max(codes):  # else the second came after the first, and found nothing to do
        assert "locked" in told[codes.index(max(codes))]
    assert dev.get("/health/").status_code == 200
    dev.clone.edit("sample/templates/base.html", "<title>Both: ", "<title>")
    dev.up()
