"""A certificate in plain sentences, and its figures: what was measured, against what, and what it came to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Certificate = Mapping[str, Any]
LOOKERS = {
    "model": "the model itself",
    "judge": "the demo model's classifier",
    "clip": "a CLIP classifier",
}
REFUSALS = {
    "concept-not-drawn": "the model draws nothing for it",
    "concept-too-close": "it is too close to something that is to stay",
    "not-forgotten": "pictures still show it",
}


@dataclass(frozen=True)
class Figure:
    """A measured number: what it is called, how it reads, and what it is to be held against."""

    name: str
    value: str
    meaning: str


def share(value: float) -> str:
    """A share in percent, to three digits at the most."""
    percent = 100 * value
    return f"{percent:.0f} %" if abs(percent) >= 10 else f"{percent:.2g} %"  # noqa: PLR2004  (where two digits stand)


def sentences(certificate: Certificate) -> list[str]:
    """What the certificate says, a sentence a finding. Those of earlier releases say less."""
    said = (_sight, _substitute, _correlation, _leak, _overlap, _making, _room, _kept, _exceptions)
    return [sentence for say in said for sentence in say(certificate)]


def _sight(certificate: Certificate) -> Iterator[str]:
    seen = certificate.get("forgotten")
    if not seen:
        return
    lookers = " and ".join(LOOKERS.get(each, each) for each in seen["by"])
    verdict = "It is forgotten" if seen["forgotten"] else "It is not forgotten"
    yield (
        f"{verdict}: with the increment {lookers} saw it in {seen['seen']} of {seen['pictures']} pictures, "
        f"without it in {seen['seen_before']}. In {seen['limit']} it may be."
    )


def _substitute(certificate: Certificate) -> Iterator[str]:
    named = certificate.get("substitute")
    if not named:
        return
    how = {"asked": "as it was asked for", "chosen": "chosen by the service"}.get(named["how"])
    if how:
        yield f"A prompt that names it draws “{named['phrase']}” instead, {how}."
    elif named["how"] == "away":
        yield "All of its kind is erased, so a prompt that names it is drawn away from its kind."
    else:
        yield "A prompt that names it is drawn as if it were not named."


def _correlation(certificate: Certificate) -> Iterator[str]:
    left = certificate.get("relative_loss")
    if left is not None:
        yield f"Of the correlation with what it was {share(left)} is left: 100 % would be no erasure, 0 % is unrelated."


def _leak(certificate: Certificate) -> Iterator[str]:
    leak = certificate.get("leak") or {}
    listed, other = leak.get("listed"), leak.get("other")
    if listed and listed.get("concept"):
        yield (
            f"Of what is to stay, “{listed['concept']}” is moved most: by {share(listed['max'])} of its "
            f"representation on its listed sentences, all of them by {share(listed['mean'])} in the mean."
        )
    elif listed:
        yield "Nothing else was known when it was made, so there was nothing to move."
    if other and other.get("concept"):
        yield (
            f"On other wordings, which no erasure works with, “{other['concept']}” is moved most: by "
            f"{share(other['max'])}, all of them by {share(other['mean'])} in the mean."
        )


def _overlap(certificate: Certificate) -> Iterator[str]:
    nearest = certificate.get("overlap") or {}
    if nearest.get("concept"):
        yield (
            f"Its nearest neighbour is “{nearest['concept']}”: an erasure that protected nothing would act on that "
            f"with {share(nearest['max'])} of its strength."
        )


def _making(certificate: Certificate) -> Iterator[str]:
    if "loop" in certificate:
        steps = certificate["steps"]
        taken = {0: "no step", 1: "one step"}.get(steps, f"{steps} steps")
        yield f"It took {taken} of the optimiser: {certificate['loop']}."
    if certificate.get("seconds"):
        yield f"It took {certificate['seconds']:.0f} seconds to make, its pictures included."


def _room(certificate: Certificate) -> Iterator[str]:
    room = certificate.get("directions")
    if room:
        yield (
            f"It takes {room['used']} of the {room['of']} directions; beside what is protected there were"
            f" {room['left']}."
        )


def _kept(certificate: Certificate) -> Iterator[str]:
    kept = certificate.get("effect_kept")
    if kept is not None and certificate.get("reason") in ("reprojected", "refined"):
        yield f"After making room for what came later it keeps {share(kept)} of the effect that was trained."


def _exceptions(certificate: Certificate) -> Iterator[str]:
    for each in certificate.get("given_up") or []:
        yield f"By override the protection of “{each['concept']}” was given up (overlap {share(each['overlap'])})."
    for each in certificate.get("overridden") or []:
        yield f"By override it serves although {REFUSALS.get(each, each)}."


def figures(certificate: Certificate) -> list[Figure]:
    """The numbers, each with what it is to be held against."""
    found = [
        Figure(name, f"{certificate[name]:.4g}", meaning) for name, meaning in _MEANINGS.items() if name in certificate
    ]
    for which, words in (("listed", "on listed sentences"), ("other", "on other wordings")):
        leak = (certificate.get("leak") or {}).get(which)
        if leak:
            found.append(Figure(f"leak.{which}.max", f"{leak['max']:.4g}", f"the most that anything is moved {words}"))
            found.append(
                Figure(f"leak.{which}.mean", f"{leak['mean']:.4g}", f"the mean over {leak['sentences']} {words}")
            )
    return found


_MEANINGS = {
    "correlation": "cosine of its representation with and without the increment; 0 is unrelated",
    "relative_loss": "correlation loss over its value without the increment; 0 is unrelated",
    "distance": "what is left of the way to what is drawn instead; 0 is there",
    "relative_norm": "mean size of the change over the size of the weights that it is beside",
    "unreached": "share of the wanted change that linear algebra leaves undone",
    "steps": "optimiser steps behind it",
    "attempt": "which attempt it was",
    "effect_kept": "share of the trained effect that is kept",
    "bytes": "size of the increment",
}
