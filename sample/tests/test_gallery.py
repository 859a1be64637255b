"""Uploads: what is stored is always our own WebP."""

# ruff: noqa: PT009 - Django's own test runner, not pytest

from io import BytesIO
from unittest.mock import patch

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase, override_settings
from gallery import views
from gallery.models import Picture
from PIL import Image

ORIENTATION = 0x0112
MAKER = 0x010F


def photograph(image_format: str = "JPEG", size: tuple[int, int] = (64, 32)) -> bytes:
    """A picture that lies on its side and names its camera."""
    content = BytesIO()
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[MAKER] = "Secret Camera"
    Image.new("RGB", size, "teal").save(content, image_format, exif=exif)
    return content.getvalue()


@override_settings(
    STORAGES={
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
)
class UploadTests(TestCase):
    def upload(self, content: bytes, name: str = "../../holiday.php.jpg", title: str = "Beans"):  # noqa: ANN201
        image = SimpleUploadedFile(name, content, "image/jpeg")
        return self.client.post("/gallery/", {"title": title, "image": image}, follow=True)

    def test_picture_is_repainted_under_a_random_name(self) -> None:
        """Upright, without metadata, and nothing of the sent name is left."""
        for image_format in ("JPEG", "PNG", "WEBP"):
            with self.subTest(image_format):
                self.assertContains(self.upload(photograph(image_format)), "hangs on the wall")
                picture = Picture.objects.latest("uploaded")
                self.assertRegex(picture.image.name, r"^gallery/[0-9a-f]{24}\.webp$")
                with Image.open(picture.image) as stored:
                    self.assertEqual((stored.format, stored.size), ("WEBP", (32, 64)))
                    self.assertEqual(dict(stored.getexif()), {})
                self.assertEqual((picture.width, picture.height), (32, 64))

    def test_large_picture_is_scaled_down(self) -> None:
        """The wall does not serve what a phone took."""
        self.upload(photograph(size=(3200, 100)))
        self.assertEqual(max(Picture.objects.get().width, Picture.objects.get().height), 1600)

    def test_everything_else_is_refused_with_a_reason(self) -> None:
        """Text, drawings that could carry scripts, broken, huge and empty files."""
        whole = photograph()
        refused = {
            "This is not a JPEG, PNG or WebP picture.": [b"hello", b"<svg/>", whole[:200], whole[:-90], b"GIF89a"],
            "has more than 13 megapixels": [photograph("PNG", (3611, 3601))],
            "larger than 5 MB": [b"\0" * (5 * 1024 * 1024 + 1)],
            "The submitted file is empty.": [b""],
        }
        for reason, contents in refused.items():
            for content in contents:
                with self.subTest(reason, start=content[:8]):
                    self.assertContains(self.upload(content), reason, status_code=422)
        self.assertFalse(Picture.objects.exists())

    def test_wall_has_an_end(self) -> None:
        """The oldest picture comes down, and its file with it."""
        names = []
        with patch.object(views, "KEPT_PICTURES", 2):
            for title in ("first", "second", "third"):
                self.upload(photograph(), title=title)
                names.append(Picture.objects.get(title=title).image.name)
        self.assertEqual([picture.title for picture in Picture.objects.all()], ["third", "second"])
        self.assertEqual([default_storage.exists(name) for name in names], [False, True, True])
