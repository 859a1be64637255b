"""Addresses for machines that watch the site or put load on it, and one page for people who do."""

import json
import logging
import os
import platform
import statistics
import time

import django
from django.db import Error as DriverError
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from probe.health import MigrationsPendingError, measure, round_trip_ms
from probe.identity import SERVING_SINCE, identity
from probe.models import KEPT_PINGS, Ping

log = logging.getLogger(__name__)

LONGEST_SECONDS = 10
LONGEST_TOKEN = 64
ROUND_TRIPS = 5


@never_cache
@require_safe
def health(_request: HttpRequest) -> JsonResponse:
    """200 if this replica can serve, else 503 and the class of the reason: its text may tell too much."""
    try:
        elapsed = measure()
    except (DriverError, MigrationsPendingError, TimeoutError) as error:
        reason = type(error).__name__
        log.warning("Unhealthy: %s: %s", reason, error)  # the text is for the log only
        return JsonResponse({"status": "unavailable", "reason": reason, **identity()}, status=503)
    return JsonResponse({"status": "ok", "database_ms": round(elapsed, 2), **identity()})


@never_cache
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    trips = [round_trip_ms() for _ in range(ROUND_TRIPS)]
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        postgresql = cursor.fetchone()[0].split()[0]
    return render(
        request,
        "probe/status.html",
        {
            "round_trip_ms": statistics.median(trips),
            "postgresql": postgresql,
            "django": django.get_version(),
            "python": platform.python_version(),
            "pid": os.getpid(),
            "serving_since": SERVING_SINCE,
        },
    )


@never_cache
@require_safe
def slow(request: HttpRequest) -> JsonResponse:
    """Answer after `seconds`, 0 to LONGEST_SECONDS: a request in flight, for experiments with draining."""
    try:
        seconds = float(request.GET.get("seconds", "1"))
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= LONGEST_SECONDS:
        return JsonResponse({"error": f"seconds: must be a number from 0 to {LONGEST_SECONDS}"}, status=400)
    time.sleep(seconds)
    return JsonResponse({"seconds": seconds, **identity()})


@csrf_exempt
@require_POST
def ping(request: HttpRequest) -> JsonResponse:
    """Write one row; the body may be JSON with a `token` to find it by. 201 means that it is committed."""
    try:
        token = json.loads(request.body or b"{}").get("token", "")
    except (ValueError, AttributeError):
        token = None
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN or "\0" in token:
        return JsonResponse({"error": f"token: must be a string of at most {LONGEST_TOKEN}"}, status=400)
    row = Ping.objects.create(token=token, **identity())
    if row.pk % 100 == 0:
        Ping.objects.filter(pk__lte=row.pk - KEPT_PINGS).delete()
    return JsonResponse({"id": row.pk, "token": token, **identity()}, status=201)
