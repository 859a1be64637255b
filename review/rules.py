"""What a review looks for, each under an id that is stable for ever: `E` is dangerous, `W` needs attention."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from policy import judge
from policy.rules import Policy
from review import changes
from review.container import made
from review.evidence import Evidence
from review.migrations import Migration, is_breaking
from review.plan import CHANGING

Level = Literal["dangerous", "attention"]
Found = str | tuple[str, str]
"""What was found in words; with the reason, if it was waived."""

IMAGE_ROOM = 3
"""Times the size of an image that should be free: it is loaded and unpacked beside the one that runs."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule."""

    id: str
    rule: str
    """What holds when nothing is found."""
    find: Callable[[Evidence], Iterable[Found]]

    @property
    def level(self) -> Level:
        return "dangerous" if self.id.partition(".")[2].startswith("E") else "attention"


def _failed(evidence: Evidence) -> Iterator[str]:
    yield from (f"the preview failed: {message}" for message in evidence.plan.errors)


def _volumes(evidence: Evidence) -> Iterator[str]:
    for volume in changes.data_volumes(evidence.plan):
        if volume.step.op in ("delete", "replace"):
            fate = "its content is lost" if volume.lost else "what is in it stays in Docker, and is used no more"
            yield f"volume {volume.name} would be {volume.step.op}d: {fate}"


def _taken_away(evidence: Evidence) -> Iterator[str]:
    yield from (f"no {role} container would be left" for role in changes.taken_away(evidence))


def _postgres(evidence: Evidence) -> Iterator[str]:
    if changes.replaced(evidence, "postgres"):
        yield "PostgreSQL restarts: requests wait for some seconds, and its caches are empty afterwards"


def _holder(evidence: Evidence) -> Iterator[str]:
    if changes.replaced(evidence, "edge"):
        yield "the holder of the published ports is replaced: no connection is possible for some seconds"


def _networks(evidence: Evidence) -> Iterator[str]:
    for step in evidence.plan.of("Network"):
        if step.op in ("replace", "delete"):
            yield f"network {step.name} would be {step.op}d, and what is in it cut off"


def _secrets(evidence: Evidence) -> Iterator[str]:
    if not evidence.plan.is_first:
        yield from (f"changed: {name}" for name in changes.secrets(evidence.plan))


def _ports(evidence: Evidence) -> Iterator[str]:
    if evidence.plan.is_first:
        return
    closed, opened = changes.ports(evidence)
    yield from (f"{port} is closed" for port in closed)
    yield from (f"{port} is opened" for port in opened)


def _strange(evidence: Evidence) -> Iterator[str]:
    for step in evidence.plan.steps:
        if step.op not in CHANGING:
            yield f"{step.op} of {step.kind} {step.name}"
    for each in evidence.containers:
        if each.role == "" and each.step.op in ("replace", "delete"):
            yield f"container {(each.before or each.after or each.step).name} would be {each.step.op}d"


def _contractions(*, breaking: bool, rule: str) -> Callable[[Evidence], Iterator[Found]]:
    def find(evidence: Evidence) -> Iterator[Found]:
        linted = evidence.linted
        if linted is None or evidence.ledger is None or not evidence.ledger.heads:  # no code runs that could break
            return
        told = set()
        for migration in linted.pending.migrations:
            for contraction in migration.contractions:
                if is_breaking(contraction) is breaking:
                    told.add(migration.label)
                    yield _waivable(migration, rule, f"{migration.label}: {contraction}")
        for migration, words, sql in linted.found(rule):
            if migration.label not in told:  # an operation that Django has no word for
                yield _waivable(migration, rule, _statement(migration, words, sql))

    return find


def _linted(rule: str) -> Callable[[Evidence], Iterator[Found]]:
    def find(evidence: Evidence) -> Iterator[Found]:
        for migration, words, sql in evidence.linted.found(rule) if evidence.linted else ():
            yield _waivable(migration, rule, _statement(migration, words, sql))

    return find


def _waivable(migration: Migration, rule: str, text: str) -> Found:
    reason = migration.waivers.get(rule, "")
    return (text, reason) if reason else text


def _statement(migration: Migration, words: str, sql: str) -> str:
    return f"{migration.label} {words}: {sql.rstrip('; ')}"


def _ahead(evidence: Evidence) -> Iterator[str]:
    if evidence.linted:
        yield from (
            f"the database has {label}, which the image does not know" for label in evidence.linted.pending.ahead
        )


def _unread(evidence: Evidence) -> Iterator[str]:
    if evidence.migrates and not evidence.plan.is_first and "migrations" in evidence.missing:
        yield f"a new release, whose migrations are not known: {evidence.missing['migrations']}"
    elif evidence.linted and evidence.linted.pending.migrations and evidence.linted.flaws is None:
        yield f"migrations that no linter has seen: {evidence.missing.get('lint', 'there was none')}"


def _memory(evidence: Evidence) -> Iterator[str]:
    now, capacity = changes.memory_now(evidence), evidence.capacity
    if now is None or capacity is None:
        return
    wanted = now + changes.memory_change(evidence) + changes.memory_of_others(evidence)
    if wanted > capacity.memory_mb and changes.memory_change(evidence) > 0:
        yield f"the containers' limits promise {wanted} MiB, and the server has {capacity.memory_mb} MiB"


def _memory_peak(evidence: Evidence) -> Iterator[str]:
    now, capacity = changes.memory_now(evidence), evidence.capacity
    if now is None or capacity is None or any(_memory(evidence)):
        return
    peak = now + changes.memory_change(evidence) + changes.memory_beside(evidence) + changes.memory_of_others(evidence)
    if peak > capacity.memory_mb and evidence.containers:
        yield f"old and new containers side by side may use {peak} MiB, and the server has {capacity.memory_mb} MiB"


def _cpus(evidence: Evidence) -> Iterator[str]:
    if evidence.capacity is None:
        return
    most = evidence.capacity.cpus
    for container in made(evidence.containers):
        if container.cpus > most:
            yield f"container {container.name} may use {container.cpus:g} CPUs, and the server has {most}"


def _disk(evidence: Evidence) -> Iterator[str]:
    free = evidence.capacity.disk_free_mb if evidence.capacity else None
    if free is not None and evidence.image and evidence.brings_an_image and free < IMAGE_ROOM * evidence.image.size_mb:
        yield f"the server has {free} MiB of disk free, and the new image takes {evidence.image.size_mb} MiB"


def _vulnerable(evidence: Evidence) -> Iterator[str]:
    for each in evidence.vulnerabilities or ():
        cure = f", mended in {' or '.join(each.fixed_in)}" if each.fixed_in else ""
        yield f"{each.package} {each.version}: {each.id}{cure}"


def _other_image(evidence: Evidence) -> Iterator[str]:
    if evidence.image is None:
        return
    repository = evidence.image.name.rpartition(":")[0]
    planned = {each.after.image for each in evidence.containers if each.after and each.role == "web"}
    other = sorted(image for image in planned - {evidence.image.name} if image.rpartition(":")[0] == repository)
    if other and evidence.image.name not in planned:
        yield f"looked at {evidence.image.name}, and the plan would run {other[0]}"


def _policy(policy: Policy) -> Rule:
    """A policy as a rule of a review, under its own id; what the stack config silences is waived."""

    def find(evidence: Evidence) -> Iterator[Found]:
        reason = evidence.plan.silenced.get(policy.id, "")
        for broken in judge.violations(evidence.resources, evidence.plan.stack, [policy]):
            yield (broken.text, reason) if reason else broken.text

    return Rule(id=policy.id, rule=f"policy: {policy.rule}", find=find)


RULES = (
    Rule(id="review.W001", rule="the preview ran to its end", find=_failed),
    Rule(id="review.E002", rule="no volume with data is deleted or replaced", find=_volumes),
    Rule(id="review.E003", rule="the site keeps every part that it needs", find=_taken_away),
    Rule(id="review.W004", rule="PostgreSQL runs on", find=_postgres),
    Rule(id="review.W005", rule="the holder of the published ports runs on", find=_holder),
    Rule(id="review.E006", rule="no network is taken away from containers in it", find=_networks),
    Rule(id="review.W007", rule="no secret changes", find=_secrets),
    Rule(id="review.W008", rule="the public ports stay", find=_ports),
    Rule(id="review.W009", rule="nothing happens that a review does not know", find=_strange),
    Rule(
        id="review.E010",
        rule="no migration breaks the code that runs meanwhile",
        find=_contractions(breaking=True, rule="review.E010"),
    ),
    Rule(
        id="review.W011",
        rule="every migration is known to leave the running code alone",
        find=_contractions(breaking=False, rule="review.W011"),
    ),
    Rule(id="review.E012", rule="no migration keeps readers out of a table for long", find=_linted("review.E012")),
    Rule(id="review.W013", rule="no migration keeps writers out of a table for long", find=_linted("review.W013")),
    Rule(id="review.E014", rule="no migration takes data away", find=_linted("review.E014")),
    Rule(id="review.W015", rule="the linter can read all SQL of migrations", find=_linted("review.W015")),
    Rule(id="review.W016", rule="the image knows all migrations of the database", find=_ahead),
    Rule(id="review.W017", rule="the migrations of a new image are known and linted", find=_unread),
    Rule(id="review.E020", rule="the containers' limits fit into the server's memory", find=_memory),
    Rule(id="review.W021", rule="so they do with old and new side by side", find=_memory_peak),
    Rule(id="review.E022", rule="no container may use more CPUs than the server has", find=_cpus),
    Rule(id="review.W023", rule="the server's disk has room for the new image", find=_disk),
    Rule(id="review.W030", rule="no package of the image has a known vulnerability", find=_vulnerable),
    Rule(id="review.W031", rule="the image that was looked at is the one that would run", find=_other_image),
    *(_policy(policy) for policy in judge.EVERY),
)
"""In the order in which they are told. An id is never used again for something else."""
