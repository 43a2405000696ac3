"""Turns the figures of all rounds into ratios, a table and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.measures import MEASURES
from benchmarks.subjects import CORE_PYCAPNP, NAMES, OF_CORE, PYCAPNP, PYCAPNP_THREADS, SOCKET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.measures import Measure
    from benchmarks.rounds import Results


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the middle and the greatest of the rounds."""

    min: float
    median: float
    max: float


@dataclass(frozen=True, slots=True)
class Row:
    """One subject under one measure. None: no figure."""

    figure: Spread | None
    to_pycapnp: Spread | None
    to_threads: Spread | None
    to_socket: Spread | None
    reason: str | None


def _spread(figures: Sequence[float | None]) -> Spread | None:
    known = [figure for figure in figures if figure is not None]
    return Spread(min(known), median(known), max(known)) if known else None


def _ratio(figures: Sequence[float | None], yardstick: Sequence[float | None]) -> Spread | None:
    """Divide round by round, so that a slow round slows both."""
    return _spread(
        [
            mine / theirs if mine is not None and theirs is not None and theirs > 0 else None
            for mine, theirs in zip(figures, yardstick, strict=False)
        ]
    )


def rows(results: Results, measure: str) -> dict[str, Row]:
    """Return the rows of `measure` by subject, in the order of the list of subjects."""
    figures = results.figures.get(measure, {})
    return {
        name: Row(
            _spread(figures[name]),
            _ratio(figures[name], figures.get(CORE_PYCAPNP if name in OF_CORE else PYCAPNP, [])),
            _ratio(figures[name], figures.get(PYCAPNP_THREADS, [])),
            _ratio(figures[name], figures.get(SOCKET, [])),
            results.reasons.get(measure, {}).get(name),
        )
        for name in NAMES
        if name in figures
    }


def as_json(results: Results, run: dict[str, object]) -> dict[str, Any]:
    """Return everything the table shows, and the figure of each round."""
    return {
        "run": run,
        "measures": {
            measure: {
                "title": MEASURES[measure].title,
                "unit": MEASURES[measure].unit,
                "lower_is_better": MEASURES[measure].lower_is_better,
                "about": MEASURES[measure].about,
                "subjects": {
                    name: asdict(row) | {"rounds": results.figures[measure][name]}
                    for name, row in rows(results, measure).items()
                },
            }
            for measure in results.figures
        },
        "subjects": results.about,
        "unavailable": results.unavailable,
    }


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _cells(spread: Spread | None) -> str:
    values = ("-", "-", "-")
    if spread is not None:
        values = (_number(spread.min), _number(spread.median), _number(spread.max))
    return "".join(f"{value:>9}" for value in values)


def _block(measure: Measure, table: dict[str, Row], width: int) -> Iterator[str]:
    better = "lower" if measure.lower_is_better else "higher"
    yield f"{measure.title}, {measure.unit} ({better} is better)"
    heads = (f"{measure.unit}", "/ pycapnp", "/ its threads", "/ socket")
    yield f"  {'':{width}}" + " |".join(f"{head:>27}" for head in heads)
    one = "".join(f"{head:>9}" for head in ("min", "median", "max"))
    yield f"  {'':{width}}" + " |".join([one] * 4)
    for name, row in table.items():
        if row.figure is None:
            yield f"  {name:{width}}  {row.reason or 'no figure'}"
            continue
        cells = " |".join(map(_cells, (row.figure, row.to_pycapnp, row.to_threads, row.to_socket)))
        note = f"  ({row.reason})" if row.reason else ""
        yield f"  {name:{width}}{cells}{note}"
    yield ""


def as_table(results: Results, rounds: int) -> str:
    """Return the table, with a footer that says what each figure is."""
    width = max(map(len, NAMES))
    lines: list[str] = []
    for measure in results.figures:
        lines += _block(MEASURES[measure], rows(results, measure), width)
    lines.append(f"min, median, max: of {rounds} rounds, each with new processes, interleaved.")
    lines.append("/ pycapnp, / its threads, / socket: ratio to that subject's figure of the same round;")
    lines.append("  for clients of Core, / pycapnp is the ratio to pycapnp's client of Core.")
    lines.append("One client process and one server process each, on this machine.")
    lines.append("Measures:")
    lines += [f"  {MEASURES[name].title}: {MEASURES[name].about}" for name in results.figures]
    lines.append("Subjects:")
    lines += [f"  {name}: {results.about[name]}" for name in NAMES if name in results.about]
    if results.unavailable:
        lines.append("Not measured:")
        lines += [f"  {name}: {reason}" for name, reason in results.unavailable.items()]
    return "\n".join(lines)
