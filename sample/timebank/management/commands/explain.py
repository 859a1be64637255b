"""Show that PostgreSQL uses the site's partial and expression indexes."""

from django.core.management.base import BaseCommand
from django.db import connection, transaction
from django.utils import timezone

from timebank.models import Member, Notice
from timebank.views import members_named, open_notices

ROWS = 5000


class Command(BaseCommand):
    help = (
        "EXPLAIN the board's and the member search's queries. A handful of rows fits one page, which no index"
        f" can beat, so it adds {ROWS} rows of each kind first, and rolls them back."
    )

    def handle(self, *_args: object, **_options: object) -> None:
        with transaction.atomic():
            grow()
            for title, query in (
                ("The board: newest open notices", open_notices().select_related(None)[:6]),
                ("Member search: names that start with 'quill 421'", members_named("quill 421")),
            ):
                self.stdout.write(f"{title}\n{query.explain(analyze=True)}\n\n")
            transaction.set_rollback(True)


def grow() -> None:
    """Add members and settled notices, as years would, and let the planner know."""
    members = Member.objects.bulk_create(Member(name=f"Quill {number}", offers="Patience") for number in range(ROWS))
    now = timezone.now()
    Notice.objects.bulk_create(Notice(member=member, text="Long ago", minutes=60, settled=now) for member in members)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE timebank_member, timebank_notice")
