"""Mail through a relay: over TLS from the first byte, after STARTTLS, or in the clear."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib
from aiosmtplib.response import SMTPResponse

from app.resources.notifications.ways import (
    PATIENCE_S,
    Mail,
    Message,
    NotSent,
    Security,
    Unwanted,
    text_of,
)


async def send_mail(way: Mail, addresses: list[str], password: str | None, message: Message) -> str | None:
    """Send one message by the relay at one of its checked addresses; a remark when some recipients were
    refused. Raises NotSent.
    """
    try:
        async with asyncio.timeout(PATIENCE_S * 2):
            refused = await _send(way, addresses, password, _mail_of(way, message))
    except TimeoutError:
        raise NotSent(f"{way.host} did not take the mail in time.") from None
    except aiosmtplib.SMTPDataError as exc:
        raise (Unwanted if exc.code >= 500 else NotSent)(_why_not(way, exc)) from exc
    except (aiosmtplib.SMTPException, OSError) as exc:
        raise NotSent(_why_not(way, exc)) from exc
    return f"It did not reach {_refusals(refused)}." if refused else None


async def _send(
    way: Mail, addresses: list[str], password: str | None, mail: EmailMessage
) -> Mapping[str, SMTPResponse]:
    """Hand a mail over; whom the relay refused, if not everybody."""
    relay = aiosmtplib.SMTP(
        hostname=way.host,  # the name that certificates are held against
        sock=await _connected(addresses, way.port),
        local_hostname="studio",
        timeout=PATIENCE_S,
        use_tls=way.security is Security.tls,
        start_tls=way.security is Security.starttls,
        username=way.username,
        password=password,
    )
    async with relay:
        refused, _ = await relay.send_message(mail)
    return refused


async def _connected(addresses: list[str], port: int) -> socket.socket:
    """A connection to the first address that answers. Raises OSError."""
    failure: OSError | None = None
    for address in addresses:
        line = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        line.setblocking(False)
        try:
            async with asyncio.timeout(PATIENCE_S / 2):
                await asyncio.get_running_loop().sock_connect(line, (address, port))
        except OSError as exc:  # TimeoutError is one
            line.close()
            failure = exc
        except BaseException:
            line.close()
            raise
        else:
            return line
    raise failure or OSError("it has no address")


def _mail_of(way: Mail, message: Message) -> EmailMessage:
    mail = EmailMessage()
    # A header with any kind of line break is refused, and would hold up everything behind it.
    mail["Subject"] = " ".join(f"[Studio] {message.title}".split())[:200]
    mail["From"], mail["To"] = way.sender, ", ".join(way.recipients)
    mail["Date"] = format_datetime(datetime.fromisoformat(message.at))
    mail["Message-ID"] = f"<{message.id}@{way.sender.rpartition('@')[2]}>"
    mail.set_content(text_of(message, bold="", with_title=False))
    return mail


def _why_not(way: Mail, exc: Exception) -> str:
    """Why a relay did not take a mail, and what to do about it."""
    cause = exc if isinstance(exc, ssl.SSLError) else exc.__cause__
    match exc, cause:
        case aiosmtplib.SMTPAuthenticationError(), _:
            return (
                f"{way.host} did not accept the user name and the password: {_words(exc)}. Enter them again."
            )
        case aiosmtplib.SMTPRecipientsRefused(), _:
            return f"{way.host} takes no mail for {_refusals(_each(exc))}."
        case _, ssl.SSLCertVerificationError():
            return (
                f"The certificate of {way.host} does not hold: {cause.verify_message.rstrip('.')}. Use the "
                "name it was made for, and a relay whose certificate a known authority has signed."
            )
        case _, ssl.SSLError():
            return f"{way.host} speaks no TLS at port {way.port}; choose STARTTLS, or another port."
        case aiosmtplib.SMTPException(), _ if "STARTTLS" in str(exc) and "not supported" in str(exc):
            return f"{way.host} offers no STARTTLS at port {way.port}; choose TLS, or another port."
        case _:
            return f"{way.host} did not take the mail: {_words(exc)}."


def _each(exc: aiosmtplib.SMTPRecipientsRefused) -> Mapping[str, SMTPResponse]:
    return {one.recipient: SMTPResponse(one.code, one.message) for one in exc.recipients}


def _refusals(refused: Mapping[str, SMTPResponse]) -> str:
    return "; ".join(f"{who} ({answer.code} {answer.message})" for who, answer in refused.items())[:300]


def _words(exc: Exception) -> str:
    if isinstance(exc, aiosmtplib.SMTPResponseException):
        return f"{exc.code} {exc.message}"[:300].rstrip(".")
    return (str(exc) or type(exc).__name__)[:300].rstrip(".")
