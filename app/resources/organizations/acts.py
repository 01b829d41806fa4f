"""What those who run the box do to an organization."""

from typing import Final

from app.resources.audit.record import Act

LIMITED: Final = Act("organization.limited", "set how many steps may run at once to {limit}")
