"""Why nothing could be compared."""


class DriftError(Exception):
    """`where: what is wrong (got X). What to do.`"""
