"""Minutes in the words of the site."""

from django import template

register = template.Library()


@register.filter
def duration(minutes: int) -> str:
    """90 becomes "1 h 30 min"; the sign of a debt is a true minus."""
    hours, rest = divmod(abs(minutes), 60)
    parts = [f"{hours:,} h"] * (hours > 0) + [f"{rest} min"] * (rest > 0 or hours == 0)
    return ("\N{MINUS SIGN}" if minutes < 0 else "") + " ".join(parts)
