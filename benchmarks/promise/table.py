"""Finished cases as the table."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.promise.figures import Figure

WIDE = 54


def lines(name: str, result: Mapping[str, Any]) -> Iterator[str]:
    """A case: what it was of, its figures with their bars, and what is said besides; ``!`` marks a missed bar."""
    names = result.get("names", ())
    yield f"{name}" + (f" ({', '.join(names)})" if 0 < len(names) <= 6 else "")
    for figure in map(Figure.read, result["figures"]):
        yield f"  {figure.what:{WIDE}} {figure.said()}"
    said = [f"cells of {result['cells']} or more"] if "cells" in result else []
    if "cost" in result:
        said.append(cost_of(result["cost"]))
    for key, form in {"refused": "refused: {}", "counts": "{}", "quantiles": "{}", "came": "{}"}.items():
        if result.get(key) and not (key == "came" and "counts" in result):
            said.append(form.format(plainly(result[key])))
    if result.get("above"):
        said.append("seen: " + "; ".join(result["above"]))
    yield "  " + "; ".join(said)


def plainly(value: Mapping[str, Any]) -> str:
    """A small mapping in one line."""
    return ", ".join(f"{key} {', '.join(each) if isinstance(each, list) else each}" for key, each in value.items())


def cost_of(cost: Mapping[str, Any]) -> str:
    """Seconds, steps, attempts and size."""
    return (
        f"{cost['seconds']:.1f} s each, {cost['stepped']} took steps (mean {cost['steps']:.1f}),"
        f" {cost['again']} more than one attempt, {cost['kb']:.0f} kB"
    )


def side_by_side(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The mask cases from both starts."""
    for name, zero in results.items():
        plain = results.get(name.removesuffix("-from-zero"))
        if not name.endswith("-from-zero") or plain is None:
            continue
        yield f"{name.removesuffix('-from-zero')}: from the closed form | from zero"
        for a, b in zip(map(Figure.read, plain["figures"]), map(Figure.read, zero["figures"]), strict=True):
            yield f"  {a.what:{WIDE}} {a.said()} | {b.said()}"
        yield f"  {cost_of(plain['cost'])} | {cost_of(zero['cost'])}"
