"""Python's garbage collector, told what will never be garbage."""

import gc


def spare_what_stands() -> None:
    """Leave everything made so far out of every later collection; a program calls it once, when put together.

    A full collection looks at every object there is, and most of the API's 144,000 are code and declarations.
    It stopped every request for 100 to 140 ms, about once in a thousand webhook deliveries: their p99 at 20
    senders was 126 ms and is 47 ms without (measured on 2 cores).
    """
    gc.freeze()
