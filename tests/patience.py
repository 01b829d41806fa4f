"""How long a test waits for what must happen.

It waits for a signal and goes on at once, so patience costs nothing while all is well; a busy machine may
need a minute for what takes a second. Below pytest's own timeout, which ends what hangs.
"""

PATIENCE_S = 100.0
