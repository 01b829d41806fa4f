"""`studio reset-password EMAIL`: for whoever has forgotten theirs and owns the machine."""

import secrets
import sys
from uuid import UUID

import click

from app.admin.tools import Tools, whoever, with_tools
from app.kit.errors import Invalid, NotFound
from app.resources.accounts import model as accounts
from app.resources.audit.record import record_of_account
from app.resources.auth import acts, model
from app.resources.auth.passwords import hash_password, refuse_unfit
from app.store.database import Scope

NO_SESSION = UUID(int=0)  # every sign-in ends


class NobodyTypes(Invalid):
    """Nobody can type a password here; use --generate or --stdin."""


class NoSuchAccount(NotFound):
    """Nobody on this box has this email address."""


def main(arguments: list[str]) -> int:
    """The exit code: 0 done, 1 not done, 2 the options cannot be used."""
    try:
        reset.main(arguments, "studio reset-password")
    except SystemExit as end:
        return int(end.code or 0)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("email")
@click.option("--generate", is_flag=True, help="Make a password and print it, instead of asking for one.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read it from standard input, for scripts.")
def reset(email: str, generate: bool, from_stdin: bool) -> None:
    """Give an account a new password. Every sign-in of it ends."""

    async def act(tools: Tools) -> None:
        async with tools.database.transaction(Scope.nobody()) as tx:
            user = await accounts.find_user(tx, email)
        if user is None:
            raise NoSuchAccount(f"Nobody on this box has the email address {email}.")
        password = _new_password(generate, from_stdin)
        await refuse_unfit(password, user.email, user.name)
        new_hash = await hash_password(password)
        async with tools.database.transaction(Scope.system()) as tx:
            await model.set_password(tx, user.id, new_hash, keep=NO_SESSION)
            await record_of_account(tx, acts.PASSWORD_RESET, whoever(), user.id, subject=user.email)
        if generate:
            click.echo(password)
        click.echo(f"{user.email} has a new password, and every sign-in of it has ended.", err=generate)

    raise SystemExit(with_tools("studio-reset-password", act))


def _new_password(generate: bool, from_stdin: bool) -> str:
    if generate:
        return secrets.token_urlsafe(15)
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        raise NobodyTypes
    return str(click.prompt("New password", hide_input=True, confirmation_prompt=True))
