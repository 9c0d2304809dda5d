"""A finished case as a line of the table."""

from collections.abc import Mapping
from typing import Any


def line(result: Mapping[str, Any]) -> str:
    """A case as a line of the table; ``!`` marks a bar that is missed."""
    parts = []
    bars = result.get("bars", {})
    if "forgotten" in result:
        worst = max(result["forgotten"], key=result["forgotten"].__getitem__)
        mean = sum(result["forgotten"].values()) / len(result["forgotten"])
        limits = bars.get("forgotten", {})
        judged = {**result["forgotten"], **result.get("again", {})}
        missed = "!" if any(seen > limits.get(name, 100) for name, seen in judged.items()) else ""
        parts.append(f"forgotten mean {mean:.1f} worst {result['forgotten'][worst]:.1f} % ({worst}){missed}")
    if result.get("drops"):
        worst = max(result["drops"], key=result["drops"].__getitem__)
        mean = sum(result["drops"].values()) / len(result["drops"])
        missed = "!" if mean > bars["mean_drop"] or result["drops"][worst] > bars["worst_drop"] else ""
        parts.append(f"else mean -{mean:.1f} worst -{result['drops'][worst]:.1f} ({worst}){missed}")
    if "similarity" in result:
        s = result["similarity"]
        missed = "!" if s["mean"] < 0.99 or s["worst"] < 0.97 else ""
        parts.append(f"SSIM mean {s['mean']:.4f} worst {s['worst']:.4f} ({s['worst_of']}){missed}")
        lost = max(result["lost"], key=result["lost"].__getitem__)
        parts.append(f"right -{result['lost'][lost]:.1f} ({lost}){'!' if result['lost'][lost] > 2 else ''}")
    for name, form in {
        "stale": "before re-projection {}",
        "reasons": "{}",
        "refused": "refused {}",
        "again": "again, 360 pictures: {}",
    }.items():
        if result.get(name):
            parts.append(form.format(result[name]))
    if "kb" in result:
        parts.append(f"{result['kb']:.0f} kB")
    if "seconds" in result:
        parts.append(f"{result['seconds']:.1f} s each")
    if "identical" in result:
        parts.append(f"{result['identical']} of {result['of']} pictures identical")
    if "cells" in result:
        parts.append(f"cells of {result['cells']} or more")
    return " | ".join(parts)
