"""Compares a running stack with its recorded state: what differs, why it may, and what mends it.

Data goes one way: the state (`recorded`), Docker (`observed`) and what only a look inside containers shows (`inside`)
are read at thin edges, of which `in_site/` runs in the site's own image; pure comparisons (`container`,
`surroundings`, `files`, `database`, `schema`, `program`) make findings of them; `mend` plans what to do about those.
Nothing is changed but by `repair`.

    DriftError      something that the user has to put right before anything can be compared
"""
