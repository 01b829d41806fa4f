"""Signing in and what it opens."""

from typing import Final

from app.resources.audit.record import Act

SIGNED_IN: Final = Act("account.signed_in", "signed in")
SIGNED_OUT: Final = Act("account.signed_out", "signed out")
SIGN_IN_REFUSED: Final = Act("account.sign_in_refused", "tried to sign in with a wrong password")
SIGN_IN_ENDED: Final = Act("account.sign_in_ended", "ended a sign-in of their own somewhere else")
PASSWORD_CHANGED: Final = Act("account.password_changed", "changed their password")
PASSWORD_RESET: Final = Act("account.password_reset", "gave {subject} a new password")
TOKEN_REUSED: Final = Act("account.token_reused", "showed a refresh token twice, so that sign-in was ended")
