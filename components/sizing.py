"""What follows from limits: Gunicorn's workers, PostgreSQL's settings, Nginx's workers. Pure arithmetic."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

GUNICORN_MASTER_MB = 60
"""Memory of Gunicorn's master process and the shared part of the interpreter; the sample site needs 35 to 50 MiB."""

CONNECTION_MB = 7
"""Memory budget of one PostgreSQL connection: its process, its caches and one `work_mem`."""

SPARE_CONNECTIONS = 8
"""Connections kept for migrations, backups, a person with psql, and `superuser_reserved_connections` (3)."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one container may use at most."""

    cpus: float
    """CPU time per wall-clock time; 1.5 is one and a half CPUs."""
    memory_mb: int
    """Memory in MiB, tmpfs included. There is no swap on top."""
    pids: int
    """Processes and threads."""


def gunicorn_workers(limits: Limits, worker_memory_mb: int) -> int:
    """Worker processes: 2 x CPUs + 1 (Gunicorn's own rule of thumb), or as many as the memory holds if that is less.

    May be less than 2, which the caller must refuse: with one worker nothing serves while a crashed one is replaced.
    """
    by_cpu = math.floor(2 * limits.cpus) + 1
    by_memory = (limits.memory_mb - GUNICORN_MASTER_MB) // worker_memory_mb
    return min(by_cpu, by_memory)


def gunicorn_memory_mb(workers: int, worker_memory_mb: int) -> int:
    """Memory in MiB that this many workers and their master need."""
    return GUNICORN_MASTER_MB + workers * worker_memory_mb


def connections_needed(*, replicas: int, workers: int, threads: int) -> int:
    """Database connections at the worst moment: two releases side by side, every thread busy, health being asked."""
    return 2 * replicas * workers * (threads + 1) + SPARE_CONNECTIONS


def postgres_settings(limits: Limits, overrides: Mapping[str, str]) -> dict[str, str]:
    """PostgreSQL settings by name for a server with these limits.

    A quarter of the memory for `shared_buffers` (PostgreSQL's documentation, "Resource Consumption"), half of it
    assumed to be cached by the kernel, a quarter shared out as `work_mem`; the rest is for the processes themselves.
    """
    memory = limits.memory_mb
    max_connections = int(overrides.get("max_connections", _clamp(memory // CONNECTION_MB, 25, 500)))
    shared_buffers = memory // 4
    max_wal_mb = _clamp(memory, 256, 8192)
    derived = {
        "max_connections": str(max_connections),
        "shared_buffers": f"{shared_buffers}MB",
        "effective_cache_size": f"{memory // 4 * 3}MB",
        "work_mem": f"{max(256, memory * 1024 // 4 // max_connections)}kB",
        "maintenance_work_mem": f"{_clamp(memory // 16, 16, 1024)}MB",
        "wal_buffers": f"{_clamp(shared_buffers // 32, 1, 16)}MB",
        "max_wal_size": f"{max_wal_mb}MB",
        "min_wal_size": f"{max(80, max_wal_mb // 4)}MB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "max_worker_processes": str(max(4, math.ceil(limits.cpus) * 2)),
        "max_parallel_workers_per_gather": str(max(0, math.ceil(limits.cpus) // 2)),
        "random_page_cost": "1.1",  # data volumes lie on SSDs
        "idle_in_transaction_session_timeout": "60s",
        "tcp_keepalives_idle": "60",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "5",
    }
    return dict(sorted((derived | dict(overrides)).items()))


def postgres_shared_memory_mb(limits: Limits) -> int:
    """Size of /dev/shm in MiB, where parallel queries exchange rows; Docker's default of 64 is too small for them."""
    return max(64, limits.memory_mb // 4)


def nginx_workers(limits: Limits) -> int:
    """Worker processes of Nginx: one for each CPU that it may use."""
    return max(1, math.ceil(limits.cpus))


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))
