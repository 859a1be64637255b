"""Upload of one picture: nothing that a visitor sent is stored as it came."""

import secrets
from io import BytesIO

from django import forms
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from PIL import Image, ImageOps

from gallery.models import Picture

UPLOAD_MB = 5
LARGEST_MEGAPIXELS = 13
LONGEST_SIDE_PIXELS = 1600
FORMATS = ("JPEG", "PNG", "WEBP")
CONTENT_TYPES = "image/jpeg,image/png,image/webp"


class PictureForm(forms.ModelForm):
    image = forms.FileField(
        label="Picture",
        help_text=f"JPEG, PNG or WebP, up to {UPLOAD_MB} MB.",
        widget=forms.FileInput(attrs={"accept": CONTENT_TYPES}),
    )

    class Meta:
        model = Picture
        fields = ["title", "image"]
        widgets = {"title": forms.TextInput(attrs={"placeholder": "First beans of the year"})}

    def clean_image(self) -> ContentFile:
        return repainted(self.cleaned_data["image"])


def repainted(upload: UploadedFile) -> ContentFile:
    """The picture as a new WebP under a random name: upright, at most LONGEST_SIDE_PIXELS, without metadata.

    Raises ValidationError when it is too large to decode within a small container, or is no picture at all.
    """
    if upload.size > UPLOAD_MB * 1024 * 1024:
        raise forms.ValidationError(f"This file is larger than {UPLOAD_MB} MB.")
    try:
        with Image.open(upload, formats=FORMATS) as probe:
            probe.verify()
        upload.seek(0)
        with Image.open(upload, formats=FORMATS) as image:  # verify() spends the object
            if image.width * image.height > LARGEST_MEGAPIXELS * 1_000_000:
                raise forms.ValidationError(f"This picture has more than {LARGEST_MEGAPIXELS} megapixels.")
            # First of all, so that a JPEG is decoded no larger than needed and nothing large is copied.
            image.thumbnail((LONGEST_SIDE_PIXELS, LONGEST_SIDE_PIXELS), reducing_gap=1.0)
            upright = ImageOps.exif_transpose(image).convert("RGBA" if image.has_transparency_data else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise forms.ValidationError("This is not a JPEG, PNG or WebP picture.") from error
    content = BytesIO()
    upright.save(content, "WEBP", quality=82)
    return ContentFile(content.getvalue(), name=f"{secrets.token_hex(12)}.webp")
