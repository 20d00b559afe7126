"""One noun for each thing."""

import re
from collections import Counter
from pathlib import Path

ROOT = next(place for place in Path(__file__).parents if (place / "pyproject.toml").is_file())


def test_no_two_classes_have_one_name():
    """Whoever reads a name need not ask from which room it is."""
    sources = [*(ROOT / "autoloop").rglob("*.py"), *(ROOT / "hydra_plugins").rglob("*.py")]
    names = [name for path in sources for name in re.findall(r"^class (\w+)", path.read_text(), re.MULTILINE)]
    assert len(names) > 200
    assert [name for name, count in Counter(names).items() if count > 1] == []
