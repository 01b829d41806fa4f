"""What people put in the place of what ran."""

from typing import Final

from app.resources.audit.record import Act

EDITED: Final = Act("run.edited", "gave values by hand to {steps} of run {number}")
