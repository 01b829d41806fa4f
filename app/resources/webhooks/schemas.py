"""What travels in and out of the webhook calls."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.engine.rows import InstanceError
from app.flow.states import InstanceStatus
from app.kit.errors import Complaint
from app.resources.instances.schemas import InstanceView
from app.resources.webhooks.auth import Auth, HeaderName
from app.resources.webhooks.model import Accepts, Answer, Delivery, Origin, Status, Webhook, WholeDelivery

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

Name = Annotated[str, Meta(min_length=1, max_length=200, description="What people call it")]
Methods = Annotated[list[Method], Meta(min_length=1, max_length=5)]
Secret = Annotated[
    str, Meta(min_length=8, max_length=1_000, description="What senders prove themselves with")
]
Inputs = Annotated[
    dict[str, Any],
    Meta(description="Each input as an expression over body, headers, query and method: `{{ body.title }}`"),
]
WaitSeconds = Annotated[int, Meta(ge=1, le=60)]
PerMinute = Annotated[int, Meta(ge=1, le=100_000, description="Calls a minute, refused ones too")]


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address that starts a workflow.

    `secret`: left out, Studio makes one where `auth` needs it. `inputs`: null takes fields of the body, else
    of the query, by the names of the workflow's inputs; an input `payload` takes the whole body.
    `delivery_header`: where senders number their deliveries, so that each happens once.
    """

    workflow_id: UUID
    name: Name
    auth: Auth
    secret: Secret | None = None
    methods: Methods = msgspec.field(default_factory=lambda: ["POST"])
    accepts: Accepts = Accepts.json
    inputs: Inputs | None = None
    answer: Answer = Answer.at_once
    wait_s: WaitSeconds = 30
    delivery_header: HeaderName | None = None
    max_per_minute: PerMinute = 600
    is_enabled: bool = True


class WebhookChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. Another kind of `auth` without a `secret` gets a new one."""

    name: Name | UnsetType = UNSET
    auth: Auth | UnsetType = UNSET
    secret: Secret | UnsetType = UNSET
    methods: Methods | UnsetType = UNSET
    accepts: Accepts | UnsetType = UNSET
    inputs: Inputs | UnsetType | None = UNSET
    answer: Answer | UnsetType = UNSET
    wait_s: WaitSeconds | UnsetType = UNSET
    delivery_header: HeaderName | UnsetType | None = UNSET
    max_per_minute: PerMinute | UnsetType = UNSET
    is_enabled: bool | UnsetType = UNSET


class LastDeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """The newest delivery, and how the instance it started is now."""

    id: UUID
    status: Status
    instance_id: UUID | None
    instance_status: InstanceStatus | None
    received_at: datetime


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook. Its address is `/hooks/<token>`; of the token only the first letters are known."""

    id: UUID
    workflow_id: UUID
    workflow_name: str
    name: str
    is_enabled: bool
    token_prefix: str
    methods: Methods
    accepts: Accepts
    auth: Auth
    has_secret: bool
    inputs: Inputs | None
    answer: Answer
    wait_s: int
    delivery_header: str | None
    max_per_minute: int
    last_delivery: LastDeliveryView | None
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, webhook: Webhook) -> "WebhookView":
        return msgspec.convert(_fields(cls, webhook), cls, from_attributes=True)


class WebhookShown(WebhookView, frozen=True, kw_only=True):
    """A webhook with what is shown this once: its address when it is new, a secret that Studio made."""

    url: str | None
    secret: str | None

    @classmethod
    def once(cls, view: WebhookView, url: str | None, secret: str | None) -> "WebhookShown":
        fields = {name: getattr(view, name) for name in view.__struct_fields__}
        return cls(**fields, url=url, secret=secret)


class Webhooks(msgspec.Struct, frozen=True, kw_only=True):
    """One page of webhooks, newest first."""

    items: list[WebhookView]
    next_cursor: str | None


class DeliveryErrorView(msgspec.Struct, frozen=True, kw_only=True):
    """Why a delivery was refused, as its sender was told."""

    status: int
    detail: str
    complaints: list[Complaint]


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log. `has_body`: it can be sent again. `delivery_key`: the id its sender gave it."""

    id: UUID
    status: Status
    origin: Origin
    delivery_key: str | None
    method: str
    content_type: str
    size_bytes: int
    sha256: str | None
    has_body: bool
    asset_id: UUID | None
    instance_id: UUID | None
    instance_status: InstanceStatus | None
    error: DeliveryErrorView | None
    address: str | None
    replay_of: UUID | None
    received_at: datetime

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        return msgspec.convert(_line(cls, delivery), cls, from_attributes=True)


class DeliveryDetail(DeliveryView, frozen=True, kw_only=True):
    """One line with everything that was kept: secrets are dots, a body is there when it was small."""

    query: dict[str, Any]
    headers: dict[str, str]
    body: Annotated[str | None, Meta(description="As text; what is no UTF-8 shows as �")]

    @classmethod
    def whole(cls, delivery: WholeDelivery) -> "DeliveryDetail":
        body = None if delivery.body is None else delivery.body.decode("utf-8", "replace")
        return msgspec.convert({**_line(cls, delivery), "body": body}, cls, from_attributes=True)


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a log, newest first."""

    items: list[DeliveryView]
    next_cursor: str | None


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A delivery to try a webhook out with; it needs no proof. `body`: as it reads once it is parsed."""

    body: Any = None
    headers: Annotated[dict[str, str], Meta(max_length=100)] = {}
    query: Annotated[dict[str, str | list[str]], Meta(max_length=100)] = {}
    method: Method | None = None


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender hears when its delivery is kept and its instance has begun."""

    delivery_id: UUID
    instance_id: UUID
    status_url: str


class Done(Taken, frozen=True, kw_only=True):
    """What a sender hears who waited for the result; the delivery is done, also when the instance failed."""

    status: InstanceStatus
    outputs: dict[str, Any] | None
    error: InstanceError | None

    @classmethod
    def of(cls, taken: Taken, instance: InstanceView) -> "Done":
        fields = {name: getattr(taken, name) for name in taken.__struct_fields__}
        return cls(**fields, status=instance.status, outputs=instance.outputs, error=instance.error)


def _fields(view: type[msgspec.Struct], row: Webhook) -> dict[str, Any]:
    fields = {name: getattr(row, name, None) for name in view.__struct_fields__}
    return {**fields, "has_secret": row.secret is not None}


def _line(view: type[msgspec.Struct], row: Delivery) -> dict[str, Any]:
    fields = {name: getattr(row, name, None) for name in view.__struct_fields__}
    return {**fields, "sha256": None if row.sha256 is None else row.sha256.hex()}
