"""What travels in and out of the claim."""

from typing import Annotated

import msgspec
from msgspec import Meta

from app.resources.accounts.email import Email


class SetupState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether somebody runs this box already."""

    claimed: bool


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who claims the box, with the token that the box printed at its start."""

    token: Annotated[str, Meta(max_length=200)]
    email: Email
    password: Annotated[str, Meta(max_length=1024, description="8 letters or more")]
    name: Annotated[str, Meta(max_length=200)] = ""
    organization: Annotated[str, Meta(max_length=200)] = ""

    def __repr__(self) -> str:
        return "Claim(****)"
