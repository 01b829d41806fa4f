"""The first act on a box."""

from typing import Final

from app.resources.audit.record import Act

CLAIMED: Final = Act("box.claimed", "claimed this box")
