from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPTokenizer,
    CLIPVisionConfig,
)

from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.draw import draw
from sepme_core.drawing.request import PictureRequest
from sepme_core.evaluation.classifier import ClipClassifier, JudgeClassifier, open_classifier, without_article
from sepme_core.evaluation.judge import load_judge
from sepme_core.models.model import DiffusionModel
from sepme_core.wordings import MANNERS, SUBJECTS, fill

SIDE = 32


@pytest.fixture(scope="module")
def pictures(base: DiffusionModel) -> list[Image.Image]:
    """A cat and a fish, both in sepia."""
    asked = PictureRequest("", steps=8, guidance_scale=4.0, width=64, height=64)
    return draw(base, ["a cat in sepia style", "a fish in sepia style"], asked)


@pytest.fixture(scope="module")
def judge() -> JudgeClassifier:
    return JudgeClassifier(load_judge(MODEL_FOLDER / "judge"))


@pytest.mark.parametrize(
    ("kind", "phrases", "seen"),
    [
        ("object", ["cat"], [True, False]),
        ("other", ["a Cat "], [True, False]),
        ("object", ["the cat", "fish"], [True, True]),
        ("object", ["an anchor"], [False, False]),
        ("style", ["sepia"], [True, True]),
        ("style", ["ink"], [False, False]),
        ("object", ["zebra"], None),
        ("style", ["cat"], None),
        ("object", ["sepia"], None),
        ("object", ["black cat"], None),
    ],
)
def test_the_judge_sees_its_own_classes_article_aside_and_knows_no_others(
    judge: JudgeClassifier, pictures: list[Image.Image], kind: str, phrases: list[str], seen: list[bool] | None
) -> None:
    assert judge.sees(pictures, kind, phrases) == seen


@pytest.mark.parametrize(
    ("phrase", "noun"), [("a cat", "cat"), ("An apple", "apple"), ("the  owl", "owl"), ("anchor", "anchor"), ("a", "a")]
)
def test_a_noun_is_what_stands_behind_its_article(phrase: str, noun: str) -> None:
    assert without_article(phrase).strip() == noun


def save_clip(folder: Path) -> CLIPModel:
    """A tiny CLIP of random weights."""
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(MODEL_FOLDER / "tokenizer")
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=int(tokenizer.model_max_length),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **shape,
    )
    vision = CLIPVisionConfig(image_size=SIDE, patch_size=8, **shape)
    config = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=16)
    model = CLIPModel(config).eval()
    images = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    model.save_pretrained(folder)
    CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return model


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    save_clip(folder)
    return folder


def test_the_judge_beside_the_model_looks_and_one_that_is_named_before_it(clip: Path, tmp_path: Path) -> None:
    found = open_classifier(None, MODEL_FOLDER)
    assert isinstance(found, JudgeClassifier)
    assert found.name == "judge"
    assert isinstance(open_classifier(MODEL_FOLDER / "judge", tmp_path), JudgeClassifier)
    named = open_classifier(clip, MODEL_FOLDER)
    assert isinstance(named, ClipClassifier)
    assert named.name == "clip"
    assert open_classifier(None, tmp_path) is None
    with pytest.raises(OSError, match=r"."):
        open_classifier(tmp_path, MODEL_FOLDER)


@pytest.mark.parametrize(("kind", "others"), [("object", SUBJECTS), ("style", MANNERS)])
def test_clip_sees_a_concept_where_its_sentence_fits_better_than_all_others_of_its_kind(
    clip: Path, pictures: list[Image.Image], kind: str, others: tuple[str, ...]
) -> None:
    model, processor = CLIPModel.from_pretrained(clip).eval(), CLIPProcessor.from_pretrained(clip)
    pattern = "a picture in the style of {}" if kind == "style" else "a picture of {}"
    texts = [fill(pattern, phrase) for phrase in others]
    with torch.no_grad():
        fits = model(**processor(text=texts, images=pictures, return_tensors="pt", padding=True)).logits_per_image
    best = fits.argmax(1).tolist()
    classifier = ClipClassifier(clip)
    for place, phrase in enumerate(others):
        assert classifier.sees(pictures, kind, [phrase]) == [place == each for each in best]


def test_clip_compares_a_concept_with_nothing_that_mentions_it(clip: Path, pictures: list[Image.Image]) -> None:
    assert ClipClassifier(clip).sees(pictures, "object", list(SUBJECTS)) == [True, True]
