"""Why something that a review is made from cannot be used."""


class ReviewInputError(Exception):
    """An input is not what it must be: `where: what is wrong (got X). What to do.`"""
