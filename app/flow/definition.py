"""The shapes of a workflow document (schema 1) as frozen structs, and the bounds they keep.

Only shapes: `document.py` reads JSON into them, `check.py` knows what they mean.
"""

from enum import StrEnum
from typing import Any, Final

import msgspec

from app.flow.messages import ErrorClass

SCHEMA: Final = 1
MAX_NODES: Final = 2_000
MAX_INPUTS: Final = 200
MAX_OUTPUTS: Final = 200
MAX_CHOICES: Final = 1_000
MAX_DEPTH: Final = 32  # levels of lists and objects inside one value
MAX_TIMEOUT_S: Final = 7 * 24 * 3600.0
MAX_ITEMS: Final = 10_000  # of one fan-out, nested or not, and of one list that a run starts with
MAX_LEVELS: Final = 4  # of a nested fan-out
MAX_ZIPPED: Final = 20  # lists side by side
MAX_PARALLEL: Final = 1_000
MAX_CONCURRENCY: Final = 10_000
MAX_RETRIES: Final = 20
MAX_BACKOFF_S: Final = 3600.0
MAX_POLICIES: Final = 8
MIN_PRIORITY: Final = -100
MAX_PRIORITY: Final = 100


class OnError(StrEnum):
    """What a failed step means for the instance."""

    fail = "fail"
    continue_ = "continue"


class Go(msgspec.Struct, frozen=True):
    """A failed step does not end the instance: this node runs, which is skipped when the step succeeds."""

    go: str


class Join(StrEnum):
    """When a node opens that several others lead to.

    A node that no branch led to is skipped: all before it were skipped, or went another way.
    """

    all = "all"  # when every one has settled, if at least one led here
    any = "any"  # as soon as one led here; what the others give later is not waited for
    always = "always"  # when every one has settled, whatever became of them


class OnItemError(StrEnum):
    """What a failed item means for its fan-out: end it, or let the others go on and mark the place."""

    fail_fast = "fail_fast"
    collect = "collect"


class Lengths(StrEnum):
    """What zipped lists of different lengths mean: a fault, stop at the shortest, or fill up with null."""

    strict = "strict"
    shortest = "shortest"
    longest = "longest"


class Cache(StrEnum):
    """Whether what a step gave on the same inputs before is given again."""

    on = "on"
    off = "off"


class Mode(StrEnum):
    """Whether a node takes part."""

    enabled = "enabled"
    skip = "skip"  # as if its `when` were false
    stop = "stop"  # the instance stops before it until a person starts it


class OnLimit(StrEnum):
    """What becomes of a start while as many instances run as may."""

    queue = "queue"  # it waits for its turn
    skip = "skip"  # it is refused
    replace_ = "replace"  # those that run are cancelled for it


class Concurrency(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many instances of a workflow run at once."""

    limit: int
    on_limit: OnLimit = OnLimit.queue


class Retry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which failures to try again, how often and how soon. Lost attempts are not counted here."""

    max: int = 0  # tries after the first
    backoff_s: float = 5.0  # before the first retry; doubled with each
    max_backoff_s: float = MAX_BACKOFF_S  # where the doubling ends
    jitter: float = 0.1  # up to this share longer, by chance, so that what failed together is spread
    on: tuple[ErrorClass, ...] = (ErrorClass.transient,)


class Input(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value the workflow asks for when it starts. Without a default it is required; null is a default.

    `min` and `max` bound a number, the length of a text, or how many items a list has.
    """

    type: str
    label: str = ""
    description: str = ""
    default: Any = msgspec.UNSET
    min: float | None = None
    max: float | None = None
    choices: tuple[Any, ...] = ()
    multiline: bool = False
    placeholder: str = ""

    @property
    def is_required(self) -> bool:
        """Whether a start without this input is refused."""
        return self.default is msgspec.UNSET

    @property
    def may_be_null(self) -> bool:
        """Whether expressions may meet null here."""
        return self.default is None


Number = str | float  # a number, or an expression that gives one


class Zip(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Lists side by side: the item is an object with one value of each."""

    zip: dict[str, str | list[Any]]
    lengths: Lengths = Lengths.strict


class Bounds(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From where to where a range counts, both ends included."""

    from_: Number = msgspec.field(name="from", default=1)
    to: Number
    step: Number = 1


class Range(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Numbers in a row: the item is one of them."""

    range: Bounds


Level = str | list[Any] | Zip | Range


class Nested(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Lists in lists, from the outside in: the item is one of the innermost."""

    nested: tuple[Level, ...]


Each = Level | Nested


class Node(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step to be: its type, its values and the rules it runs by. `{{ … }}` is not yet evaluated."""

    id: str
    type: str
    with_: dict[str, Any] = msgspec.field(name="with", default_factory=dict)
    needs: tuple[str, ...] = ()
    when: str | bool | None = None
    each: Each | None = None
    max_parallel: int | None = None
    on_item_error: OnItemError | None = None  # None: as on_error says
    timeout_s: float | None = None
    retry: Retry | tuple[Retry, ...] = ()  # several: the first for a failure's class decides
    join: Join = Join.all
    on_error: OnError | Go = OnError.fail
    priority: int = 0  # more is sooner
    cache: Cache | None = None  # None: as its type says
    mode: Mode = Mode.enabled
    name: str = ""
    note: str = ""


class Definition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A whole workflow. `ui` belongs to the editor and is kept as it came.

    `timeout_s`: of an instance, from its start or from the end of its wait for a turn.
    """

    schema: int
    name: str = ""
    description: str = ""
    inputs: dict[str, Input] = {}
    nodes: tuple[Node, ...] = ()
    outputs: dict[str, Any] = {}
    timeout_s: float | None = None
    concurrency: Concurrency | None = None
    ui: dict[str, Any] = {}
