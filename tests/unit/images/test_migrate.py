"""Migrations: which of them take something away, when one is tried again, and how long it may wait."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import migrate
import pytest
from migrate import Progress, contraction, label, longest_wait, sqlstate, with_patience

NOT_PROVIDED = object()


@pytest.fixture(autouse=True)
def django(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much of Django as a field without a database default needs."""
    for name in ("django", "django.db", "django.db.models"):
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["django.db.models"].NOT_PROVIDED = NOT_PROVIDED  # type: ignore[attr-defined]


def operation(kind: str, **attributes: Any) -> Any:
    """An operation, as Django's have a class by this name."""
    return type(kind, (), {})() if not attributes else type(kind, (), attributes)()


def added(**field: Any) -> Any:
    """A field that is added to order."""
    given = {"null": False, "many_to_many": False, "db_default": NOT_PROVIDED} | field
    return operation("AddField", model_name="order", name="note", field=SimpleNamespace(**given))


def migration(*operations: Any, atomic: bool = True) -> Any:
    """shop.0002_more."""
    return SimpleNamespace(app_label="shop", name="0002_more", operations=list(operations), atomic=atomic)


# Contractions


@pytest.mark.parametrize(
    "kind",
    [
        *(
            "CreateModel",
            "CreateExtension",
            "AddIndex",
            "AddIndexConcurrently",
            "RemoveIndex",
            "RemoveIndexConcurrently",
            "RenameIndex",
        ),
        *("AlterModelOptions", "AlterModelManagers", "AddConstraintNotValid", "ValidateConstraint"),
    ],
)
def test_what_the_code_before_does_not_notice_is_no_contraction(kind: str) -> None:
    """It goes on with the new schema."""
    assert contraction(migration(operation(kind, name="order"))) == ""


@pytest.mark.parametrize(
    "kind",
    [
        *("DeleteModel", "RenameModel", "AlterModelTable", "RemoveField", "RenameField", "AlterField", "AddConstraint"),
        *("RemoveConstraint", "AlterUniqueTogether", "RunSQL", "RunPython", "SeparateDatabaseAndState", "TheirOwn"),
    ],
)
def test_everything_else_is_one(kind: str) -> None:
    """What is not known to be harmless is not taken for it; what it is about is told."""
    assert contraction(migration(operation(kind, model_name="order"))) == f"{kind} order"
    assert contraction(migration(operation(kind, name="Order"))) == f"{kind} Order"
    assert contraction(migration(operation(kind))) == kind


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ({"null": True}, ""),
        ({"many_to_many": True}, ""),
        ({"db_default": 0}, ""),
        ({"db_default": None}, ""),
        ({}, "AddField order.note without a database default"),
        ({"default": "x"}, "AddField order.note without a database default"),
    ],
)
def test_a_field_that_old_code_does_not_fill_needs_a_database_default(field: dict[str, Any], reason: str) -> None:
    """A default of Django's is not in the database any more when the migration is done."""
    assert contraction(migration(added(**field))) == reason


def test_data_migrations_that_may_be_left_out_are_none() -> None:
    """Their author has said that nothing depends on them."""
    assert contraction(migration(operation("RunPython", elidable=True))) == ""
    assert contraction(migration(operation("RunSQL", elidable=False))) == "RunSQL"


def test_one_contraction_among_many_operations_is_enough() -> None:
    """The first is told."""
    many = [operation("AddIndex"), added(null=True), operation("RemoveField", model_name="order"), operation("RunSQL")]
    assert contraction(migration(*many)) == "RemoveField order"
    assert contraction(migration()) == ""


# Waiting


@pytest.mark.parametrize(
    ("kinds", "seconds"),
    [
        (["AddIndexConcurrently"], 0),
        (["RemoveIndexConcurrently", "ValidateConstraint"], 0),
        (["AddIndexConcurrently", "AddField"], 2),
        (["AddIndex"], 2),
        (["RunSQL"], 2),
        ([], 2),
    ],
)
def test_only_what_lets_others_pass_may_wait_as_long_as_it_must(kinds: list[str], seconds: float) -> None:
    """Readers queue behind any other statement that waits for a lock."""
    assert longest_wait(migration(*map(operation, kinds)), 2) == seconds


class DatabaseError(Exception):
    """With PostgreSQL's code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.sqlstate = code


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds slept, one after the other."""
    slept: list[float] = []
    monkeypatch.setattr(migrate, "time", SimpleNamespace(sleep=slept.append))
    return slept


@contextmanager
def migrating(*errors: Exception | None, current: Any = None) -> Iterator[list[float]]:
    """Each try ends so, in this migration; the lock time-outs that were asked for."""
    asked: list[float] = []
    outcomes = iter(errors)

    def try_once(_: Any, progress: Progress, seconds: float) -> None:
        asked.append(seconds)
        progress.current = current or migration()
        error = next(outcomes)
        if error:
            raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "migrate", try_once)
        yield asked


LOCKED = DatabaseError("55P03")


def test_a_migration_that_gets_no_lock_lets_others_pass_and_tries_again(
    waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    """Later each time."""
    with migrating(LOCKED, LOCKED, None) as asked:
        with_patience(None, Progress(), 10, 2.5)
    assert (asked, waits) == ([2.5] * 3, [1, 2])
    assert "shop.0002_more did not get a lock in 2.5 s; again in 1 s" in capsys.readouterr().out


def test_patience_ends(waits: list[float]) -> None:
    """After ten tries, with the database's own words."""
    with migrating(*[LOCKED] * 10) as asked, pytest.raises(DatabaseError, match="55P03"):
        with_patience(None, Progress(), 10, 2)
    assert (len(asked), waits) == (10, [1, 2, 4, 8, 15, 15, 15, 15, 15])


@pytest.mark.parametrize("error", [DatabaseError("42703"), DatabaseError("23502"), ValueError("no SQL at all")])
def test_any_other_failure_is_not_tried_again(waits: list[float], error: Exception) -> None:
    """It would fail in the same way."""
    with migrating(error), pytest.raises(type(error)):
        with_patience(None, Progress(), 10, 2)
    assert waits == []


def test_a_migration_that_is_no_transaction_is_not_tried_again(waits: list[float]) -> None:
    """Half of it may be done, and cannot be done twice."""
    with migrating(LOCKED, current=migration(atomic=False)), pytest.raises(DatabaseError):
        with_patience(None, Progress(), 10, 2)
    assert waits == []


def test_the_code_of_an_error_is_found_behind_djangos_own() -> None:
    """In whichever driver's attribute, however deep."""
    outer, middle, inner = Exception("a"), Exception("b"), Exception("c")
    outer.__cause__, middle.__cause__ = middle, inner
    inner.pgcode = "55P03"  # type: ignore[attr-defined]
    assert sqlstate(outer) == "55P03"
    assert sqlstate(Exception("none")) == sqlstate(None) == ""


# Progress


def test_progress_knows_what_is_applied_and_what_has_been(capsys: pytest.CaptureFixture[str]) -> None:
    """So that a failure can name the migration, and the record the others."""
    progress, one = Progress(), migration()
    started: list[Any] = []
    progress.on_start = started.append
    progress("apply_start", one)
    assert (label(progress.current), started) == ("shop.0002_more", [one])
    progress("apply_success", one)
    progress("render_start")
    assert (label(progress.current), progress.applied) == ("the migrations", [one])
    assert capsys.readouterr().out == "migrate: applying shop.0002_more\n"


class Connection:
    """A database that answers whether the lock is free, and notes what it was asked."""

    def __init__(self, *, free: bool) -> None:
        self.free, self.asked = free, list[str]()

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        yield SimpleNamespace(
            execute=lambda sql, _: self.asked.append(sql.split("(")[0].removeprefix("SELECT ")),
            fetchone=lambda: [self.free],
        )


@pytest.mark.parametrize(("free", "waited"), [(True, []), (False, ["pg_advisory_lock"])])
def test_one_migration_at_a_time_holds_the_lock(free: bool, waited: list[str]) -> None:
    """The others wait, and let go of it when they are done, even by an error."""
    connection = Connection(free=free)
    with pytest.raises(ZeroDivisionError), migrate.alone(connection):
        raise ZeroDivisionError
    assert connection.asked == ["pg_try_advisory_lock", *waited, "pg_advisory_unlock"]


# The record


def test_the_record_tells_every_contraction_that_the_database_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier deployment may have applied one and then failed; what this one has applied is told apart."""
    disk = {
        ("shop", "0001_initial"): migration(operation("CreateModel")),
        ("shop", "0002_gone"): migration(operation("RemoveField", model_name="order")),
        ("shop", "0003_more"): migration(operation("AddIndex")),
        ("shop", "0004_not_yet"): migration(operation("DeleteModel", name="order")),
    }
    for (_, name), each in disk.items():
        each.name = name
    applied = {**dict.fromkeys(list(disk)[:3]), ("old", "0001_app_that_is_gone"): None}
    loader = ModuleType("django.db.migrations.loader")
    made = SimpleNamespace(disk_migrations=disk, applied_migrations=applied)
    loader.MigrationLoader = lambda _: made  # type: ignore[attr-defined]
    for name in ("django.db.migrations", "django.db.migrations.loader"):
        monkeypatch.setitem(sys.modules, name, loader)
    monkeypatch.setattr(migrate, "contractions", lambda *_: {"shop.0003_more": "", "shop.0004_not_yet": "DeleteModel"})
    progress = Progress()
    progress.applied = [disk["shop", "0003_more"]]
    assert migrate.record(None, progress) == {
        "applied": ["shop.0003_more"],
        "heads": {"old": "0001_app_that_is_gone", "shop": "0003_more"},
        "contracting": {"shop.0002_gone": "RemoveField order"},
    }
