"""Sizing: expected figures for known limits, and what must hold for all of them."""

import itertools
import re

import pytest

from components import sizing
from components.sizing import GUNICORN_MASTER_MB, Limits

MEMORIES_MB = [128, 256, 300, 512, 1000, 1024, 2048, 4096, 16_384, 65_536, 1_048_576]
CPUS = [0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 8, 16, 64, 128]


def limits(*, cpus: float = 1, memory_mb: int = 512) -> Limits:
    """Limits of which only these two matter."""
    return Limits(cpus=cpus, memory_mb=memory_mb, pids=100)


def megabytes(setting: str) -> float:
    """A PostgreSQL setting of memory, in MiB."""
    found = re.fullmatch(r"(\d+)(MB|kB)", setting)
    assert found, setting
    return int(found[1]) / (1 if found[2] == "MB" else 1024)


@pytest.mark.parametrize(
    ("cpus", "memory_mb", "workers"),
    [
        (1, 512, 3),  # two for each CPU and one more
        (0.5, 512, 2),
        (0.1, 512, 1),  # which the settings refuse
        (1.5, 1024, 4),
        (2, 1024, 5),
        (2, 400, 3),  # memory for no more
        (8, 64, 0),
        (64, 1_048_576, 129),
    ],
)
def test_workers_follow_from_cpus_and_fit_into_memory(cpus: float, memory_mb: int, workers: int) -> None:
    """2 x CPUs + 1, or as many as memory holds beside the master process."""
    assert sizing.gunicorn_workers(limits(cpus=cpus, memory_mb=memory_mb), 100) == workers


@pytest.mark.parametrize("worker_mb", [20, 100, 128, 1000])
def test_derived_workers_never_need_more_memory_than_there_is(worker_mb: int) -> None:
    """Whatever the limits are, unless they do not even hold the master process."""
    for cpus, memory_mb in itertools.product(CPUS, MEMORIES_MB):
        workers = sizing.gunicorn_workers(limits(cpus=cpus, memory_mb=memory_mb), worker_mb)
        assert workers <= 0 or sizing.gunicorn_memory_mb(workers, worker_mb) <= memory_mb


def test_more_of_anything_never_means_fewer_workers() -> None:
    """Raising a limit does not shrink the site."""
    for memory_mb in MEMORIES_MB:
        by_cpus = [sizing.gunicorn_workers(limits(cpus=cpus, memory_mb=memory_mb), 100) for cpus in CPUS]
        assert by_cpus == sorted(by_cpus)
    for cpus in CPUS:
        by_memory = [sizing.gunicorn_workers(limits(cpus=cpus, memory_mb=each), 100) for each in MEMORIES_MB]
        assert by_memory == sorted(by_memory)


def test_gunicorn_memory_is_master_and_workers() -> None:
    """The sum that the config check compares with the limit."""
    assert sizing.gunicorn_memory_mb(3, 100) == GUNICORN_MASTER_MB + 300


@pytest.mark.parametrize(
    ("replicas", "workers", "threads", "connections"), [(1, 1, 1, 12), (2, 3, 4, 68), (4, 5, 4, 208)]
)
def test_connections_are_those_of_two_releases(replicas: int, workers: int, threads: int, connections: int) -> None:
    """Every thread of both, one health check for each worker, and 8 to spare."""
    assert sizing.connections_needed(replicas=replicas, workers=workers, threads=threads) == connections


POSTGRES = {
    (1, 512): {
        "checkpoint_completion_target": "0.9",
        "checkpoint_timeout": "15min",
        "effective_cache_size": "384MB",
        "idle_in_transaction_session_timeout": "60s",
        "maintenance_work_mem": "32MB",
        "max_connections": "73",
        "max_parallel_workers_per_gather": "0",
        "max_wal_size": "512MB",
        "max_worker_processes": "4",
        "min_wal_size": "128MB",
        "random_page_cost": "1.1",
        "shared_buffers": "128MB",
        "tcp_keepalives_count": "5",
        "tcp_keepalives_idle": "60",
        "tcp_keepalives_interval": "10",
        "wal_buffers": "4MB",
        "work_mem": "1795kB",
    },
    (2, 4096): {
        "checkpoint_completion_target": "0.9",
        "checkpoint_timeout": "15min",
        "effective_cache_size": "3072MB",
        "idle_in_transaction_session_timeout": "60s",
        "maintenance_work_mem": "256MB",
        "max_connections": "500",
        "max_parallel_workers_per_gather": "1",
        "max_wal_size": "4096MB",
        "max_worker_processes": "4",
        "min_wal_size": "1024MB",
        "random_page_cost": "1.1",
        "shared_buffers": "1024MB",
        "tcp_keepalives_count": "5",
        "tcp_keepalives_idle": "60",
        "tcp_keepalives_interval": "10",
        "wal_buffers": "16MB",
        "work_mem": "2097kB",
    },
}


@pytest.mark.parametrize("size", POSTGRES)
def test_postgres_settings_for_a_known_size(size: tuple[int, int]) -> None:
    """The whole list, as the server gets it."""
    cpus, memory_mb = size
    assert sizing.postgres_settings(limits(cpus=cpus, memory_mb=memory_mb), {}) == POSTGRES[size]


@pytest.mark.parametrize("memory_mb", MEMORIES_MB)
def test_postgres_memory_fits_into_its_limit(memory_mb: int) -> None:
    """Buffers take at most a quarter; with one `work_mem` for every connection and a maintenance job it is no more
    than three quarters, so that the rest is left for the processes themselves.
    """
    settings = sizing.postgres_settings(limits(memory_mb=memory_mb), {})
    buffers, work = megabytes(settings["shared_buffers"]), megabytes(settings["work_mem"])
    assert buffers <= memory_mb / 4
    assert buffers + int(settings["max_connections"]) * work + megabytes(settings["maintenance_work_mem"]) <= (
        memory_mb * 3 / 4
    )
    assert buffers < megabytes(settings["effective_cache_size"]) < memory_mb
    assert megabytes(settings["min_wal_size"]) < megabytes(settings["max_wal_size"])


@pytest.mark.parametrize(
    "setting",
    [
        "max_connections",
        "shared_buffers",
        "effective_cache_size",
        "maintenance_work_mem",
        "wal_buffers",
        "max_wal_size",
    ],
)
def test_more_memory_never_lowers_a_setting(setting: str) -> None:
    """Raising the limit does not shrink the database."""
    values = [sizing.postgres_settings(limits(memory_mb=each), {})[setting] for each in MEMORIES_MB]
    numbers = [float(re.sub(r"\D", "", value)) for value in values]
    assert numbers == sorted(numbers)


def test_overrides_win_and_new_settings_are_added() -> None:
    """What the config says about PostgreSQL is what PostgreSQL gets."""
    settings = sizing.postgres_settings(limits(), {"work_mem": "64MB", "jit": "off"})
    assert (settings["work_mem"], settings["jit"]) == ("64MB", "off")
    assert settings.keys() == POSTGRES[1, 512].keys() | {"jit"}


def test_other_settings_follow_an_overridden_number_of_connections() -> None:
    """Half as many connections may have twice the memory each."""
    settings = sizing.postgres_settings(limits(memory_mb=1024), {"max_connections": "64"})
    assert (settings["max_connections"], settings["work_mem"]) == ("64", "4096kB")


@pytest.mark.parametrize(("memory_mb", "shared"), [(128, 64), (512, 128), (4096, 1024)])
def test_shared_memory_grows_with_the_limit(memory_mb: int, shared: int) -> None:
    """A quarter, and never less than Docker's default."""
    assert sizing.postgres_shared_memory_mb(limits(memory_mb=memory_mb)) == shared


@pytest.mark.parametrize(("cpus", "workers"), [(0.1, 1), (1, 1), (1.5, 2), (4, 4)])
def test_nginx_has_a_worker_for_each_cpu(cpus: float, workers: int) -> None:
    """A part of a CPU counts as one."""
    assert sizing.nginx_workers(limits(cpus=cpus)) == workers
