"""psql on the box's database, wherever it is, without anybody typing a password."""

import os
import shutil
from collections.abc import Sequence
from typing import Final, NoReturn
from urllib.parse import unquote, urlsplit

from app.kit.settings import Settings
from appliance.postgres import Cluster
from appliance.refusal import Refusal

PASSWORD: Final = "PGPASSWORD"  # noqa: S105  the variable's name


def become_psql(settings: Settings, arguments: Sequence[str], *, as_app: bool) -> NoReturn:
    """Go on as psql, as the owner of the tables or as the application. Raises Refusal."""
    url = settings.database.app_url if as_app else settings.database.owner_url
    parts = urlsplit(url)
    # The password travels in the environment: arguments are for every user of the machine to read.
    bare = url.replace(f":{parts.password}@", "@", 1) if parts.password else url
    environment = dict(os.environ)
    if parts.password:
        environment[PASSWORD] = unquote(parts.password)
    os.execve(_binary(settings), ["psql", bare, *arguments], environment)  # noqa: S606  no shell is wanted


def _binary(settings: Settings) -> str:
    found = shutil.which("psql")
    if found is None and settings.database.embedded:
        found = str(Cluster(settings).binary("psql"))
    if found is None:
        raise Refusal("psql is not installed here; install postgresql-client.")
    return found
