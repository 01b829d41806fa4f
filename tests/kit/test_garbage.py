"""What stands when a program is put together is not looked at again."""

import gc

from app.kit.garbage import spare_what_stands


def test_what_stands_is_spared_and_what_comes_is_collected() -> None:
    try:
        spare_what_stands()
        assert gc.get_freeze_count() > 10_000
        ring: list[object] = []
        ring.append(ring)
        del ring
        assert gc.collect() >= 1
    finally:
        gc.unfreeze()
