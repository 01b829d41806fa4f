"""What a program hears that called a step back."""

import msgspec


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """Your call was taken; what follows from it is the workflow's business."""

    accepted: bool = True
