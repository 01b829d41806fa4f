"""Letting the box, or a lane of it, run dry."""

from typing import Final

from app.resources.audit.record import Act

ANNOUNCED: Final = Act("maintenance.announced", "announced maintenance, {when}")
ENDED: Final = Act("maintenance.ended", "ended maintenance")
DRAINED: Final = Act("lane.drained", "drained the {lane} lane")
RESUMED: Final = Act("lane.resumed", "let the {lane} lane hand out steps again")
SCALED: Final = Act("lane.scaled", "set how many steps run at once to {lanes}")
