"""Figures of rounds, and how they are printed."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def spread(figures: Iterable[float]) -> str:
    """Write the least, the middle and the greatest."""
    known = sorted(figures)
    return "/".join(f"{figure:.2f}" for figure in (known[0], median(known), known[-1]))


def ratios(mine: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Divide round by round, so that a slow round slows both."""
    return [one / other for one, other in zip(mine, theirs, strict=True)]


def tell(what: str, figures: Iterable[float], unit: str) -> None:
    """Print one line."""
    print(f"  {what:58} {spread(figures):>24} {unit}", flush=True)
