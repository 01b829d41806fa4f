"""How a box gets at a repository elsewhere: what its operator gave, and what is kept on the volume for it.

    backups/remote/ssh_key       made by `studio backup key`, unless STUDIO_BACKUP_SSH_KEY gives one
    backups/remote/known_hosts   the key of each SSH host, as it was at the first visit
    backups/remote/rclone.conf   rclone's own, unless RCLONE_CONFIG names one; it renews its tokens in there

No backup holds any of it, and none of it stands in a command line, which every user of the machine can read.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.kit.backups import Backups
from app.kit.recovery import CONFIG, HOSTS, KEY
from app.kit.settings import Settings
from appliance.files import write_atomically
from appliance.process import minimal_environment
from appliance.refusal import Refusal
from appliance.storage import make_folder
from appliance.users import myself

# What restic and rclone read to reach a place that asks who we are; each also as …_FILE, and * for any end.
CREDENTIALS: Final = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_PROFILE"),
    *("AWS_SHARED_CREDENTIALS_FILE", "B2_ACCOUNT_ID", "B2_ACCOUNT_KEY", "AZURE_ACCOUNT_NAME"),
    *("AZURE_ACCOUNT_KEY", "GOOGLE_PROJECT_ID", "GOOGLE_APPLICATION_CREDENTIALS", "RCLONE_*"),
    *("SSH_AUTH_SOCK", "RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD", "STUDIO_BACKUP_SSH_KEY"),
)
WAY_OUT: Final = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE")
# These say where on this machine something lies, and mean nothing on another.
HERE: Final = (
    *("AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "RCLONE_CONFIG"),
    *("SSH_AUTH_SOCK", "STUDIO_BACKUP_SSH_KEY"),
)
# A dead connection ends within a minute and a half, and nobody is asked anything. What a person natively says
# to ssh holds as well.
SSH_CONFIG: Final = """\
BatchMode yes
ConnectTimeout 20
ServerAliveInterval 15
ServerAliveCountMax 5
StrictHostKeyChecking accept-new
UserKnownHostsFile "{hosts}" ~/.ssh/known_hosts
{key}Include ~/.ssh/config /etc/ssh/ssh_config
"""
REASON_LIMIT_S: Final = 30.0
_SECRET: Final = re.compile(r"(?:^|_)(?:key|secret|token|pass|password)$", re.IGNORECASE)


class Remote:
    """The access of one box. `lent`: what a recovery kit brings, which today's environment goes before."""

    def __init__(self, settings: Settings, lent: Mapping[str, str] | None = None) -> None:
        self.folder = Backups(settings.workspace).remote
        self._run_dir = settings.run_dir
        self._key = settings.backup_ssh_key
        lent = {name: value for name, value in (lent or {}).items() if is_credential(name)}
        self._given = lent | given(os.environ)

    def environment(self) -> dict[str, str]:
        """What restic gets to see beside the address and the password."""
        config = {"RCLONE_CONFIG": str(self._config)} if self._config.exists() else {}
        way_out = {name: os.environ[name] for name in WAY_OUT if name in os.environ}
        return config | self._given | way_out

    def options(self, address: str) -> list[str]:
        """Options of restic for this address."""
        if not address.startswith("sftp:"):
            return []
        return ["-o", f"sftp.command={shlex.join(self._ssh(address))}"]

    def reason(self, address: str) -> str:
        """What ssh or rclone says about this address when it is asked without restic; empty for others."""
        match address.partition(":")[0]:
            case "sftp":
                command = self._ssh(address)
            case "rclone":
                command = ["rclone", "lsd", "--retries=1", "--low-level-retries=1", address.partition(":")[2]]
            case _:
                return ""
        try:
            done = subprocess.run(
                command,
                env=minimal_environment(myself().home) | self.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=REASON_LIMIT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stderr.decode(errors="replace")

    def access(self) -> dict[str, str]:
        """All of it that another machine would need."""
        found = {name: value for name, value in self._given.items() if name not in HERE}
        files = {KEY: self._private_key(), HOSTS: _read(self.folder / HOSTS), CONFIG: _read(self._config)}
        return found | {name: text for name, text in files.items() if text}

    def bring(self, access: Mapping[str, str]) -> None:
        """Keep on this volume what a kit brings; what is there goes before it."""
        make_folder(self.folder.parent, myself(), 0o755)
        make_folder(self.folder, myself(), 0o700)
        for name in (KEY, HOSTS, CONFIG):
            path = self.folder / name
            if name in access and not path.exists():
                write_atomically(path, access[name].encode(), 0o600)
                if name != HOSTS and path.stat().st_mode & 0o077:
                    path.unlink()
                    raise Refusal(
                        f"This volume keeps no file private, so {name} of the kit may not lie on it. Use a "
                        "kit made with --without-access, and give the key in STUDIO_BACKUP_SSH_KEY, or name "
                        "a file elsewhere in RCLONE_CONFIG."
                    )

    def public_key(self) -> str:
        """The line for `authorized_keys` of the other machine; its key is made when there is none."""
        text = self._private_key() or self._make_key()
        try:
            key = serialization.load_ssh_private_key(text.encode(), None)
        except (ValueError, UnsupportedAlgorithm) as exc:
            raise Refusal(
                "The SSH key for backups cannot be used: it is damaged, or a passphrase locks it. Give one "
                "without in STUDIO_BACKUP_SSH_KEY, or leave that out and remove "
                f"{self.folder / KEY}: `studio backup key` then makes a new one."
            ) from exc
        form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        return f"{key.public_key().public_bytes(*form).decode()} studio-backups"

    def secrets(self) -> list[str]:
        """The values that no log may show."""
        in_config = [line.partition("=") for line in _read(self._config).splitlines()]
        pairs = [*self._given.items(), *((name.strip(), value.strip()) for name, _, value in in_config)]
        return [value for name, value in pairs if _SECRET.search(name)]

    @property
    def _config(self) -> Path:
        return Path(self._given.get("RCLONE_CONFIG") or self.folder / CONFIG)

    def _ssh(self, address: str) -> list[str]:
        """The command that opens SFTP there, with the key and the known hosts of this box."""
        config, key = self._run_dir / "backup_ssh_config", self._private_key()
        line = ""
        if key:
            # ssh refuses a key that others may read, as all may on a volume without modes.
            path = self._run_dir / "backup_ssh_key"
            write_atomically(path, key.encode(), 0o600)
            line = f'IdentityFile "{path}"\n'
        content = SSH_CONFIG.format(hosts=self.folder / HOSTS, key=line)
        write_atomically(config, content.encode(), 0o600)
        user, host, port = destination(address)
        options = [*(["-l", user] if user else []), *(["-p", str(port)] if port else [])]
        return ["ssh", "-F", str(config), *options, "-s", "--", host, "sftp"]

    def _private_key(self) -> str:
        """In lines, which an environment that cannot hold them writes as \\n."""
        key = self._key.replace("\\n", "\n") if self._key else _read(self.folder / KEY)
        return key and key.strip() + "\n"

    def _make_key(self) -> str:
        path = self.folder / KEY
        self.bring({})
        text = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        write_atomically(path, text, 0o600)
        if path.stat().st_mode & 0o077:
            path.unlink()
            raise Refusal(
                "This volume keeps no file private, so an SSH key may not lie on it. Make one elsewhere "
                "(ssh-keygen -t ed25519 -N '' -f key) and give the content of `key` as STUDIO_BACKUP_SSH_KEY."
            )
        return text.decode()


def is_credential(name: str) -> bool:
    """Whether a variable of this name opens a place where backups lie."""
    return any(fnmatchcase(name, pattern) for pattern in CREDENTIALS)


def given(env: Mapping[str, str]) -> dict[str, str]:
    """The credentials in an environment, and those that a …_FILE in it names. Raises Refusal."""
    found = {name: value for name, value in env.items() if value and is_credential(name)}
    for name, value in env.items():
        plain = name.removesuffix("_FILE")
        if value and plain in CREDENTIALS and plain not in found and not is_credential(name):
            try:
                found[plain] = Path(value).read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as exc:
                raise Refusal(f"{name} cannot be read ({exc}). See that the file is mounted.") from exc
    return found


def destination(address: str) -> tuple[str | None, str, int | None]:
    """User, host and port of sftp:user@host:/folder or sftp://user@host:port/folder. Raises Refusal."""
    if not address.startswith("sftp://"):
        user, _, host = address.removeprefix("sftp:").partition(":")[0].rpartition("@")
        return user or None, host, None
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as exc:
        raise Refusal(f"{address} is no address. Write sftp:user@host:/folder.") from exc
    return parts.username, parts.hostname or "", port


def _read(path: Path) -> str:
    """Empty for a file that is not there, or not for us."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
