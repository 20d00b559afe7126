"""Numbers in sentences."""

from __future__ import annotations


def counted(number: float, word: str) -> str:
    """A number and what it counts; the plural of the word ends in ``s``.

    >>> counted(1, "round"), counted(3, "round"), counted(0.5, "hour")
    ('1 round', '3 rounds', '0.5 hours')
    """
    text = str(number) if isinstance(number, int) else f"{number:g}"
    return f"{text} {word}" + ("" if text == "1" else "s")
