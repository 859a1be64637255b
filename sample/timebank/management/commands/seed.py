"""Fill an empty site with a neighbourhood."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from django.utils import timezone
from gallery.models import Picture

from timebank.models import Member, Notice, Transfer

LOCK = 0x48656467  # any number of our own: two deploys at once must not both find the site empty

MEMBERS = [
    ("Ada Fennimore", "Sums, letters and official forms", "acorn"),
    ("Bartholomew Reed", "Ladders, gutters, heights", "snail"),
    ("Cosima Vale", "Violin lessons for beginners", "tulip"),
    ("Dov Lindgren", "Bicycles, from bell to brake", "sun"),
    ("Esi Mensah", "Bread, jam and Sunday soup", "pear"),
    ("Farid Nouri", "A van, and two strong arms", "radish"),
    ("Greta Holm", "Bees and everything about them", "bee"),
    ("Hana Okafor", "Mending: socks, coats, zips", "fern"),
    ("Ivo Castellan", "Walks the dog, any weather", "mushroom"),
]

NOTICES = [
    ("Esi Mensah", "Someone tall for the top of the plum tree", 60),
    ("Cosima Vale", "Carry a piano stool up three floors", 30),
    ("Greta Holm", "Paint two hives before the swarm moves in", 120),
    ("Ivo Castellan", "Feed one opinionated cat on Saturday", 15),
    ("Ada Fennimore", "A new chain for an old bicycle", 45),
    ("Farid Nouri", "Teach me three words for the in-laws", 90),
]

TRANSFERS = [
    ("Ada Fennimore", "Dov Lindgren", 90, "Wheel trued, brakes that brake"),
    ("Bartholomew Reed", "Esi Mensah", 60, "Soup for a cold week"),
    ("Cosima Vale", "Farid Nouri", 180, "Moved the harpsichord, gently"),
    ("Dov Lindgren", "Hana Okafor", 45, "Both elbows of a good coat"),
    ("Ivo Castellan", "Esi Mensah", 120, "A birthday cake with eleven candles"),
    ("Farid Nouri", "Ada Fennimore", 90, "A letter the landlord answered"),
    ("Greta Holm", "Bartholomew Reed", 240, "A new roof for the bee house"),
    ("Hana Okafor", "Ivo Castellan", 30, "Four walks round the pond"),
    ("Esi Mensah", "Greta Holm", 60, "Six jars of lime honey"),
    ("Dov Lindgren", "Cosima Vale", 60, "First scales, no tears"),
    ("Cosima Vale", "Hana Okafor", 15, "A concert hem, ten minutes before"),
    ("Bartholomew Reed", "Dov Lindgren", 30, "A bell that can be heard"),
    ("Cosima Vale", "Esi Mensah", 120, "Supper for a string quartet"),
    ("Dov Lindgren", "Ada Fennimore", 180, "Five years of receipts"),
    ("Ivo Castellan", "Hana Okafor", 90, "One dog bed, one kennel curtain"),
    ("Greta Holm", "Farid Nouri", 60, "Hives to the heather and back"),
]

PICTURES = [
    ("beans.webp", "First beans of the year"),
    ("hives.webp", "Greta's hives in the long grass"),
    ("jam.webp", "Eleven jars, one spoon missing"),
    ("radishes.webp", "Radishes, as seen by the mole"),
    ("greenhouse.webp", "Somebody left the light on"),
    ("orchard.webp", "The ladder is Bartholomew's"),
]
PICTURES_DIR = Path(settings.BASE_DIR) / "gallery" / "seed"


class Command(BaseCommand):
    help = "Fill an empty site with members, notices, transfers and pictures; what is there is left alone."

    @transaction.atomic
    def handle(self, *_args: object, **_options: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        if not Member.objects.exists():
            open_the_books()
            self.stdout.write(f"Seeded {len(MEMBERS)} members, their notices and transfers.")
        if not Picture.objects.exists():
            hang_pictures()
            self.stdout.write(f"Seeded {len(PICTURES)} pictures.")


def open_the_books() -> None:
    """Write the past directly, with its dates; balances are what the transfers add up to."""
    now = timezone.now()
    members = {name: Member(name=name, offers=offers, emblem=emblem) for name, offers, emblem in MEMBERS}
    for giver, receiver, minutes, _reason in TRANSFERS:
        members[giver].balance_minutes -= minutes
        members[receiver].balance_minutes += minutes
    Member.objects.bulk_create(members.values())
    Transfer.objects.bulk_create(
        Transfer(
            giver=members[giver],
            receiver=members[receiver],
            minutes=minutes,
            reason=reason,
            at=now - timedelta(hours=7 * age + 2),
        )
        for age, (giver, receiver, minutes, reason) in enumerate(TRANSFERS)
    )
    Notice.objects.bulk_create(
        Notice(member=members[name], text=text, minutes=minutes, posted=now - timedelta(hours=5 * age + 1))
        for age, (name, text, minutes) in enumerate(NOTICES)
    )


def hang_pictures() -> None:
    now = timezone.now()
    for age, (name, title) in enumerate(PICTURES):
        image = ContentFile((PICTURES_DIR / name).read_bytes(), name=name)
        Picture.objects.create(title=title, image=image, uploaded=now - timedelta(days=age))
