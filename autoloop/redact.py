"""Keeping secrets out of what is written down."""

from __future__ import annotations

import re
from collections.abc import Mapping

SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
SHORTEST_SECRET = 8  # shorter values would blank out ordinary words


def redact(text: str, environment: Mapping[str, str]) -> str:
    """Return ``text`` with the value of every secret-looking variable replaced by the variable's name.

    Args:
        text: What is about to be written.
        environment: The variables whose values may occur in it.
    """
    for name, value in environment.items():
        if SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET and value in text:
            text = text.replace(value, f"<{name}>")
    return text
