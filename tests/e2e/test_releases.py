"""Releases under load: a good one loses no request, a broken one goes live for nobody, and each is on record."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from operations import release_ledger
from operations.release_ledger import Record
from release.docker_cli import DockerCli
from tests.e2e.breakages import BREAKAGES, Breakage
from tests.e2e.deployment import Deployment, make_clone
from tests.load import traffic

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

SHORT = (
    "crash at start",
    "health passes, pages answer 500",
    "image for another processor",
    "migration fails",
    "release command fails",
)
"""The breakages of every run; `scripts/bench broken_releases` takes them all."""


def load(stack: Deployment) -> AbstractContextManager[dict[str, Any]]:
    """Steady traffic as long as the context lasts; its report is in the dictionary afterwards."""
    return traffic.load(port=stack.port, rate=25, longest_seconds=110)


def lost(report: dict[str, Any]) -> dict[str, list[str]]:
    """What failed, by kind."""
    return {kind: figures["first_failures"] for kind, figures in report["kinds"].items() if figures["failed"]}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A stack of this module's own, in a clone that it may edit, watched for 3 s after each release."""
    clone = make_clone(tmp_path_factory.mktemp("releases") / "clone", "rel")
    stack = Deployment(clone=clone, stack="dev", port=18090)
    stack.erase()
    stack.set(httpPort="18090", bakeSeconds="3", webReplicas="2")
    stack.up()
    yield stack
    stack.pulumi("destroy", "--yes")
    stack.erase()


@contextmanager
def broken(stack: Deployment, breakage: Breakage) -> Iterator[None]:
    """The clone's sources, broken for as long as the context lasts."""
    path = stack.clone.path / breakage.file
    before = path.read_text() if path.exists() else None
    text = before or ""
    assert breakage.old in text
    path.write_text(text.replace(breakage.old, breakage.new, 1) if breakage.old else breakage.new + text)
    for key, value in breakage.config.items():
        stack.set(**{key: value})
    try:
        yield
    finally:
        for key in breakage.config:
            stack.pulumi("config", "rm", key)
        if before is None:
            path.unlink()
        else:
            path.write_text(before)


def serving(stack: Deployment) -> dict[str, str]:
    """The web containers that run, by name."""
    return {container.name: container.id for container in stack.containers("web") if container.status == "running"}


def records(stack: Deployment) -> list[Record]:
    """The release ledger, its chain verified by the reader in the image."""
    return release_ledger.read(DockerCli(), stack.prefix)


def new_release(stack: Deployment, word: str) -> None:
    """Change a line of the site's source."""
    path = stack.clone.path / "sample" / "templates" / "robots.txt"
    path.write_text(word)


def test_three_deploys_under_load_lose_no_request(shop: Deployment) -> None:
    """Code, scale and Nginx together: every request is answered, and the proof says so."""
    reports = []
    for change in ("code", "scale", "code and Nginx"):
        with load(shop) as report:
            if change.startswith("code"):
                new_release(shop, change)
            if change == "scale":
                shop.set(webReplicas="3")
            if change.endswith("Nginx"):
                shop.set(nginxMemoryMb="112")
            told = shop.up("--skip-preview").stdout
        assert "proof: proven: 0 of " in told
        reports.append(report)
    assert [lost(report) for report in reports] == [{}, {}, {}]
    assert all(report["requests"] > 500 for report in reports)
    assert sum(report["retried"] for report in reports) <= sum(report["requests"] for report in reports) / 1000
    assert len(shop.containers("web")) == 3
    assert len(shop.containers("nginx")) == 1


def test_without_the_design_requests_are_lost(shop: Deployment) -> None:
    """The control: the same load sees a plain restart of the web containers."""
    with load(shop) as report:
        for container in shop.containers("web"):
            subprocess.run(["docker", "kill", container.id], check=True, capture_output=True)
        time.sleep(1)
        for container in shop.containers("web"):
            subprocess.run(["docker", "start", container.id], check=True, capture_output=True)
        time.sleep(3)
    assert report["failed"] > 0


@pytest.mark.parametrize("breakage", [each for each in BREAKAGES if each.name in SHORT], ids=lambda each: each.name)
def test_broken_release_reaches_nobody(shop: Deployment, breakage: Breakage) -> None:
    """The old release serves on, the update fails, and the message has the cause, the cure and the log's last lines."""
    before = serving(shop)
    with broken(shop, breakage), load(shop) as report:
        failed = shop.up("--skip-preview", check=False)
    told = failed.stdout + failed.stderr
    assert failed.returncode != 0
    assert [word for word in breakage.told if word not in told] == [], told[-3000:]
    assert lost(report) == {}
    assert serving(shop) == before


def test_good_release_after_broken_ones_leaves_nothing_of_them(shop: Deployment) -> None:
    """Nothing is cleaned by hand: no container, no socket and no image of a failed release is left."""
    new_release(shop, "good again")
    shop.up("--skip-preview")
    release = shop.pulumi("stack", "output", "release").stdout.strip()
    assert {c.labels["django-stack.release"] for c in shop.containers("web")} == {release}
    assert shop.containers("tools") == []
    listed = shop.containers("nginx")[0].exec_run(["sh", "-c", "ls /run/web; readlink /run/slots/*.sock"])
    assert set(listed.output.decode().split()) == {
        text
        for number in (1, 2, 3)
        for name in (f"{release}-{number}.sock", f"{release}-{number}.long.sock")
        for text in (name, f"/run/web/{name}")
    }
    shop.pulumi("preview", "--expect-no-changes")


def test_release_that_turns_bad_gives_its_traffic_back(shop: Deployment) -> None:
    """Server errors on a page that no gate asks for: within the watch the release before has the traffic again."""
    good = shop.pulumi("stack", "output", "release").stdout.strip()
    views = shop.clone.path / "sample" / "timebank" / "views.py"
    before = views.read_text()
    bad = "def members(*_: object) -> None:\n    raise ValueError\n\n\ndef _members("
    views.write_text(before.replace("def members(", bad, 1))
    shop.set(bakeSeconds="20")
    told: dict[str, Any] = {}

    def deploy() -> None:
        told["up"] = shop.up("--skip-preview", check=False)

    update = threading.Thread(target=deploy)
    update.start()
    seen = []
    while update.is_alive():
        seen.append(shop.get("/members/").status_code)
        time.sleep(0.1)
    update.join()
    views.write_text(before)
    shop.set(bakeSeconds="3")
    assert told["up"].returncode != 0
    assert f"has given its traffic back to {good}" in told["up"].stdout, told["up"].stdout[-2500:]
    assert "got a server error" in told["up"].stdout
    assert shop.get("/members/").status_code == 200
    assert shop.get("/health/", headers={"X-Stack-Probe": "1"}).headers["X-Stack-Release"] == good
    assert 0 < seen.count(500) < 60
    assert records(shop)[-1]["result"] == "failed"


def test_rollback_is_an_ordinary_update_without_a_build(shop: Deployment) -> None:
    """Image, config, secrets and static files of the release before; a preview is clean; moving on needs an unpin."""
    before = shop.pulumi("stack", "output", "release").stdout.strip()
    new_release(shop, "to be rolled back")
    shop.up("--skip-preview")
    rolled = shop.clone.run("./ops", "rollback", "--stack", "dev", "--yes")
    assert rolled.returncode == 0, rolled.stdout + rolled.stderr
    assert "image updated" not in rolled.stdout
    assert shop.pulumi("stack", "output", "release").stdout.strip() == before
    assert shop.get("/health/", headers={"X-Stack-Probe": "1"}).headers["X-Stack-Release"] == before
    shop.pulumi("preview", "--expect-no-changes")
    new_release(shop, "something newer")
    refused = shop.up(check=False)
    assert refused.returncode != 0
    assert "./ops unpin" in refused.stdout + refused.stderr
    assert shop.clone.run("./ops", "unpin", "--stack", "dev").returncode == 0
    shop.up("--skip-preview")
    assert shop.pulumi("stack", "output", "release").stdout.strip() not in ("", before)


def test_rollback_behind_a_contracting_migration_is_refused(shop: Deployment) -> None:
    """The reason names the migration and what it took away."""
    migration = shop.clone.path / "sample" / "timebank" / "migrations" / "0002_contracting.py"
    migration.write_text(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        '    dependencies = [("timebank", "0001_initial")]\n'
        '    operations = [migrations.RunSQL("CREATE TABLE gone (id int); DROP TABLE gone")]\n'
    )
    shop.up("--skip-preview")
    refused = shop.clone.run("./ops", "rollback", "--stack", "dev", "--yes")
    assert refused.returncode != 0
    assert "timebank.0002_contracting (RunSQL)" in refused.stdout + refused.stderr
    migration.unlink()


def test_postgres_is_replaced_while_requests_wait(shop: Deployment) -> None:
    """The preview announces it, and no request fails: those that come meanwhile are answered a little later."""
    shop.set(postgresMemoryMb="560")
    assert "PostgreSQL will be replaced" in shop.pulumi("preview").stdout
    with load(shop) as report:
        shop.up("--skip-preview")
    assert lost(report) == {}
    assert report["kinds"]["new"]["max_ms"] < 15_000


def test_every_release_is_in_the_ledger(shop: Deployment) -> None:
    """Who, when, commit, image, config, migrations and proof, chained by hashes; a changed record is noticed."""
    found = records(shop)
    live = [record for record in found if record["result"] == "live"]
    assert len(live) >= 5
    assert all(record["image_digest"].startswith("sha256:") and record["who"] and record["commit"] for record in live)
    assert {record["proof"]["verdict"] for record in live[1:]} <= {"proven", "not proven"}
    assert live[0]["migrations"]["heads"]["timebank"] == "0001_initial"
    assert [record["number"] for record in found] == list(range(1, len(found) + 1))
    assert all(record["reason"] for record in found if record["result"] == "failed")


def test_assets_of_the_release_before_are_still_served(shop: Deployment) -> None:
    """A page that was loaded before the switch finds its stylesheet after it."""
    old = re.search(r'href="(/static/site\.[0-9a-f]+\.css)"', shop.get("/").text)
    assert old
    css = shop.clone.path / "sample" / "static" / "site.css"
    before = css.read_text()
    css.write_text(before + "\n/* another content, another name */\n")
    shop.up("--skip-preview")
    new = re.search(r'href="(/static/site\.[0-9a-f]+\.css)"', shop.get("/").text)
    css.write_text(before)
    assert new
    assert new.group(1) != old.group(1)
    assert {shop.get(each.group(1)).status_code for each in (old, new)} == {200}


def test_rolling_release_changes_some_replicas_at_a_time(shop: Deployment) -> None:
    """With a batch of one, old and new serve side by side on the way, and no request is lost."""
    shop.set(releaseStrategy="rolling", webReplicas="3")
    new_release(shop, "rolling")
    with load(shop) as report:
        told = shop.up("--skip-preview").stdout
    assert "1 of 3 replicas are of release" in told
    assert "2 of 3 replicas are of release" in told
    assert lost(report) == {}
    shop.pulumi("config", "rm", "releaseStrategy")


def test_canary_takes_a_share_first(shop: Deployment) -> None:
    """Ten percent of the requests, judged, then all of them."""
    shop.set(releaseStrategy="canary", canaryPercent="10", canarySeconds="5")
    new_release(shop, "canary")
    with load(shop) as report:
        told = shop.up("--skip-preview").stdout
    assert "canary: 10 % of the requests for 5 s" in told
    assert lost(report) == {}
    for key in ("releaseStrategy", "canaryPercent", "canarySeconds"):
        shop.pulumi("config", "rm", key)
