"""The one way in which a command fails."""


class OperationError(Exception):
    """Something that the user has to put right: `where: what is wrong (got X). What to do.`"""
