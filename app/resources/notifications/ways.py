"""The ways a notification goes out: mail, a webhook, Slack (and what understands its messages), ntfy.

Each says what it needs that may be shown, and what its secret is. Everything goes through the guarded client
or its guard: a private place has to be allowed with STUDIO_OUTGOING_ALLOW.
"""

from enum import StrEnum
from typing import Annotated, Final, assert_never

import msgspec
from msgspec import Meta

from app.kit.codec import encode
from app.kit.outgoing import AllowList, Guard, Outgoing, OutgoingFailed, Reason
from app.kit.settings import Settings

PATIENCE_S: Final = 20.0
UNWANTED: Final = frozenset({400, 413, 422})  # said of a message, not of who sends it or where
Address = Annotated[str, Meta(min_length=3, max_length=254, pattern="^[^@\\s]+@[^@\\s]+$")]


class Severity(StrEnum):
    """How much it matters."""

    info = "info"
    warning = "warning"
    critical = "critical"


class Security(StrEnum):
    """How mail is encrypted on its way to the relay."""

    starttls = "starttls"
    tls = "tls"
    none = "none"


class Mail(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="mail", forbid_unknown_fields=True
):
    """Mail through a relay (SMTP). Its secret is the password, where the relay wants one."""

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    security: Security = Security.starttls
    username: Annotated[str, Meta(max_length=254)] | None = None
    sender: Address
    recipients: Annotated[list[Address], Meta(min_length=1, max_length=20)]


class Hook(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="webhook", forbid_unknown_fields=True
):
    """A POST of JSON. Its secret is the address."""


class Slack(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="slack", forbid_unknown_fields=True
):
    """An incoming webhook of Slack, Mattermost or Discord (…/slack). Its secret is the address."""


class Ntfy(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="ntfy", forbid_unknown_fields=True
):
    """A topic at ntfy. Its secret is an access token, where the server wants one."""

    server: Annotated[str, Meta(max_length=300, pattern="^https?://")] = "https://ntfy.sh"
    topic: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]


Way = Mail | Hook | Slack | Ntfy


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is told, the same by every way."""

    id: str
    severity: Severity
    title: str
    body: str
    remedy: str | None
    link: str | None  # a whole address, where the box knows its own
    at: str


class NotSent(Exception):
    """It did not get through; the sentence says why, without the secret."""


class Unwanted(NotSent):
    """The other side wants no message like this one, however often it is sent; another may be welcome."""


def needs_secret(way: Way) -> bool:
    """Whether nothing can be sent without one."""
    match way:
        case Hook() | Slack():
            return True
        case Mail():
            return way.username is not None
        case Ntfy():
            return False
        case _:
            assert_never(way)


def reaches(way: Way) -> tuple[object, ...]:
    """To whom and how a secret of this way would be shown."""
    match way:
        case Mail():
            return Mail, way.host, way.port, way.security, way.username
        case Ntfy():
            return Ntfy, way.server
        case Hook() | Slack():
            return (type(way),)
        case _:
            assert_never(way)


class Post:
    """The way out of one process, for all channels."""

    def __init__(self, settings: Settings) -> None:
        self._outgoing = Outgoing(settings.outgoing_allow, own_ports=settings.own_ports)
        self._guard = Guard(AllowList(settings.outgoing_allow), settings.own_ports)

    async def send(self, way: Way, secret: str | None, message: Message) -> str | None:
        """Send one message; a remark where it did not reach everybody. Raises NotSent."""
        if secret is None and needs_secret(way):
            raise NotSent("This channel has no secret; enter it again.")
        try:
            match way:
                case Mail():
                    return await self._mail(way, secret, message)
                case Hook():
                    await self._post(secret or "", encode(message))
                case Slack():
                    await self._post(secret or "", encode({"text": text_of(message, bold="*")}))
                case Ntfy():
                    await self._ntfy(way, secret, message)
                case _:
                    assert_never(way)
        except OutgoingFailed as exc:
            if exc.reason is Reason.bad_address and isinstance(way, Hook | Slack):
                # The address is the secret, and the sentence would show it.
                raise NotSent("Its address is no web address; enter it again, with https://.") from None
            raise NotSent(" ".join(filter(None, (exc.message, exc.remedy)))) from exc
        return None

    async def close(self) -> None:
        """Give the connections back."""
        await self._outgoing.close()

    async def _post(self, url: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        answer = await self._outgoing.request(
            "POST",
            url,
            headers={"content-type": "application/json", **(headers or {})},
            content=body,
            timeout_s=PATIENCE_S,
            max_bytes=64 * 1024,
        )
        if not 200 <= answer.status < 300:
            kind = Unwanted if answer.status in UNWANTED else NotSent
            raise kind(f"The other side answered with status {answer.status}.")

    async def _ntfy(self, way: Ntfy, token: str | None, message: Message) -> None:
        body = {
            "topic": way.topic,
            "title": message.title,
            "message": text_of(message, bold="", with_title=False),
            "priority": {Severity.info: 2, Severity.warning: 3, Severity.critical: 5}[message.severity],
            **({"click": message.link} if message.link else {}),
        }
        headers = {"authorization": f"Bearer {token}"} if token else None
        await self._post(way.server, encode(body), headers)

    async def _mail(self, way: Mail, password: str | None, message: Message) -> str | None:
        from app.resources.notifications.mail import send_mail  # a box without mail need not know how

        addresses = await self._guard.addresses(way.host, way.port)
        return await send_mail(way, addresses, password, message)


def text_of(message: Message, *, bold: str, with_title: bool = True) -> str:
    """The message as lines of text."""
    parts = [f"{bold}{message.title}{bold}"] if with_title else []
    return "\n".join([*parts, *filter(None, (message.body, message.remedy, message.link))])
