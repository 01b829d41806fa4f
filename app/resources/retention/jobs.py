"""The daemon's part: lets go what every organization has said it need not keep."""

from app.resources.periodic import Job, Parts
from app.resources.retention import service


async def clear(parts: Parts) -> int:
    """In small batches, one after the other, so that nobody who works waits for it."""
    gone = await service.clear_all(parts.database, parts.engine)
    return gone.instances + gone.events + gone.log_lines + gone.files


JOBS = (Job(name="what has ended cleared away", every_s=900.0, run=clear),)
