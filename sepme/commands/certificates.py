"""A concept and its certificate in words. What each figure is: docs/certificate.md."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sepme.commands import printing

HOW = {"asked": "as asked", "chosen": "chosen", "absence": "nothing else", "away": "half the way beyond that"}


def said(concept: Mapping[str, Any]) -> list[str]:
    """All that is known of a concept, a line each."""
    return [_heading(concept), *printing.members([*_of_concept(concept), *measured(concept["certificate"] or {})])]


def measured(certificate: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What was measured and seen of an increment; what an earlier release did not measure is left out."""
    if sight := certificate.get("forgotten"):
        yield "forgotten", _seen(sight)
    if substitute := certificate.get("substitute"):
        yield (
            "drawn instead",
            f"{substitute['phrase'] or 'the sentence without it'} ({HOW.get(substitute['how'], substitute['how'])})",
        )
    if "correlation" in certificate:
        yield "correlation", f"{certificate['correlation']:.4f} with what it was (1: nothing is erased, 0: unrelated)"
    if leak := certificate.get("leak"):
        yield "others", _leaks(leak)
    if certificate.get("effect_kept") is not None and certificate.get("reason") != "erased":
        yield "effect kept", f"{certificate['effect_kept']:.0%} of what it had before it was re-projected"
    if certificate.get("given_up"):
        yield "given up", printing.names([each["concept"] for each in certificate["given_up"]])
    if certificate.get("overridden"):
        yield "overridden", ", ".join(certificate["overridden"])
    yield from _made(certificate)


def _heading(concept: Mapping[str, Any]) -> str:
    version = "" if concept["version"] is None else f", version {concept['version']}"
    for_good = ", for good" if concept["irrevocable"] else ""
    return f"{concept['name']}: {concept['state']}{for_good}{version}"


def _of_concept(concept: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "kind", concept["kind"]
    yield "prompts", _quoted(concept["prompts"])
    yield "protects", _quoted(concept["protect"]) or None
    yield "further names", ", ".join(each["name"] for each in concept["further_names"]) or None
    yield "digest", concept["digest"]
    yield "size", None if concept["bytes"] is None else f"{concept['bytes']} bytes"
    yield "job", concept["job"]


def _seen(sight: Mapping[str, Any]) -> str:
    held = "yes" if sight["forgotten"] else "NO"
    seen = f"seen in {sight['seen']} of {sight['pictures']} pictures"
    bounds = f"{sight['seen_before']} without the increment, {sight['limit']} allowed"
    return f"{held}: {seen} ({bounds}), looked at by {' and '.join(sight['by'])}"


def _leaks(leak: Mapping[str, Any]) -> str:
    if leak.get("concept") is None:
        return "there are none yet that it could move"
    most = f"{leak['concept']} is moved most, by {leak['max']:.2%}"
    if "other" not in leak:
        return most
    return f"{most} on listed prompts; on other wordings the most is {leak['other']['max']:.2%}"


def _made(certificate: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    made = [f"in {certificate['seconds']:.1f} s"] if "seconds" in certificate else []
    made += [f"{certificate['steps']} steps"] if "steps" in certificate else []
    made += [str(certificate["loop"])] if certificate.get("loop") else []
    yield "made", ", ".join(made) or None
    if room := certificate.get("directions"):
        yield "room", f"{room['used']} directions used, {room['left']} were left of {room['of']}"
    yield "case", certificate.get("case")
    yield "reason", certificate.get("stated_reason")
    if entry := certificate.get("audit"):
        yield "audit", f"entry {entry['sequence']}, {entry['hash']}"


def _quoted(prompts: Sequence[str]) -> str:
    return printing.names([f"“{prompt}”" for prompt in prompts])
