"""`python -m worker.verify.looking`: does the judge of this machine see concepts in pictures that lie in files?

What to look at comes as JSON on stdin, what was seen goes as JSON to stdout; `sepme.verification.judging` asks.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from PIL import Image
from pydantic import ValidationError

from sepme_core.erasure.looking import limit_of
from sepme_core.evaluation.classifier import Classifier
from sepme_core.models.model import BaseNotSupported
from sepme_core.settings import Settings
from worker.process import ClassifierNotUsable, load_classifier, load_model


class NobodyLooks(Exception):
    """There is no judge for these pictures; the message says why and what to do."""


def main() -> int:
    """Look, and tell; nobody's looking is told like everything else.

    Returns: the exit status, 0.
    """
    asked: Mapping[str, Any] = json.load(sys.stdin)
    try:
        judge = judge_for(asked["base_digest"], Settings())
        seen = {each["name"]: _seen(judge, each) for each in asked["concepts"]}
        told = {"by": judge.name, "why": "", "seen": {name: each for name, each in seen.items() if each is not None}}
    except (NobodyLooks, ClassifierNotUsable, BaseNotSupported, ValidationError) as reason:
        told = {"by": "", "why": str(reason), "seen": {}}
    print(json.dumps(told))
    return 0


def judge_for(base_digest: str, settings: Settings) -> Classifier:
    """The classifier that the settings name, or the one beside the model where that is the one that drew.

    Raises:
        NobodyLooks: there is none, or it belongs to another model.
        ClassifierNotUsable: it cannot be loaded.
        BaseNotSupported: the model cannot be loaded.
    """
    judge = load_classifier(settings)
    if judge is None:
        raise NobodyLooks(
            f"no classifier lies beside the model {settings.model}: set SEPME_CLASSIFIER to the folder of a CLIP model"
        )
    if settings.classifier is None:
        here = load_model(settings).digest
        if here != base_digest:
            raise NobodyLooks(
                f"the service draws with {base_digest}, and {settings.model} is {here}: set SEPME_MODEL to the "
                "service's model, or SEPME_CLASSIFIER to the folder of a CLIP model"
            )
    return judge


def _seen(judge: Classifier, concept: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Which pictures show a concept, and how many may; None where the judge does not know it."""
    pictures = []
    for file in concept["files"]:
        with Image.open(file) as picture:
            pictures.append(picture.convert("RGB"))
    shows = judge.sees(pictures, concept["kind"], concept["prompts"])
    return None if shows is None else {"shows": shows, "limit": limit_of(len(shows))}


if __name__ == "__main__":
    sys.exit(main())
