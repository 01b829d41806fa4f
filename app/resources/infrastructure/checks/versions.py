"""Every worker is of this version: another one may speak a protocol of another day."""

from app.flow.wording import listing
from app.resources.infrastructure import facts
from app.resources.infrastructure.looking import Box, Check, Finding, degraded, healthy


async def look(box: Box) -> Finding:
    """Compare workers with the box."""
    found = await box.see(facts.versions)
    others = sorted(
        f"{name} ({version})" for name, version in found.workers.items() if version != found.studio
    )
    if others:
        return degraded(
            f"This box is Studio {found.studio}, and of another version: {listing(others)}.",
            "Start them from the image of this version.",
        )
    return healthy(f"Studio {found.studio}, Postgres {found.postgres}.", studio=found.studio)


CHECK = Check(name="versions", look=look)
