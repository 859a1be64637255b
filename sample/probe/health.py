"""Can this replica serve? Only if its database answers in time and knows every migration of this release."""

import time
from concurrent.futures import ThreadPoolExecutor

from django.db import close_old_connections, connection, connections
from django.db.migrations.executor import MigrationExecutor

TIMEOUT_SECONDS = 2.0

# One thread with a connection of its own: a database that hangs costs each question TIMEOUT_SECONDS and this
# one thread, never a second one. It starts with the first question, after Gunicorn has forked.
_prober = ThreadPoolExecutor(max_workers=1, thread_name_prefix="health")


class MigrationsPendingError(Exception):
    """The database lacks migrations that this release brings."""


class _Migrations:
    applied = False  # once they are, they stay applied for as long as this release runs


def measure() -> float:
    """Milliseconds that the database took to answer.

    Raises TimeoutError, MigrationsPendingError, or what the database driver says.
    """
    answer = _prober.submit(_ask)
    try:
        return answer.result(timeout=TIMEOUT_SECONDS)
    finally:
        answer.cancel()  # a question that still waits for the thread would be asked for nobody


def round_trip_ms() -> float:
    """Milliseconds from a question on the current thread's connection to its answer."""
    with connection.cursor() as cursor:
        started = time.perf_counter()
        cursor.execute("SELECT 1")
        cursor.fetchone()
        return (time.perf_counter() - started) * 1000


def _ask() -> float:
    close_old_connections()  # requests do this by themselves, threads do not
    elapsed = round_trip_ms()
    if not _Migrations.applied:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise MigrationsPendingError
        _Migrations.applied = True
    return elapsed


def forget() -> None:
    """Close the prober's connection and ask for migrations again; for tests."""
    _Migrations.applied = False
    _prober.submit(connections.close_all).result()
