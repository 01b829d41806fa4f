"""Who runs what: Postgres never as root, and in the image everything but boot as an ordinary user."""

import errno
import os
import pwd
import signal
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.kit.settings import Settings
from appliance.refusal import Refusal


class Account(msgspec.Struct, frozen=True):
    """An operating-system user that programs run as."""

    name: str
    uid: int
    gid: int
    home: str

    def can_traverse(self, folder: Path) -> bool:
        """Whether this user may pass through `folder` and every folder above it, by their mode bits."""
        groups = set(os.getgrouplist(self.name, self.gid))
        for step in (folder, *folder.parents):
            mode = step.stat()
            if self.uid == 0 or mode.st_mode & stat.S_IXOTH:
                continue
            owns = mode.st_uid == self.uid and mode.st_mode & stat.S_IXUSR
            shares = mode.st_gid in groups and mode.st_mode & stat.S_IXGRP
            if not owns and not shares:
                return False
        return True

    def can_read(self, folder: Path) -> bool:
        """Whether this user may list `folder` and pass into it: tried, for modes are not all that decides."""
        tried = as_account(self, ["test", "-r", str(folder), "-a", "-x", str(folder)])
        return subprocess.run(tried, check=False, stdin=subprocess.DEVNULL).returncode == 0


def myself() -> Account:
    """The user this process runs as, whether or not the password file knows it (`docker run --user 1234`)."""
    uid = os.geteuid()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, os.getegid(), os.environ.get("HOME", "/"))
    return Account(entry.pw_name, uid, os.getegid(), entry.pw_dir)


def service_account(settings: Settings) -> Account:
    """Who runs everything but Postgres: STUDIO_SERVICE_USER when root started us, else who started us."""
    if os.geteuid() != 0 or settings.service_user is None:
        return myself()
    return _named(settings.service_user, "STUDIO_SERVICE_USER")


def worker_account(settings: Settings) -> Account:
    """Who runs the workers, and in them other people's workflows: STUDIO_WORKER_USER when root started us.

    A user of its own, so that no step can look into the environment of the API, where the keys are. It is in
    the group of the service user, through which both use blobs, models, scratch and the socket of Redis.
    """
    service = service_account(settings)
    if os.geteuid() != 0 or settings.worker_user is None:
        return service
    account = _named(settings.worker_user, "STUDIO_WORKER_USER")
    if account.gid != service.gid:
        raise Refusal(
            f"The first group of “{account.name}” is not that of “{service.name}”; they could share no file. "
            f"Change it with usermod --gid {service.gid} {account.name}, or unset STUDIO_WORKER_USER."
        )
    return account


def umask(settings: Settings) -> int:
    """What the programs' new files are closed to: not the group, where workers have a user of their own."""
    return 0o002 if worker_account(settings).uid != service_account(settings).uid else 0o022


def postgres_account(settings: Settings) -> Account:
    """Who runs Postgres, which refuses root: then STUDIO_POSTGRES_USER, or Debian's `postgres`."""
    if os.geteuid() != 0:
        return myself()
    account = _named(settings.postgres_user or "postgres", "STUDIO_POSTGRES_USER")
    if account.uid == 0:
        raise Refusal(
            "STUDIO_POSTGRES_USER is root, and Postgres refuses to run as root. Name an ordinary user."
        )
    return account


def as_account(
    account: Account,
    command: Sequence[str],
    *,
    passes_folders: bool = False,
    death_signal: signal.Signals | None = None,
) -> list[str]:
    """The command line that runs `command` as `account`, in the same process: setpriv execs it.

    `passes_folders` lets a user without rights on the folders above its own go through them, for a
    clone in /root (0700). Only that one capability (CAP_DAC_READ_SEARCH) is left, in every set.
    `death_signal` is what the kernel sends the program when its parent dies, so that nothing is left
    running by a supervisor that was killed.
    """
    options: list[str] = []
    if account.uid != os.geteuid():
        options += [f"--reuid={account.uid}", f"--regid={account.gid}"]
        options += ["--init-groups"] if _is_known(account) else ["--clear-groups"]
        if passes_folders:
            only = "-all,+dac_read_search"
            options += [f"--inh-caps={only}", f"--ambient-caps={only}", f"--bounding-set={only}"]
    if death_signal is not None:
        options.append(f"--pdeathsig={death_signal.name.removeprefix('SIG')}")
    return ["setpriv", *options, "--", *command] if options else list(command)


def give(path: Path, account: Account, mode: int) -> None:
    """Owner and mode of one of Studio's own files or folders; touches it only when something differs."""
    if _is_given(path.lstat(), account, mode):
        return
    try:
        # What is opened is what is changed: a name could lead elsewhere the next moment.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as exc:
        if exc.errno != errno.ELOOP:
            raise
        raise Refusal(
            f"{path} is a link, and Studio changes no owner or mode through one. "
            "Remove it, and mount or put what it leads to in its place."
        ) from exc
    try:
        found = os.fstat(descriptor)
        if os.geteuid() == 0 and (found.st_uid, found.st_gid) != (account.uid, account.gid):
            os.fchown(descriptor, account.uid, account.gid)
        if stat.S_IMODE(found.st_mode) != mode:
            os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def hand_over(folder: Path, account: Account) -> None:
    """A folder and all in it to one user, closed to others."""
    give(folder, account, 0o700)
    for inner, folders, files in os.walk(folder):
        for name in folders:
            give(Path(inner, name), account, 0o700)
        for name in files:
            give(Path(inner, name), account, 0o600)


def take_over(folder: Path, account: Account) -> None:
    """What lies in a folder of another user's goes to this one, as it is: the volume was on another machine.

    Whoever calls gives the folder itself afterwards, so that one who was killed begins again.
    """
    former = folder.lstat().st_uid
    if os.geteuid() != 0 or former == account.uid:
        return
    for inner, folders, files in os.walk(folder):
        for path in (Path(inner, name) for name in (*folders, *files)):
            found = path.lstat()
            if found.st_uid != former or stat.S_ISLNK(found.st_mode):
                continue
            give(path, account, stat.S_IMODE(found.st_mode))
            if path.lstat().st_uid == former:
                return  # a volume that says yes and changes no owner


def _is_given(found: os.stat_result, account: Account, mode: int) -> bool:
    is_owned = os.geteuid() != 0 or (found.st_uid, found.st_gid) == (account.uid, account.gid)
    return is_owned and stat.S_IMODE(found.st_mode) == mode and not stat.S_ISLNK(found.st_mode)


def _named(name: str, setting: str) -> Account:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise Refusal(
            f"There is no user “{name}” on this machine. Install Debian's postgresql package, "
            f"or name an existing ordinary user in {setting}."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)


def _is_known(account: Account) -> bool:
    try:
        return pwd.getpwuid(account.uid).pw_name == account.name
    except KeyError:
        return False
