"""Texts of others in a chat message, as Slack reads it and others do: in code, where nothing is a link or a call."""

from quoting.markdown import visible


def chat_code(value: str, most: int = 120) -> str:
    """A name within a line, in letters of one width, no longer than `most` characters."""
    shown = visible(value).replace("`", "'")
    shown = shown if len(shown) <= most else f"{shown[:most]}…"
    # A space of no width: who does not know code would call the people who are named after the sign.
    escaped = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")
    return f"`{escaped}`" if escaped.strip() else ""
