"""The embedded Redis: doorbells, wake-ups and live events. What it holds may be lost at any moment."""

import shutil
import signal
import subprocess
from pathlib import Path

from app.kit.settings import Settings
from appliance.hydrate.home import is_hydrating
from appliance.process import Program, ask, minimal_environment
from appliance.refusal import Refusal
from appliance.storage import make_folder
from appliance.users import as_account, service_account


class Server:
    """One Redis on a Unix socket, its append-only file on the volume."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._program = Program("Redis", signal.SIGTERM)
        self._account = service_account(settings)
        # What it holds may be lost at any moment: a slow volume need not hear of it.
        self.data = (settings.storage_local if is_hydrating(settings) else settings.workspace) / "redis"
        self.socket = settings.redis.socket
        self._config = settings.run_dir / "redis.conf"

    def prepare(self) -> None:
        """Folder and configuration. A damaged append-only file is set aside: Postgres has the truth."""
        self.data.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        make_folder(self.data, self._account, 0o700)
        self.socket.unlink(missing_ok=True)
        self._config.unlink(missing_ok=True)
        self._config.write_text(self._configuration(), encoding="utf-8")
        self._config.chmod(0o644)
        if not self._is_readable():
            broken = self.data / "broken"
            shutil.rmtree(broken, ignore_errors=True)
            (self.data / "appendonlydir").rename(broken)

    def command(self) -> list[str]:
        """The command line of the server, as the service user."""
        return as_account(
            self._account, [redis_binary("redis-server"), str(self._config)], death_signal=signal.SIGTERM
        )

    def environment(self) -> dict[str, str]:
        """The environment of the server; none of Studio's secrets."""
        return minimal_environment(self._account.home)

    def start(self, timeout_s: float = 30.0) -> None:
        """Start it outside supervisord and wait until it answers."""
        self._program.start(self.command(), self.environment())
        self._program.wait_until(self.ready, timeout_s)

    def stop(self, timeout_s: float = 10.0) -> int | None:
        """End it; the append-only file is synced first."""
        return self._program.stop(timeout_s)

    def ready(self) -> bool:
        """Whether it answers, with its data loaded."""
        return ask(self.socket, b"PING\r\n").startswith(b"+PONG")

    def _configuration(self) -> str:
        def quoted(path: Path) -> str:
            return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'

        lines = {
            "port": "0",  # no TCP at all
            "unixsocket": quoted(self.socket),
            # A worker of a user of its own comes in through the group; nobody else reaches the folder.
            "unixsocketperm": "770",
            "dir": quoted(self.data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxclients": "1000",  # its default asks for more open files than many containers may have
            "maxmemory-policy": "noeviction",  # an evicted bell is a late step; a full Redis says so
            "daemonize": "no",
            "logfile": '""',
            "loglevel": "warning",
            "always-show-logo": "no",
            "set-proc-title": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def _is_readable(self) -> bool:
        """Whether this Redis can load what another left: a power cut or a newer version may forbid it."""
        manifest = self.data / "appendonlydir" / "appendonly.aof.manifest"
        if not manifest.exists():
            return True
        command = as_account(self._account, [redis_binary("redis-check-aof"), "--fix", str(manifest)])
        # “y” lets it cut off a torn last write, which is what Redis itself would do.
        done = subprocess.run(
            command, input=b"y\n", capture_output=True, env=self.environment(), cwd="/", check=False
        )
        return done.returncode == 0


def redis_binary(name: str) -> str:
    """Where a program of Redis is. Raises Refusal when it is not installed."""
    found = shutil.which(name) or shutil.which(name, path="/usr/bin:/usr/local/bin:/bin")
    if found is None:
        raise Refusal(
            f"Redis is not installed on this machine ({name} is missing). Install Debian's package "
            "“redis-server”, or set REDIS_URL to a Redis elsewhere."
        )
    return found
