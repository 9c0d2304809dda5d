"""Who looks at pictures besides the model that drew them: does a picture show a concept?

The demo model brings a judge of its own. For other models a folder with a CLIP model can be named: it compares a
picture with the concept's phrases and with other phrases of the same kind (zero-shot, arXiv 2103.00020).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from transformers import CLIPModel, CLIPProcessor

from sepme_core.evaluation.judge import Judge, load_judge
from sepme_core.wordings import MANNERS, SUBJECTS, fill, mentions

CONTENT, STYLE = "a picture of {}", "a picture in the style of {}"
ARTICLES = ("a ", "an ", "the ")


class Classifier(Protocol):
    """Tells whether pictures show a concept."""

    @property
    def name(self) -> str:
        """What a certificate calls it."""
        ...

    def sees(self, pictures: Sequence[Image.Image], kind: str, phrases: Sequence[str]) -> list[bool] | None:
        """Whether each picture shows the concept; None where the classifier does not know it."""
        ...


class JudgeClassifier:
    """The demo model's judge: knows its own objects and styles."""

    name = "judge"

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def sees(self, pictures: Sequence[Image.Image], kind: str, phrases: Sequence[str]) -> list[bool] | None:
        """By the class that a phrase names, its article aside."""
        wanted = {without_article(phrase) for phrase in phrases}
        if kind == "style":
            return [each.look in wanted for each in self._judge.look_at(pictures)] if self._knows_look(wanted) else None
        if not wanted & set(self._judge.objects):
            return None
        return [each.object in wanted for each in self._judge.look_at(pictures)]

    def _knows_look(self, wanted: set[str]) -> bool:
        return bool(wanted & set(self._judge.looks))


class ClipClassifier:
    """A CLIP model from a folder: sees a concept where its phrase fits a picture best among others of its kind."""

    name = "clip"

    def __init__(self, folder: Path) -> None:
        """Raise OSError where no CLIP model lies in ``folder``."""
        self._model = CLIPModel.from_pretrained(folder, use_safetensors=True).eval()
        self._processor = CLIPProcessor.from_pretrained(folder)

    @torch.no_grad()
    def sees(self, pictures: Sequence[Image.Image], kind: str, phrases: Sequence[str]) -> list[bool] | None:
        """Zero-shot, each phrase in one plain sentence."""
        others = [each for each in (MANNERS if kind == "style" else SUBJECTS) if not mentions(each, phrases)]
        texts = [fill(STYLE if kind == "style" else CONTENT, phrase) for phrase in (*phrases, *others)]
        given = self._processor(text=texts, images=list(pictures), return_tensors="pt", padding=True, truncation=True)
        fits = self._model(**given).logits_per_image  # (pictures, texts)
        return [int(best) < len(phrases) for best in fits.argmax(1)]


def without_article(phrase: str) -> str:
    """The noun alone: of "a cat" the cat."""
    said = phrase.strip().lower()
    return next((said.removeprefix(article) for article in ARTICLES if said.startswith(article)), said)


def open_classifier(folder: Path | None, model_folder: Path) -> Classifier | None:
    """The one that the operator named, else the judge that lies beside the model, else none.

    Raises:
        OSError: nothing loadable lies in ``folder``.
    """
    if folder is not None:
        return JudgeClassifier(load_judge(folder)) if (folder / "judge.json").is_file() else ClipClassifier(folder)
    judge = model_folder / "judge"
    return JudgeClassifier(load_judge(judge)) if (judge / "judge.json").is_file() else None
