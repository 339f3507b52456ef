"""What an HTTP status means where nothing else is said of an error, for every vendor alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from poise.errors import Failure

USUAL: Final[dict[int, Failure]] = {
    401: Failure.AUTH,
    403: Failure.PERMISSION,
    404: Failure.NOT_FOUND,
    408: Failure.TIMEOUT,
    413: Failure.TOO_LARGE,
    429: Failure.RATE,
    503: Failure.OVERLOAD,
    504: Failure.TIMEOUT,
}


def of_status(status: int, known: Mapping[int, Failure]) -> Failure:
    """By known, a vendor's table; else by the hundred."""
    found = known.get(status)
    if found is not None:
        return found
    if 300 <= status < 400:
        return Failure.MALFORMED  # redirects are never followed: key and signature would go to another origin
    return Failure.BAD_REQUEST if 400 <= status < 500 else Failure.SERVER
