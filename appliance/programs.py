"""The programs of a box: what each is called, who it is for, what it waits for and what it must not see."""

import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from app.kit.settings import KEY_NAMES, WORKER_KEYS, Settings
from appliance import dialects
from appliance.backup.remote import CREDENTIALS
from appliance.dialects import Dialect
from appliance.hydrate import receiver
from appliance.hydrate.home import is_hydrating
from appliance.postgres import Cluster
from appliance.redis import Server
from appliance.users import Account, as_account, myself, postgres_account, service_account, worker_account

# What opens somebody else's door beside the keys. Workers run other people's workflows: none of it.
VAULT = (
    *("DATABASE_URL", "STUDIO_METRICS_TOKEN", "GOOGLE_CLIENT_SECRET", "GITHUB_CLIENT_SECRET"),
    *("STUDIO_BACKUP_REPOSITORY", "STUDIO_BACKUP_PASSWORD"),
)
# Used by the boot alone, for claiming the box, opening the tunnel and backups, or by a person's own commands.
BOOT_ONLY = (
    *("ADMIN_EMAIL", "ADMIN_PASSWORD", "CLOUDFLARE_TUNNEL_TOKEN", "STUDIO_TOKEN", "STUDIO_PASSWORD"),
    *CREDENTIALS,
)

FolderOf = Callable[[Settings], Path]
AccountOf = Callable[[Settings], Account]
CommandOf = Callable[[Settings], list[str]]
EnvironmentOf = Callable[[Settings], dict[str, str]]


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of supervisord.conf."""

    name: str
    command: CommandOf
    account: AccountOf = service_account
    group: str = "app"  # the group in supervisord.conf; "" for a program that is its own
    role: str | None = None  # the role of STUDIO_ROLES that wants it; None: see `is_wanted`
    waits_for: tuple[str, ...] = ()  # embedded programs that must answer before it starts
    home: FolderOf | None = None  # without which, and the right to write there, it is not even tried
    keys: tuple[str, ...] = ()  # those of the box's secrets that it is handed
    hidden: tuple[str, ...] = BOOT_ONLY  # names it does not see, nor their …_FILE; * ends them
    environment: EnvironmentOf | None = None  # replaces what it would inherit
    dialect: Dialect | None = None  # how it speaks; None: in the house's voice
    keeps_stdout: bool = False  # its standard output is a protocol, only standard error is for people

    @property
    def service(self) -> str:
        """Its name in the log."""
        return f"studio-{self.name}"

    @property
    def full_name(self) -> str:
        """Its name for supervisord."""
        return f"{self.group or self.name}:{self.name}"


def _python(*arguments: str, account: AccountOf = service_account) -> CommandOf:
    def command(settings: Settings) -> list[str]:
        return as_account(account(settings), [sys.executable, "-m", *arguments], death_signal=signal.SIGTERM)

    return command


def _watchdog(settings: Settings) -> list[str]:
    # As boot's own user: it has to signal supervisord, which under root is root's. -S and -E leave the
    # site-packages out: it needs none, and so it costs 10 MB instead of 20.
    command = [sys.executable, "-S", "-E", "-m", "appliance.watchdog", str(settings.run_dir)]
    return as_account(myself(), command, death_signal=signal.SIGTERM)


def _backups(_settings: Settings) -> list[str]:
    # As boot's own user: it enters the database as its superuser, and reads every file.
    command = [sys.executable, "-m", "appliance.backup.nightly"]
    return as_account(myself(), command, death_signal=signal.SIGTERM)


def _tunnel(settings: Settings) -> list[str]:
    command = [shutil.which("cloudflared") or "cloudflared", "tunnel", "--no-autoupdate", "run"]
    return as_account(service_account(settings), command, death_signal=signal.SIGTERM)


def _tunnel_environment(settings: Settings) -> dict[str, str]:
    # In the environment rather than in the arguments, which every user of the machine can read.
    return Server(settings).environment() | {"TUNNEL_TOKEN": settings.tunnel_token or ""}


PROGRAMS: tuple[Program, ...] = (
    Program(
        name="watchdog",
        command=_watchdog,
        account=lambda _: myself(),
        group="",
        hidden=(*VAULT, *BOOT_ONLY),
        dialect=dialects.watchdog,
        keeps_stdout=True,
    ),
    Program(
        name="postgres",
        command=lambda settings: Cluster(settings).command(),
        account=postgres_account,
        group="",
        role="postgres",
        home=lambda settings: Cluster(settings).data,
        environment=lambda settings: Cluster(settings).environment(),
        dialect=dialects.postgres(),
    ),
    Program(
        name="receiver",
        command=receiver.command,
        account=lambda _: myself(),
        group="",
        role="postgres",
        waits_for=("postgres",),
        environment=receiver.environment,
        dialect=dialects.receiver,
    ),
    Program(
        name="redis",
        command=lambda settings: Server(settings).command(),
        group="",
        role="redis",
        home=lambda settings: Server(settings).data,
        environment=lambda settings: Server(settings).environment(),
        dialect=dialects.redis,
    ),
    Program(
        name="api",
        command=_python("app.server"),
        group="api",  # its own, so that it stops after the others
        role="api",
        waits_for=("postgres", "redis"),
        keys=KEY_NAMES,
    ),
    Program(
        name="daemon",
        command=_python("app.daemon"),
        role="daemon",
        waits_for=("postgres", "redis"),
        keys=KEY_NAMES,
    ),
    Program(
        name="worker-cpu",
        command=_python("workers", "cpu", account=worker_account),
        account=worker_account,
        role="worker-cpu",
        waits_for=("redis",),
        keys=WORKER_KEYS,
        hidden=(*VAULT, *BOOT_ONLY),
    ),
    Program(
        name="worker-gpu",
        command=_python("workers", "gpu", account=worker_account),
        account=worker_account,
        role="worker-gpu",
        waits_for=("redis",),
        keys=WORKER_KEYS,
        hidden=(*VAULT, *BOOT_ONLY),
    ),
    Program(
        name="backups",
        command=_backups,
        account=lambda _: myself(),
        waits_for=("postgres",),
        keys=KEY_NAMES,
        hidden=tuple(name for name in BOOT_ONLY if name not in CREDENTIALS),
    ),
    Program(name="tunnel", command=_tunnel, environment=_tunnel_environment, dialect=dialects.tunnel),
)
BY_NAME = {program.name: program for program in PROGRAMS}


def is_wanted(program: Program, settings: Settings) -> bool:
    """Whether this box runs it: by role, by what is embedded, and the tunnel by its token."""
    match program.name:
        case "watchdog":
            return True
        case "postgres":
            return "postgres" in settings.roles and settings.database.embedded
        case "receiver":
            return is_wanted(BY_NAME["postgres"], settings) and is_hydrating(settings)
        case "redis":
            return "redis" in settings.roles and settings.redis.embedded
        case "backups":
            # Beside the database, or where the one elected for the box's chores may be.
            return settings.roles >= {"postgres" if settings.database.embedded else "daemon"}
        case "tunnel":
            return has_tunnel(settings)
        case _:
            return program.role in settings.roles


def has_tunnel(settings: Settings) -> bool:
    """The tunnel belongs to the API's box, needs its token and a program that not every image carries."""
    return (
        "api" in settings.roles
        and settings.tunnel_token is not None
        and shutil.which("cloudflared") is not None
    )
