"""One typed settings model for every shape: native, `docker run`, RunPod, Compose, Kubernetes.

Everything comes from the environment and, for the four secrets, from `<workspace>/keys/`. All faults
are reported at once, each with its remedy; an unknown `STUDIO_*` name gets a suggestion.
"""

import difflib
import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

import msgspec

from app.kit import passwords
from app.kit.crypto import derive
from app.kit.environment import ESCAPES, NOT_READABLE, Fault, Reader, parts_of
from app.kit.places import is_origin, read_place

# Where an address means that does not say.
PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379, "postgresql": 5432}
EVERYWHERE = "0.0.0.0"  # noqa: S104  one port serves people and machines, as the map says
STANDARD_OUTPUT = 1  # every line goes there
ROLES = ("api", "daemon", "worker-cpu", "worker-gpu", "postgres", "redis")
KEY_NAMES = ("jwt_secret_key", "worker_shared_secret", "postgres_password", "encryption_key")
REPOSITORIES = ("s3", "sftp", "rclone", "rest", "b2", "azure", "gs", "swift")  # what restic can reach
WORKER_KEYS = ("worker_shared_secret",)

# Sign-in with others is on the map and not in this version; whoever sets these is told so.
NOT_YET = ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET")

# Values that tutorials print; production refuses them as secrets.
WEAK_SECRETS = frozenset(
    {"secret", "changeme", "change-me", "password", "studio", "postgres", "admin", "test", "dev"}
)


class SettingsFaults(Exception):
    """The settings cannot be used; every fault is listed with its remedy."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("\n".join(fault.sentence() for fault in faults))


class Database(msgspec.Struct, frozen=True):
    """Where Postgres is. `embedded`: Studio runs it itself on a socket in `socket_dir`."""

    embedded: bool
    owner_url: str  # migrations and seeding; owns the tables
    app_url: str  # API and daemon; owns nothing, cannot bypass row-level security
    socket_dir: Path

    def __repr__(self) -> str:
        return f"Database(embedded={self.embedded}, ****)"


class Redis(msgspec.Struct, frozen=True):
    """Where Redis is. `embedded`: Studio runs it itself on the Unix socket `socket`."""

    embedded: bool
    url: str
    socket: Path


class Keys(msgspec.Struct, frozen=True):
    """The box's own secrets; None until the boot has made them."""

    jwt_secret_key: str | None
    worker_shared_secret: str | None
    postgres_password: str | None
    encryption_key: str | None

    def __repr__(self) -> str:
        return "Keys(****)"

    def require(self, name: str) -> str:
        """The key, or a KeyError whose text says how to get it made."""
        value: str | None = getattr(self, name)
        if value is None:
            raise KeyError(
                f"{name.upper()} is not set and keys/{name} does not exist; run `studio boot` once"
            )
        return value


class LogSettings(msgspec.Struct, frozen=True):
    """How lines look. `prefix` replaces `service (host)` when set."""

    level: str = "INFO"
    format: Literal["pretty", "json"] = "pretty"
    prefix: str | None = None
    colors: bool = False  # codes that a terminal draws, and that a file would keep


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting of the box, checked."""

    env: Literal["development", "production"]
    debug: bool  # an unexpected error's answer names its kind
    debug_steps: (
        bool  # workflows may use the hidden step types, which wait, fail or kill their worker on wish
    )
    host: str
    port: int
    workspace: Path
    run_dir: Path  # sockets and run-time state; short, because a Unix socket path ends at 107 bytes
    database: Database
    redis: Redis
    keys: Keys
    admin_email: str | None
    admin_password: str | None
    create_tables: bool
    cors_origins: tuple[str, ...]
    public_urls: tuple[str, ...]  # the first is the primary
    tunnel_token: str | None
    runpod_pod: str | None  # the pod's id, which RunPod sets
    behind_cloudflare: bool  # every request from a neighbour came through Cloudflare, which names the visitor
    log: LogSettings
    roles: frozenset[str]
    api_url: str  # where a worker finds the API
    service_user: str | None  # the image's `studio`; None natively: the user who started Studio
    worker_user: str | None  # the image's `studio-worker`; None: workers run as everything else does
    postgres_user: str | None  # the user Postgres runs as when Studio is started by root
    upload_max_bytes: int
    outgoing_allow: tuple[str, ...]  # hosts or CIDRs steps may reach although they are private
    worker_name: str | None
    cpu_slots: int | None  # None: from the cgroup's CPU quota
    gpu_slots: int | None  # None: one a GPU, and one without any
    cache_max_age_s: int  # a result of a step that nobody has used for so long is forgotten
    cache_max_bytes: int  # of results together, as JSON; files count by their names alone
    collect_after_s: int  # bytes that nothing names stay so long, because a backup may still need them
    run_token: str | None  # for `studio run`: an access token
    run_password: str | None  # for `studio run --email`
    otlp_endpoint: str | None  # where traces are sent; None: nowhere, at no cost
    otlp_headers: dict[str, str]  # what that place wants to see, such as a key
    log_keep_bytes: int  # of every program's lines on the volume; 0 keeps none
    metrics_token: str | None  # opens /metrics to whoever is not on this machine
    backup_repository: str  # where backups go: a folder, or what restic calls a repository
    backup_password: str | None  # None: made from the encryption key
    backup_ssh_key: str | None  # for sftp:, where the volume keeps no file private; None: `studio backup key`
    backup_before_upgrade: bool  # before migrations of a newer version change anything
    auto_restore_on_failed_upgrade: bool  # bring that backup back by itself, instead of saying how
    model_idle_s: float  # an unused torch child is ended after this, and its memory is back
    storage_mode: Literal["auto", "local", "hydrate"]  # where Postgres lives; auto: as the volume allows
    storage_local: Path  # on this machine's own disk: Postgres in hydrate mode, and which volume was here
    storage_quota_bytes: int | None  # how much the volume may hold where the file system says something else
    storage_reserve_bytes: int | None  # below this nothing new is taken in; None: by the size of the volume
    storage_stall: Literal["strict", "available"]  # hydrate mode, when the volume no longer confirms a write
    runpod_volume: str | None  # the network volume's id, which RunPod sets
    remarks: tuple[Fault, ...] = ()  # what works but should be known; the boot says it

    @property
    def blobs_dir(self) -> Path:
        """Content-addressed bytes: `blobs/aa/<sha256>`."""
        return self.workspace / "blobs"

    @property
    def keys_dir(self) -> Path:
        """The four secrets, one file each, 0600 in a 0700 folder."""
        return self.workspace / "keys"

    @property
    def tmp_dir(self) -> Path:
        """Scratch on the volume: uploads under way and the workers' private folders."""
        return self.workspace / "tmp"

    @property
    def models_dir(self) -> Path:
        """Model weights."""
        return self.workspace / "models"

    @property
    def logs_dir(self) -> Path:
        """The last lines of every program; see `app.kit.ring`."""
        return self.workspace / "logs"

    @property
    def secrets(self) -> list[str]:
        """Every value in here that no log may show."""
        addresses = (self.database.owner_url, self.database.app_url, self.redis.url)
        values = (
            *(getattr(self.keys, name) for name in KEY_NAMES),
            *(urlsplit(address).password for address in addresses),
            self.admin_password,
            self.tunnel_token,
            self.metrics_token,
            self.run_token,
            self.run_password,
            self.backup_ssh_key,
            *self.otlp_headers.values(),
            self.keys.encryption_key and self.repository_password,
        )
        return [text for value in values if value for text in (value, unquote(value))]

    @property
    def repository_password(self) -> str:
        """What opens the backups, and nothing in them: secrets stay sealed with a key that is not there.

        Raises KeyError before the keys are made.
        """
        return self.backup_password or derive(self.keys.require("encryption_key"), "backup repository")

    @property
    def own_ports(self) -> frozenset[int]:
        """The box's own doors: what it sends out for people may never reach them on this machine, whatever is
        allowed.
        """
        urls = (self.api_url, self.redis.url, self.database.app_url)
        return frozenset({self.port, *(port for url in urls if (port := _port(url)) is not None)})

    @property
    def local_url(self) -> str:
        """The address a person on this machine opens."""
        host = "127.0.0.1" if self.host in (EVERYWHERE, "::") else self.host
        return f"http://{host}:{self.port}"


def _port(url: str) -> int | None:
    """The port of an address, named or its scheme's; none for sockets."""
    parts = urlsplit(url)
    if parts.hostname is None:
        return None
    try:
        return parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None


def load_settings(env: Mapping[str, str] | None = None, keys: Sequence[str] = KEY_NAMES) -> Settings:
    """Read the environment and the key files. Raises SettingsFaults with every fault found.

    `keys` are the secrets that this program may hold: the others are not even read. A worker runs other
    people's workflows and loads `WORKER_KEYS` alone.
    """
    reader = Reader(os.environ if env is None else env)
    environment = reader.choice("ENV", ("development", "production"), "development")
    production = environment == "production"
    workspace = Path(
        reader.text("WORKSPACE_PATH") or ("/workspace" if production else "workspace")
    ).absolute()
    debug = reader.boolean("DEBUG", not production)
    host = reader.text("HOST") or EVERYWHERE
    port = reader.integer("PORT", 8000, low=1, high=65535)
    tunnel_token = reader.secret("CLOUDFLARE_TUNNEL_TOKEN")
    runpod_pod = reader.text("RUNPOD_POD_ID")
    run_dir = Path(reader.text("STUDIO_RUN_DIR") or _default_run_dir(workspace))
    storage_quota_bytes = reader.size("STORAGE_QUOTA", low=1024**2)
    runpod_volume = reader.text("RUNPOD_VOLUME_ID")
    if runpod_volume and storage_quota_bytes is None:
        reader.remark(
            "STORAGE_QUOTA",
            "is not set, and this network volume reports the room of RunPod's whole cluster as its own",
            "Set it to the size the volume was made with, such as 100 GB, so that Studio stops in time.",
        )
    held = _read_keys(reader, workspace / "keys", production, keys)
    roles = _read_roles(reader)
    admin_email, admin_password = reader.text("ADMIN_EMAIL"), reader.secret("ADMIN_PASSWORD")
    if bool(admin_email) != bool(admin_password):
        missing = "ADMIN_PASSWORD" if admin_email else "ADMIN_EMAIL"
        reader.fault(
            missing, "is not set while its partner is", "Set both ADMIN_EMAIL and ADMIN_PASSWORD, or neither."
        )
    if admin_email and "@" not in admin_email:
        reader.fault("ADMIN_EMAIL", f"“{admin_email}” is no email address", "Write it as name@example.org.")
    if admin_password is not None:
        _judge_password(reader, admin_password, admin_email or "", production)
    settings = Settings(
        env="production" if production else "development",
        debug=debug,
        debug_steps=reader.boolean("STUDIO_DEBUG_STEPS", debug),
        host=host,
        port=port,
        workspace=workspace,
        run_dir=run_dir,
        database=_read_database(reader, run_dir, held),
        redis=_read_redis(reader, run_dir),
        keys=held,
        admin_email=admin_email,
        admin_password=admin_password,
        create_tables=reader.boolean("CREATE_TABLES", True),
        cors_origins=_read_origins(reader, production),
        public_urls=_read_public_urls(reader),
        tunnel_token=tunnel_token,
        runpod_pod=runpod_pod,
        behind_cloudflare=reader.boolean(
            "STUDIO_BEHIND_CLOUDFLARE", tunnel_token is not None or runpod_pod is not None
        ),
        log=LogSettings(
            level=reader.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO", upper=True),
            format=reader.choice("LOG_FORMAT", ("pretty", "json"), "pretty"),
            prefix=reader.text("LOG_PREFIX"),
            colors=reader.boolean("LOG_COLORS", os.isatty(STANDARD_OUTPUT)),
        ),
        roles=roles,
        api_url=(reader.url("STUDIO_API_URL", ("http", "https")) or f"http://127.0.0.1:{port}").rstrip("/"),
        service_user=reader.text("STUDIO_SERVICE_USER"),
        worker_user=reader.text("STUDIO_WORKER_USER"),
        postgres_user=reader.text("STUDIO_POSTGRES_USER"),
        # 64 GiB: longer than any film people upload, short of filling a disk by one mistake
        upload_max_bytes=reader.integer("STUDIO_UPLOAD_MAX_BYTES", 64 * 1024**3, low=1),
        outgoing_allow=_read_places(reader, "STUDIO_OUTGOING_ALLOW"),
        worker_name=reader.text("STUDIO_WORKER_NAME"),
        cpu_slots=reader.optional_integer("STUDIO_CPU_SLOTS", low=1, high=1024),
        gpu_slots=reader.optional_integer("STUDIO_GPU_SLOTS", low=1, high=64),
        cache_max_age_s=reader.integer("STUDIO_CACHE_MAX_AGE_S", 30 * 24 * 3600, low=0),
        cache_max_bytes=reader.integer("STUDIO_CACHE_MAX_BYTES", 256 * 1024**2, low=0),
        # Two days: the longest copy to a slow remote, and a person who wants a file back the next morning.
        collect_after_s=reader.integer("STUDIO_COLLECT_AFTER_S", 48 * 3600, low=0),
        run_token=reader.secret("STUDIO_TOKEN"),
        run_password=reader.secret("STUDIO_PASSWORD"),
        otlp_endpoint=reader.url("OTEL_EXPORTER_OTLP_ENDPOINT", ("http", "https")),
        otlp_headers=_read_headers(reader, "OTEL_EXPORTER_OTLP_HEADERS"),
        log_keep_bytes=reader.integer("STUDIO_LOG_KEEP_BYTES", 64 * 1024**2, low=0),
        metrics_token=_read_metrics_token(reader),
        storage_mode=reader.choice("STORAGE_MODE", ("auto", "local", "hydrate"), "auto"),
        storage_local=Path(reader.text("STORAGE_LOCAL_DIR") or _default_local(workspace)).absolute(),
        storage_quota_bytes=storage_quota_bytes,
        storage_reserve_bytes=reader.size("STORAGE_RESERVE", low=0),
        storage_stall=reader.choice("STORAGE_STALL", ("strict", "available"), "strict"),
        runpod_volume=runpod_volume,
        backup_repository=_read_repository(reader, workspace),
        backup_password=reader.secret("STUDIO_BACKUP_PASSWORD"),
        backup_ssh_key=reader.secret("STUDIO_BACKUP_SSH_KEY"),
        backup_before_upgrade=reader.boolean("BACKUP_BEFORE_UPGRADE", True),
        auto_restore_on_failed_upgrade=reader.boolean("AUTO_RESTORE_ON_FAILED_UPGRADE", False),
        model_idle_s=float(reader.integer("STUDIO_MODEL_IDLE_S", 600, low=0)),
    )
    _remark_what_has_no_effect(reader)
    _refuse_unknown_names(reader)
    if reader.faults:
        raise SettingsFaults(reader.faults)
    return msgspec.structs.replace(settings, remarks=tuple(reader.remarks))


def _default_run_dir(workspace: Path) -> str:
    """`/run/studio` for root, else a short folder of this user's own, distinct for each workspace."""
    if os.geteuid() == 0:
        return f"/run/studio-{_tag(workspace)}"
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return f"{base}/studio-{os.geteuid()}-{_tag(workspace)}"


def _default_local(workspace: Path) -> str:
    """Where programs of this machine keep their state, distinct for each workspace."""
    if os.geteuid() == 0:
        return f"/var/lib/studio-{_tag(workspace)}"
    base = os.environ.get("XDG_STATE_HOME") or f"{os.environ.get('HOME', '')}/.local/state"
    return f"{base}/studio-{_tag(workspace)}"


def _tag(workspace: Path) -> str:
    return hashlib.sha256(str(workspace).encode()).hexdigest()[:10]


def _judge_password(reader: Reader, password: str, email: str, production: bool) -> None:
    reason = passwords.weakness(password, (email,))
    if reason is not None:
        tell = reader.fault if production else reader.remark
        tell("ADMIN_PASSWORD", reason, f"{passwords.REMEDY} A box that is claimed already can do without it.")


def _read_keys(reader: Reader, folder: Path, production: bool, wanted: Sequence[str]) -> Keys:
    values: dict[str, str | None] = dict.fromkeys(KEY_NAMES)
    for name in wanted:
        value = reader.secret(name.upper())
        if value is not None and (len(value) < 16 or value.lower() in WEAK_SECRETS):
            tell = reader.fault if production else reader.remark
            tell(
                name.upper(),
                "is too weak for production (shorter than 16 characters or a well-known word)",
                f"Make one with `openssl rand -hex 32`, or leave it unset: Studio makes keys/{name} itself.",
            )
        values[name] = value or _key_file(folder / name)
    return Keys(**values)


def _key_file(path: Path) -> str | None:
    """The kept key, or None when there is none or this user may not read it (a worker elsewhere)."""
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return None


def _read_database(reader: Reader, run_dir: Path, keys: Keys) -> Database:
    url = reader.secret("DATABASE_URL")
    if url:
        parts = parts_of(url)
        if parts is None:
            reader.fault("DATABASE_URL", NOT_READABLE, ESCAPES)
        elif parts.scheme.split("+")[0] not in ("postgres", "postgresql") or not parts.path.strip("/"):
            reader.fault(
                "DATABASE_URL",
                "is not a Postgres address with a database name",
                "Write it as postgresql://user:password@host:5432/database.",
            )
        plain = f"postgresql:{url.partition(':')[2]}"
        return Database(embedded=False, owner_url=plain, app_url=plain, socket_dir=run_dir / "postgres")
    password = keys.postgres_password or ""
    # Folders of their own: Postgres and Redis may write their sockets there and nowhere else in run_dir.
    socket_dir = run_dir / "postgres"
    host = quote(str(socket_dir), safe="")

    def address(user: str, secret: str) -> str:
        return f"postgresql://{user}:{quote(secret, safe='')}@/studio?host={host}"

    return Database(
        embedded=True,
        owner_url=address("studio", password),
        app_url=address("studio_app", derive(password, "studio_app")),
        socket_dir=socket_dir,
    )


def _read_redis(reader: Reader, run_dir: Path) -> Redis:
    socket = run_dir / "redis" / "redis.sock"
    url = reader.url("REDIS_URL", ("redis", "rediss", "unix"))
    if url:
        parts = parts_of(url)
        number = parts.path.strip("/") if parts and parts.scheme != "unix" else ""
        if number and not number.isdecimal():
            reader.fault("REDIS_URL", f"“{number}” is no number of a database", "End it with /0, or nothing.")
        return Redis(embedded=False, url=url, socket=socket)
    return Redis(embedded=True, url=f"unix://{socket}", socket=socket)


def _read_repository(reader: Reader, workspace: Path) -> str:
    found = reader.secret("STUDIO_BACKUP_REPOSITORY")
    if found is None:
        return str(workspace / "backups" / "repository")
    if not found.startswith(("/", *(f"{kind}:" for kind in REPOSITORIES))):
        reader.fault(
            "STUDIO_BACKUP_REPOSITORY",
            "is no place Studio can write backups to",
            "Write an absolute folder, s3:https://host/bucket/folder, sftp:user@host:/folder, "
            "rclone:remote:folder or rest:https://host/folder.",
        )
    elif found.startswith("rclone:") and "," in found.split(":")[2 if found.startswith("rclone::") else 1]:
        reader.fault(
            "STUDIO_BACKUP_REPOSITORY",
            "describes the remote in its address, and arguments of rclone can be read by everybody",
            "Set the remote up in backups/remote/rclone.conf on the volume or as RCLONE_CONFIG_NAME_TYPE….",
        )
    return found


def _read_roles(reader: Reader) -> frozenset[str]:
    names = reader.comma_list("STUDIO_ROLES") or ("all",)
    if "all" in names:
        return frozenset(ROLES)
    for name in names:
        if name not in ROLES:
            close = difflib.get_close_matches(name, ROLES, n=1)
            hint = f"Did you mean “{close[0]}”? " if close else ""
            reader.fault("STUDIO_ROLES", f"“{name}” is no role", f"{hint}Use any of all, {', '.join(ROLES)}.")
    return frozenset(names)


def _read_origins(reader: Reader, production: bool) -> tuple[str, ...]:
    origins = reader.comma_list("CORS_ORIGINS")
    example = "such as https://studio.example.org"
    for origin in origins:
        if origin != "*" and not is_origin(origin):
            reader.fault("CORS_ORIGINS", f"“{origin}” is no origin", f"Write scheme and host, {example}.")
    if "*" in origins and production:
        reader.fault(
            "CORS_ORIGINS",
            "“*” would let every web page act with a visitor's sign-in",
            f"List the exact origins, {example}, or leave it unset.",
        )
    elif "*" in origins:
        reader.remark(
            "CORS_ORIGINS",
            "“*” lets every web page read what needs no sign-in, and is refused in production",
            f"List the exact origins, {example}, or leave it unset.",
        )
    return tuple(origin.rstrip("/") for origin in origins)


def _read_public_urls(reader: Reader) -> tuple[str, ...]:
    urls = reader.comma_list("PUBLIC_URL")
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            reader.fault(
                "PUBLIC_URL", f"“{url}” is no web address", "Write it as https://studio.example.org."
            )
    return tuple(url.rstrip("/") for url in urls)


def _read_headers(reader: Reader, name: str) -> dict[str, str]:
    """`name=value` with commas between, as OpenTelemetry writes them."""
    found = {}
    for pair in (reader.secret(name) or "").split(","):
        key, equals, value = pair.strip().partition("=")
        if key and equals:
            found[key.strip().lower()] = unquote(value.strip())
        elif pair.strip():
            reader.fault(name, "is no list of headers", "Write name=value, with commas between.")
    return found


def _read_metrics_token(reader: Reader) -> str | None:
    token = reader.secret("STUDIO_METRICS_TOKEN")
    if token is not None and len(token) < 16:
        reader.fault(
            "STUDIO_METRICS_TOKEN",
            "is shorter than 16 characters",
            "Make one with `openssl rand -hex 32`, or leave it unset: then this machine alone may read them.",
        )
    return token


def _read_places(reader: Reader, name: str) -> tuple[str, ...]:
    places = reader.comma_list(name)
    for place in places:
        try:
            read_place(place)
        except ValueError:
            reader.fault(
                name,
                f"“{place}” is neither a host nor a range of addresses",
                "Write nas.example.org, *.example.org, 192.168.1.20 or 10.0.0.0/8, with commas between.",
            )
    return places


def _remark_what_has_no_effect(reader: Reader) -> None:
    for name in NOT_YET:
        if reader.text(name) or reader.text(f"{name}_FILE"):
            reader.remark(
                name,
                "is set, but this version has no sign-in with Google or GitHub",
                "People sign in with email address and password; remove it, or leave it for a later version.",
            )


def _refuse_unknown_names(reader: Reader) -> None:
    known = {name.removesuffix("_FILE") for name in reader.asked}
    for name in sorted(reader.env):
        if name.startswith("STUDIO_") and name.removesuffix("_FILE") not in known:
            close = difflib.get_close_matches(name, sorted(known), n=1)
            remedy = f"Did you mean {close[0]}?" if close else "Remove it; no part of Studio reads it."
            reader.fault(name, "is no setting of Studio", remedy)
