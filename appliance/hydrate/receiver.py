"""The program that writes Postgres's log to the volume, and makes commits wait for it."""

import signal

from app.kit.settings import Settings
from appliance.hydrate.home import Home
from appliance.postgres import STANDBY, SUPERUSER, Cluster
from appliance.process import minimal_environment
from appliance.users import as_account, myself


def command(settings: Settings) -> list[str]:
    """As whoever boots: on such a volume everything belongs to root anyway."""
    cluster = Cluster(settings)
    return as_account(
        myself(),
        [
            str(cluster.binary("pg_receivewal")),
            *("--no-password", f"--host={cluster.socket_dir}", f"--username={SUPERUSER}"),
            *(f"--directory={Home(settings, cluster.major).wal}", f"--slot={STANDBY}"),
            # `--synchronous` flushes and answers at once. It ends with the connection, and supervisord starts
            # it again: waiting by itself, it would let five seconds pass before every new try.
            *("--synchronous", "--no-loop"),
        ],
        death_signal=signal.SIGTERM,
    )


def environment(_: Settings) -> dict[str, str]:
    """The name by which Postgres knows its standby."""
    return minimal_environment(myself().home) | {"PGAPPNAME": STANDBY}
