"""Addresses for machines."""

# ruff: noqa: PT009 - Django's own test runner, not pytest

import json
import time
from io import StringIO
from unittest.mock import patch

from django.core.management import call_command
from django.db import OperationalError
from django.db.migrations.executor import MigrationExecutor
from django.test import Client, TestCase, override_settings
from probe import health
from probe.models import KEPT_PINGS, Ping
from timebank.models import Member, Notice


@override_settings(RELEASE="r7", REPLICA="web-r7-1")
class HealthTests(TestCase):
    def setUp(self) -> None:
        health.forget()
        self.addCleanup(health.forget)

    def ask(self) -> tuple[int, dict[str, object]]:
        response = self.client.get("/health/")
        self.assertIn("no-store", response["Cache-Control"])
        return response.status_code, response.json()

    def test_healthy_replica_names_itself(self) -> None:
        """200, with release, replica and how long the database took."""
        status, answer = self.ask()
        self.assertEqual(status, 200)
        self.assertLess(answer.pop("database_ms"), 1000)
        self.assertEqual(answer, {"status": "ok", "release": "r7", "replica": "web-r7-1"})

    def test_pending_migration_is_unhealthy_until_it_is_applied(self) -> None:
        """A no is asked again each time, a yes is remembered."""
        with patch.object(MigrationExecutor, "migration_plan", return_value=["one"]):
            status, answer = self.ask()
        self.assertEqual((status, answer["reason"]), (503, "MigrationsPendingError"))
        self.assertEqual(self.ask()[0], 200)
        with patch.object(MigrationExecutor, "migration_plan", side_effect=AssertionError):
            self.assertEqual(self.ask()[0], 200)

    def test_reason_tells_the_class_and_no_more(self) -> None:
        """A driver's message may hold addresses and names of roles."""
        refused = OperationalError('password authentication failed for user "hedgerow"')
        with patch.object(health, "round_trip_ms", side_effect=refused):
            status, answer = self.ask()
        expected = {"status": "unavailable", "reason": "OperationalError", "release": "r7", "replica": "web-r7-1"}
        self.assertEqual((status, answer), (503, expected))

    def test_hanging_database_costs_a_bounded_time(self) -> None:
        """Each question ends at its limit; the ones behind the stuck one are not asked later."""
        asked = []

        def hang() -> float:
            asked.append(1)
            time.sleep(0.5)
            return 0.0

        with patch.object(health, "round_trip_ms", hang), patch.object(health, "TIMEOUT_SECONDS", 0.1):
            answers = [self.ask() for _ in range(3)]
            self.assertEqual([answer["reason"] for _status, answer in answers], ["TimeoutError"] * 3)
            health.forget()
        self.assertEqual(len(asked), 1)

    @override_settings(SECURE_SSL_REDIRECT=True)
    def test_only_health_is_exempt_from_the_redirect_to_https(self) -> None:
        """The stack asks without TLS; people are sent to https."""
        self.assertEqual(self.ask()[0], 200)
        self.assertEqual(self.client.get("/status/").status_code, 301)


@override_settings(RELEASE="r7", REPLICA="web-r7-1")
class LoadTests(TestCase):
    def post(self, body: object):  # noqa: ANN201 - a test response has no public type
        content = body if isinstance(body, bytes) else json.dumps(body)
        return Client(enforce_csrf_checks=True).post("/ping/", content, content_type="application/json")

    def test_ping_writes_one_row_without_a_csrf_token(self) -> None:
        """201 names the row; an empty body will do."""
        answer = self.post({"token": "load-1"}).json()
        self.assertEqual(Ping.objects.get(pk=answer["id"]).token, "load-1")
        self.assertEqual((answer["release"], self.post(b"").status_code), ("r7", 201))

    def test_odd_bodies_are_refused(self) -> None:
        """Nothing but a short string becomes a row."""
        for body in (b"{", b"\xff", [], 7, {"token": 7}, {"token": "x" * 65}, {"token": "a\0b"}):
            with self.subTest(body):
                self.assertEqual(self.post(body).status_code, 400)
        self.assertEqual(self.client.get("/ping/").status_code, 405)
        self.assertFalse(Ping.objects.exists())

    def test_table_of_pings_stays_small(self) -> None:
        """Every hundredth row clears away all but the newest thousand."""
        Ping.objects.bulk_create(Ping(release="r6", replica="-") for _ in range(1250))
        while self.post({}).json()["id"] % 100:
            pass
        self.assertEqual(Ping.objects.count(), KEPT_PINGS)

    def test_slow_takes_its_time_within_bounds(self) -> None:
        """0 to 10 seconds, and nothing that is not a number."""
        started = time.perf_counter()
        self.assertEqual(self.client.get("/slow/?seconds=0.2").json()["seconds"], 0.2)
        self.assertGreaterEqual(time.perf_counter() - started, 0.2)
        for seconds in ("-1", "10.1", "nan", "inf", "soon"):
            with self.subTest(seconds):
                self.assertEqual(self.client.get("/slow/", {"seconds": seconds}).status_code, 400)

    def test_status_page_names_who_made_it(self) -> None:
        """Release, replica and a measured round trip."""
        response = self.client.get("/status/")
        for text in ("r7", "web-r7-1", "Database round trip", "Roll call"):
            self.assertContains(response, text)
        self.assertGreater(response.context["round_trip_ms"], 0)


class ExplainTests(TestCase):
    def test_postgresql_uses_both_indexes_and_keeps_nothing(self) -> None:
        """The partial index serves the board, the expression index the search; the added rows are gone."""
        ada = Member.objects.create(name="Ada", offers="Sums")
        Notice.objects.create(member=ada, text="A new chain", minutes=45)
        out = StringIO()
        call_command("explain", stdout=out)
        self.assertIn("Index Scan using notice_open_newest", out.getvalue())
        self.assertIn("Index Scan using member_name_prefix", out.getvalue())
        self.assertEqual((Member.objects.count(), Notice.objects.count()), (1, 1))
