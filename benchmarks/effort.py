"""Whether fewer passes of the U-Net come to the same verdicts, on the demo model: ``python -m benchmarks.effort``.

Large models are erased from with an economical effort; here both are forced on the demo model, for some of its concepts
and for words it does not know. Verdicts are equal where both draw, or do not draw, the concept, and both forget it, or
do not; what the economical one made is looked at thoroughly too. The substitute and the steps are told besides.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.presence import UNKNOWN
from sepme_core.erasure import ErasureCache, ErasureRefused, ErasureRequest, erase, recertify, run_to_end
from sepme_core.erasure.effort import ECONOMICAL, THOROUGH, Effort
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel, load_base

KNOWN = 12


@dataclass(frozen=True)
class Verdict:
    """What came of a concept, and what it took: passes of the U-Net on one picture (two a guided step), and calls."""

    said: str
    besides: str
    rows: int
    calls: int
    increment: Increment | None = None


def main() -> None:
    """Print a line a concept, and how many verdicts differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--known", type=int, default=KNOWN, help="how many of the model's own concepts")
    asked = parser.parse_args()
    base, different, unlike = load_base("demo", device="cpu"), 0, 0
    objects = base.suggestions.objects[:: max(3 * len(base.suggestions.objects) // (2 * asked.known), 1)]
    styles = base.suggestions.styles[: max(asked.known - len(objects), 1)]
    caches = {name: ErasureCache(base, effort=each) for name, each in efforts().items()}
    for kind, names in (("object", (*objects, *UNKNOWN)), ("style", styles)):
        for name in names:
            verdicts = {effort: judge(cache, name, kind) for effort, cache in caches.items()}
            same = len({verdict.said for verdict in verdicts.values()}) == 1
            different += not same
            print(f"{name} ({kind}): {'same' if same else 'DIFFERENT'}")
            increment = verdicts["economical"].increment
            if increment is not None:
                seen = recertify(base, increment, cache=caches["thorough"])["forgotten"]
                unlike += not seen["forgotten"]
                print(f"  the economical one's, looked at thoroughly: seen in {seen['seen']} of {seen['pictures']}")
            for effort, verdict in verdicts.items():
                print(f"  {effort}: {verdict.said}; {verdict.besides}; {verdict.rows} passes, {verdict.calls} calls",
                      flush=True)  # fmt: skip
    print(f"verdicts that differ: {different}; forgotten by the economical effort and not by the thorough: {unlike}")


def efforts() -> dict[str, Effort]:
    """What is compared."""
    return {"thorough": THOROUGH, "economical": ECONOMICAL}


def judge(cache: ErasureCache, name: str, kind: str) -> Verdict:
    """Erase a concept, and count."""
    request = ErasureRequest(name, kind, (name,))
    increment: Increment | None = None
    with counted(cache.base) as batches:
        try:
            made = run_to_end(erase(cache.base, request, cache=cache))
        except ErasureRefused as refused:
            said, besides = refused.code, ""
        else:
            increment = made.increment
            certificate = increment.certificate
            sight, substitute = certificate["forgotten"], certificate["substitute"]
            said = "forgotten" if sight["forgotten"] else "not forgotten"
            besides = (
                f"seen in {sight['seen']} of {sight['pictures']} (before in {sight['seen_before']}),"
                f" {certificate['steps']} steps, L_cor {certificate['relative_loss']:.2f}, {substitute['phrase']}"
            )
    return Verdict(said, besides, sum(batches), len(batches), increment)


@contextmanager
def counted(base: DiffusionModel) -> Iterator[list[int]]:
    """The size of every batch that the U-Net is called with; a guided picture is two."""
    batches: list[int] = []

    def note(_unet: Any, given: tuple[Any, ...]) -> None:
        batches.append(len(given[0]))

    hook = base.unet.register_forward_pre_hook(note)
    try:
        yield batches
    finally:
        hook.remove()


if __name__ == "__main__":
    main()
