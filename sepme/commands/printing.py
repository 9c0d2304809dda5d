"""What is printed where: results on stdout, everything else on stderr, and nothing that moves the cursor."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def document(said: Any) -> None:
    """Print the one JSON document of `--json`."""
    print(json.dumps(said, indent=2, ensure_ascii=False))


def lines(said: Iterable[str]) -> None:
    """Print a result."""
    print("\n".join(printable(line) for line in said), flush=True)


def note(said: str) -> None:
    """Say something that is no result."""
    print(printable(said), file=sys.stderr, flush=True)


def members(said: Iterable[tuple[str, Any]]) -> list[str]:
    """Names and what they are, in two columns; None is left out."""
    shown = [(name, value) for name, value in said if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    return [f"  {name:{width}}  {value}" for name, value in shown]


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], nothing: str) -> None:
    """Print a table: fitted to a terminal, whole lines elsewhere. Where it has no row, `nothing` is said on stderr."""
    cells = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    if not cells:
        note(nothing)
    elif sys.stdout.isatty():
        _fitted(columns, cells)
    else:
        widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
        for row in ([name.upper() for name in columns], *cells):
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def names(listed: Sequence[str], most: int = 8) -> str:
    """Names in a row, the first of many."""
    more = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {more} more" if more > 0 else "")


def printable(text: str) -> str:
    """A text as it can be shown: what a stranger wrote is not to move the cursor."""
    return "".join(each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text)


def _fitted(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in cells:
        shown.add_row(*(Text(cell) for cell in row))
    Console().print(shown)
