"""The verdict on a table of changes: of the config, as the real program declares them; of resources; of migrations."""

import dataclasses
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from review import squawk
from review.evidence import Evidence
from review.migrations import Migration, Statement
from review.records import Vulnerability
from review.rules import RULES
from review.verdict import judge
from tests.unit.goldens import expect
from tests.unit.program import SECRETS, committed, declare
from tests.unit.recording import Declarations
from tests.unit.review.evidences import LEDGER, PREFIX, RELEASE, container, image, known, labels, migration, server
from tests.unit.review.plans import preview, step, text

PINNED_BASES = {f"{name}Image": f"{name}:1@sha256:{'0' * 64}" for name in ("python", "postgres", "nginx")}
SAFE, ATTENTION, DANGEROUS = "safe", "needs attention", "dangerous"
SECRET_VARIABLE = {"PAYMENT_TOKEN": "abc"}
SILENCED = {"policy.E007": "a token of a sandbox"}
SIZED: dict[str, Any] = {"gunicornWorkers": 3}


@cache
def _declared(values: str, stack: str) -> Declarations:
    return declare(json.loads(values), stack=stack, secrets={})


def declared(stack: str = "prod", **changes: Any) -> Declarations:
    """The committed config with some changes; each is declared once."""
    return _declared(json.dumps(SECRETS | committed(stack) | PINNED_BASES | changes, sort_keys=True), stack)


def config(*, before: Mapping[str, Any] | None = None, stack: str = "prod", **after: Any) -> str:
    """The preview of a change of the committed config."""
    return preview(declared(stack, **(before or {})), declared(stack, **after), stack=stack, settings=after)


@cache
def changes_of_config() -> dict[str, tuple[str, Evidence]]:
    """Verdict and evidence of changes that an operator makes."""
    small = server(memory_mb=12_000)
    made = declared()
    return {
        "nothing": (SAFE, known(config())),
        "a variable": (SAFE, known(config(environment={"FEATURE": "1"}))),
        "more memory for the web": (SAFE, known(config(webMemoryMb=1536))),
        "another replica": (SAFE, known(config(before={"webReplicas": 4, **SIZED}, webReplicas=5, **SIZED))),
        "a replica less": (SAFE, known(config(before={"webReplicas": 4, **SIZED}, webReplicas=3, **SIZED))),
        "more memory than the server has": (DANGEROUS, known(config(webMemoryMb=2048), capacity=small)),
        "more memory during the release": (ATTENTION, known(config(webMemoryMb=1100), capacity=small)),
        "more CPUs than the server has": (DANGEROUS, known(config(webCpus="3"), capacity=server(cpus=2))),
        "memory of the database": (ATTENTION, known(config(postgresMemoryMb=6144))),
        "a setting of the database": (ATTENTION, known(config(postgresSettings={"work_mem": "8MB"}))),
        "another port": (ATTENTION, known(config(httpPort=8080))),
        "no public port any more": (ATTENTION, known(config(publishAddress="127.0.0.1"))),
        "larger uploads": (SAFE, known(config(uploadLimitMb=99))),
        "another host name": (SAFE, known(config(siteHosts=["www.example.com"]))),
        "a longer drain": (SAFE, known(config(drainTimeoutSeconds=45))),
        "a canary": (SAFE, known(config(releaseStrategy="canary"))),
        "larger logs": (ATTENTION, known(config(logMaxSizeMb=20))),
        "no start at boot": (SAFE, known(config(startAtBoot=False))),
        "a new version of the secrets": (ATTENTION, known(config(secretsVersion=2))),
        "a new password": (ATTENTION, known(preview(made, declared(databasePassword="another-h7Rk2Tq9Lw4Zx8Vb6Nc3")))),
        "a secret in a variable, silenced": (SAFE, known(config(environment=SECRET_VARIABLE, silencedChecks=SILENCED))),
        "the same in development": (
            SAFE,
            known(config(stack="dev", environment=SECRET_VARIABLE)),
        ),
        "the first deployment": (SAFE, known(preview(None, made), ledger=None)),
        "its bases unpinned": (
            ATTENTION,
            known(preview(None, declared(pythonImage="python:3.13-slim")), ledger=None),
        ),
        "the end of the stack": (DANGEROUS, known(preview(made, None))),
    }


def volume(op: str, name: str, *, retained: bool = True, protected: bool = True, stack: str = "prod") -> Evidence:
    """A change of a volume of the stack."""
    inputs = {"name": f"{PREFIX}-{name}"}
    states = {
        "create": (None, inputs),
        "delete": (inputs, None),
        "replace": (inputs, inputs),
        "update": (inputs, inputs),
    }
    options = {"protect": protected, "retainOnDelete": retained}
    return known([step(op, "Volume", name, *states[op], options=options, stack=stack)])


def new(name: str = "cache", **inputs: Any) -> Evidence:
    """A new container."""
    return known([step("create", "Container", name, None, container(name, **inputs))])


def network(op: str, name: str, *, internal: bool = True) -> Evidence:
    inputs = {"name": f"{PREFIX}-{name}", "internal": internal}
    return known([step(op, "Network", f"networks-{name}", inputs if op != "create" else None, inputs)])


@cache
def changes_of_resources() -> dict[str, tuple[str, Evidence]]:
    """The same of what a program may do that is not the committed one."""
    port = {"ip": "203.0.113.7", "external": 5432, "internal": 5432}
    foreign = step("replace", "Container", "worker", container("worker"), container("worker", memory=512))
    component = step("delete", "django-stack:index:Nginx", "nginx", {})
    old_bases = step("create", "RemoteImage", "base", None, {"name": "nginx:1.29"})
    warned = [{"severity": "warning", "message": "host.W010 disk: 9 of 100 MiB are free"}]
    failed = [{"severity": "error", "message": "the stack is currently locked by 1 lock(s)"}]
    return {
        "the database's volume is deleted": (DANGEROUS, volume("delete", "postgres-data", retained=False)),
        "the database's volume is let go": (DANGEROUS, volume("delete", "postgres-data")),
        "uploads move to another volume": (DANGEROUS, volume("replace", "media")),
        "a volume of nobody knows what goes": (DANGEROUS, volume("delete", "things")),
        "static files are made anew": (SAFE, volume("replace", "static", retained=False)),
        "an old version of the secrets goes": (SAFE, volume("delete", "secrets-1", retained=False)),
        "a new volume without protection": (ATTENTION, volume("create", "things", protected=False)),
        "a new volume that is not kept": (DANGEROUS, volume("create", "things", retained=False)),
        "the same in development": (SAFE, volume("create", "things", protected=False, stack="dev")),
        "a network is replaced": (DANGEROUS, network("replace", "edge")),
        "a database network with a way out": (DANGEROUS, network("update", "data", internal=False)),
        "a public database": (DANGEROUS, new("postgres", labels=labels("postgres"), ports=[port])),
        "a cache that publishes its port": (DANGEROUS, new(ports=[{**port, "external": 16379, "internal": 6379}])),
        "a database on loopback": (DANGEROUS, new(ports=[{**port, "ip": "127.0.0.1"}])),
        "a new container that keeps all rules": (SAFE, new()),
        "a secret in a variable": (DANGEROUS, new(envs=["PAYMENT_TOKEN=abc"])),
        "variables that are secret": (DANGEROUS, new(envs="[secret]")),
        "no limit of memory": (DANGEROUS, new(memory=None)),
        "no limit of CPU": (DANGEROUS, new(cpus=None)),
        "an image by a tag that moves": (DANGEROUS, new(image="redis:8")),
        "an image by digest": (SAFE, new(image=f"redis:8@sha256:{'a' * 64}")),
        "an image that is not pulled yet": (SAFE, new(image="04da6b54-80e4-46f7-96ec-b56ff0331ba9")),
        "a base by a tag that moves": (ATTENTION, known([old_bases])),
        "Nginx is taken away": (DANGEROUS, known([component])),
        "a container of nobody knows whom restarts": (ATTENTION, known([foreign])),
        "an operation of nobody knows what kind": (ATTENTION, known([{**foreign, "op": "import"}])),
        "a preview that warns": (SAFE, known(text([], diagnostics=warned))),
        "a preview that fails": (ATTENTION, known(text([], diagnostics=failed))),
        "no image to look into": (
            ATTENTION,
            known(RELEASE, image=None, missing={"migrations": "no --image was given"}),
        ),
        "no record of the ledger": (ATTENTION, known(RELEASE, ledger=None, missing={"migrations": "no --ledger"})),
        "a vulnerability": (ATTENTION, known(RELEASE, vulnerabilities=[_vulnerability()])),
        "another image than the plan's": (ATTENTION, known(RELEASE, image=image(name=f"{PREFIX}/web:ffffffffffff"))),
        "a database ahead of the image": (ATTENTION, known(RELEASE, image=image(ahead=["shop.0009_later"]))),
        "a disk that is nearly full": (ATTENTION, known([*RELEASE, _built()], capacity=server(disk_free_mb=500))),
        "no record of the server": (SAFE, known(RELEASE, capacity=None, missing={"capacity": "no --capacity"})),
    }


def _vulnerability() -> Vulnerability:
    return Vulnerability(package="django", version="5.2.18", id="CVE-2026-0001", fixed_in=("5.2.19",))


def _built() -> dict[str, Any]:
    return step("update", "Image", "app-image", {"imageName": "a"}, {"imageName": "b"}, reasons=["imageName"])


def release(*migrations: Migration, **given: Any) -> Evidence:
    """A release with these migrations."""
    return known(RELEASE, image=image(*migrations), **given)


@cache
def changes_of_the_database() -> dict[str, tuple[str, Evidence]]:
    """The same of migrations."""
    drop = 'ALTER TABLE "shop_order" DROP COLUMN "note" CASCADE;'
    index = 'CREATE INDEX "i" ON "shop_order" ("note");'
    why = "nobody has ever written to it"
    waived = {"review.E010": why, "review.E014": why}
    removed = ["RemoveField order"]
    wider = Statement(sql='ALTER TABLE "shop_order" ALTER COLUMN "note" TYPE varchar(80);', of="x", widens=True)
    return {
        "a field that may be null": (SAFE, release(migration('ALTER TABLE "shop_order" ADD COLUMN "note" text NULL;'))),
        "a new table with its index": (
            SAFE,
            release(migration('CREATE TABLE "shop_order" ("note" text NOT NULL);', index)),
        ),
        "an index, concurrently": (
            SAFE,
            release(migration(index.replace("INDEX", "INDEX CONCURRENTLY"), atomic=False)),
        ),
        "the same in a transaction": (DANGEROUS, release(migration(index.replace("INDEX", "INDEX CONCURRENTLY")))),
        "an index": (ATTENTION, release(migration(index))),
        "the same, waived": (SAFE, release(migration(index, waivers={"review.W013": "forty rows"}))),
        "a field is removed": (DANGEROUS, release(migration(drop, contractions=removed))),
        "the same, waived for half of it": (
            DANGEROUS,
            release(migration(drop, contractions=removed, waivers={"review.E010": why})),
        ),
        "a field is removed, waived": (SAFE, release(migration(drop, contractions=removed, waivers=waived))),
        "the same, waived without a reason": (
            DANGEROUS,
            release(migration(drop, contractions=removed, waivers={"review.E010": "", "review.E014": ""})),
        ),
        "SQL that renames a column": (
            DANGEROUS,
            release(migration('ALTER TABLE "shop_order" RENAME COLUMN "a" TO "b";', contractions=["RunSQL"])),
        ),
        "Python": (ATTENTION, release(migration(contractions=["RunPython"], unknown=("Raw Python operation",)))),
        "a wider column": (SAFE, release(migration(wider))),
        "another type": (DANGEROUS, release(migration(dataclasses.replace(wider, widens=False)))),
        "no more nulls": (DANGEROUS, release(migration('ALTER TABLE "shop_order" ALTER COLUMN "n" SET NOT NULL;'))),
        "SQL that cannot be read": (ATTENTION, release(migration("ALTR TABLE x;"))),
        "migrations without a linter": (
            ATTENTION,
            known(RELEASE, image=image(migration(wider), linted=False), missing={"lint": "squawk is not installed"}),
        ),
        "a contraction in the first release": (
            SAFE,
            known(RELEASE, image=image(migration(contractions=removed)), ledger=dataclasses.replace(LEDGER, heads={})),
        ),
    }


TABLE = {
    f"{part}: {name}": case
    for part, cases in (("resources", changes_of_resources), ("database", changes_of_the_database))
    for name, case in cases().items()
}


@pytest.mark.parametrize("name", TABLE)
def test_the_verdict_is_right(name: str) -> None:
    """On changes of resources and of the database."""
    word, evidence = TABLE[name]
    judged = judge(evidence)
    assert judged.word == word, [f"{each.id} {each.text}" for each in judged.counted]


def test_the_verdict_is_right_on_changes_of_the_config() -> None:
    """As the real program declares them."""
    wrong = {
        name: [f"{each.id} {each.text}" for each in judge(evidence).counted]
        for name, (word, evidence) in changes_of_config().items()
        if judge(evidence).word != word
    }
    assert wrong == {}


def test_the_findings_are_as_they_were() -> None:
    """Ids and texts of the whole table."""
    every = {f"config: {name}": case for name, case in changes_of_config().items()} | TABLE
    assert len(every) >= 40
    told = []
    for name, (_, evidence) in every.items():
        judged = judge(evidence)
        told.append(f"{name}: {judged.word}")
        told += [
            f"    {each.id} {each.text}{f' (waived: {each.waived})' if each.waived else ''}" for each in judged.findings
        ]
    expect("review-findings.txt", re.sub(r"-web-[0-9a-f]{10}-", "-web-RELEASE-", "\n".join(told)) + "\n")


def test_every_rule_is_broken_by_some_change() -> None:
    """A rule that nothing breaks would say nothing."""
    cases = [*changes_of_config().values(), *TABLE.values()]
    broken = {each.id for _, evidence in cases for each in judge(evidence).findings}
    assert broken == {rule.id for rule in RULES}


def test_a_review_that_is_told_nothing_calls_nothing_safe_that_may_migrate() -> None:
    """Without image, records and auditor a new release needs attention."""
    missing = {"migrations": "no --image was given", "capacity": "no --capacity was given"}
    unknown = known(RELEASE, image=None, ledger=None, capacity=None, vulnerabilities=None, missing=missing)
    assert judge(unknown).word == ATTENTION


def test_the_linter_is_there() -> None:
    """Without it the table above would prove less."""
    assert squawk.program()
