"""What restic's complaints mean, in a sentence with a remedy.

Two versions of it (Debian 12 has 0.14, Debian 13 has 0.18), three ways out of the house (its own S3, ssh and
rclone) and as many servers as there are say the same in different words. What is told apart here is what a
person does about it.
"""

import re
from typing import Final

from app.kit.redaction import redacted
from appliance.refusal import Refusal


class WrongPassword(Refusal):
    """The repository is there and does not open."""


class NoRepository(Refusal):
    """There is none at this place."""


class Locked(Refusal):
    """Somebody works on it, or was killed while he did."""


class Denied(Refusal):
    """The place does not let us in."""


_PROGRAM: Final = re.compile(r'exec: "(ssh|rclone)": executable file not found')
_PACKAGES: Final = {"ssh": "openssh-client", "rclone": "rclone"}
_NO_REMOTE: Final = re.compile(r"didn't find section in config file")
_OTHER_HOST: Final = re.compile(r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED")
_DENIED: Final = re.compile(
    r"signature we calculated|Access Key Id you provided|InvalidAccessKeyId|SignatureDoesNotMatch"
    r"|Access ?Denied|no credentials found|Permission denied|unauthorized|Forbidden",
    re.IGNORECASE,
)
_NOWHERE: Final = re.compile(
    r"connection refused|no such host|not resolve|timed? ?out|unreachable|no route to host|reset by peer"
    r"|connection closed|did not answer",
    re.IGNORECASE,
)
_ABSENT: Final = re.compile(
    r"open config.*(?:does not exist|no such file|not found)|bucket does not exist|NoSuchBucket",
    re.IGNORECASE,
)
# Asking again and again, as 0.18 does for a quarter of an hour, changes nothing about these.
FINAL: Final = re.compile(
    rf"returned error, retrying.*(?:{_DENIED.pattern}|bucket does not exist|NoSuchBucket)", re.IGNORECASE
)
_HELPER: Final = re.compile(r"start the sftp session|talking HTTP to rclone")
_REASONS: Final = (_PROGRAM, _NO_REMOTE, _OTHER_HOST, _DENIED, _NOWHERE, _ABSENT)
_MARKS: Final = re.compile(
    r"^(?:Fatal: |Error: |subprocess ssh: |ssh: |rclone: |[\d/]+ [\d:]+ "
    r"|\S+ returned error, retrying after \S+: )*"
)
_IN_THE_WAY: Final = {
    "s3": "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and that they may use this bucket.",
    "sftp": "Put the line that `studio backup key` prints into ~/.ssh/authorized_keys of that user, who has "
    "to be allowed to write the folder.",
    "rclone": "Check the remote in rclone.conf: `rclone lsd` has to reach it.",
}


def is_unclear(complaint: str) -> bool:
    """Whether ssh or rclone is at fault, and restic has ended before it passed on the line that says why."""
    return bool(_HELPER.search(complaint)) and not any(reason.search(complaint) for reason in _REASONS)


def judged(complaint: str, address: str, shown: str) -> Refusal:
    """The refusal that a complaint is, about the repository that is shown so."""
    kind, fault = address.partition(":")[0], _first_fault(complaint)
    if "wrong password" in complaint:
        return WrongPassword(
            f"The repository {shown} does not open: its password is another one. Use the recovery "
            "kit of the box that made it, or the STUDIO_BACKUP_PASSWORD it had."
        )
    if found := _PROGRAM.search(complaint):
        package = _PACKAGES[found[1]]
        return Refusal(f"Backups to {shown} need {found[1]}. Install Debian's package “{package}”.")
    if _NO_REMOTE.search(complaint):
        return Refusal(
            f"rclone knows no remote for {shown}. Set it up in backups/remote/rclone.conf on the volume: "
            "`rclone --config FILE config`."
        )
    if _OTHER_HOST.search(complaint):
        return Denied(
            f"The machine behind {shown} shows another SSH host key than at the first visit. If it was made "
            "anew, remove its line from backups/remote/known_hosts on the volume; if not, somebody stands "
            "in between."
        )
    if _DENIED.search(complaint):
        remedy = _IN_THE_WAY.get(kind, "Check the name, the password and the rights there.")
        return Denied(f"{shown} does not let this box in: {fault}. {remedy}", exit_code=77)
    # A place that cannot be reached makes restic ask the same question; that is another matter.
    if _ABSENT.search(complaint):
        return NoRepository(
            f"There is no backup repository at {shown}. Check the address; the recovery kit names "
            "the one that was used."
        )
    if "already locked" in complaint:
        return Locked(f"Somebody else works on the repository {shown}. Try again later.", exit_code=75)
    if _NOWHERE.search(complaint):
        return Refusal(
            f"{shown} cannot be reached: {fault}. Check the address, the network and whether that machine "
            "is up; the nightly backup tries again by itself.",
            exit_code=75,
        )
    return Refusal(f"restic could not use {shown}: {fault}.", exit_code=74)


def _first_fault(complaint: str) -> str:
    """The first line that tells a reason, without marks, times and secrets."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    telling = ("Permission denied", "ssh: connect", "Failed to", "Fatal", "rror")
    chosen = next((line for mark in telling for line in lines if mark in line), lines[-1] if lines else "")
    return redacted(_MARKS.sub("", chosen)).strip().rstrip(".:")[:300] or "it gave no reason"
