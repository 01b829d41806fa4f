"""Whether somebody who opened a live view long ago is still welcome: a logout or a removal ends it, too."""

from typing import Final

from app.resources.accounts.principal import Principal
from app.store.database import Database, Scope

ASK_S: Final = 15.0  # how long a view may outlive the sign-in; also how often a quiet line says it is alive

_IS_WELCOME: Final = """
SELECT true FROM sessions s
  JOIN users u ON u.id = s.user_id AND u.is_active
  JOIN memberships m ON m.user_id = u.id AND m.organization_id = %(organization)s
 WHERE s.id = %(session)s AND s.revoked_at IS NULL AND s.expires_at > now()
"""


async def is_still_welcome(database: Database, principal: Principal) -> bool:
    """Whether the sign-in and the membership of a view's opening still stand."""
    async with database.transaction(Scope.system()) as tx:
        found = await tx.fetch_value(
            _IS_WELCOME, {"organization": principal.organization_id, "session": principal.session_id}
        )
    return found is not None
