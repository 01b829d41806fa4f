"""Words that complaints and health checks are made of."""

from app.flow.wording import size


def test_sizes_are_said_as_the_ui_says_them() -> None:
    said = ["0 B", "999 B", "1.5 KB", "20 MB", "5.0 GB", "71 TB", "7100 TB"]
    assert [size(one) for one in (0, 999, 1536, 20 * 10**6, 5 * 10**9, 71 * 10**12, 71 * 10**14)] == said
