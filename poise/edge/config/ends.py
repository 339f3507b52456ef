"""Models that their own vendor stops to serve: told while there is time to move."""

from __future__ import annotations

import datetime as dt
from typing import Final

from poise.edge import catalog
from poise.edge.config.load import Loaded
from poise.edge.config.problem import Findings
from poise.edge.config.resolve import Resolved
from poise.edge.config.targets import place_of_model

SOON_DAYS: Final = 90
_HINT: Final = "name its successor; poise models lists what is known"


def warn_of_ends(loaded: Loaded, resolved: Resolved, today: dt.date, findings: Findings) -> None:
    """Warn of each model that its vendor has stopped to serve, or will within SOON_DAYS, as far as the catalogue knows.

    Only where it is listed at its own vendor: others serve it as long as they like.
    """
    for target in resolved.targets.values():
        entry = catalog.find(target.model, target.vendor)
        if entry is None or not entry.ends or entry.vendor != target.vendor:
            continue
        left = (dt.date.fromisoformat(entry.ends) - today).days
        if left > SOON_DAYS:
            continue
        days = f"{left} day{'' if left == 1 else 's'}"
        text = f"ends on {entry.ends}: {entry.vendor} stops to serve it in {days}"
        if left < 0:
            text = f"has ended on {entry.ends}: {entry.vendor} serves it no more"
        path = f"providers.{target.provider}.models"
        findings.warning(place_of_model(loaded, target), path, target.model, text, _HINT)
