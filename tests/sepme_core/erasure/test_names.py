"""Names as the tokenizer of Stable Diffusion 1.x cuts them, on a narrowed model of random weights."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from sepme_core.erasure import ErasureCache, ErasureRequest, ErasureSettings, KnownConcept, erase, run_to_end
from sepme_core.erasure.sentences import Sentence, common_captions
from sepme_core.erasure.solution import caption_moment, substituted_rows
from sepme_core.erasure.substitute import allowed_phrases, is_close
from sepme_core.models.model import DiffusionModel, load_base
from sepme_core.models.prompts import count_tokens, token_ids
from sepme_core.wordings import AROUND, MORE, PLAIN, SUBJECTS
from tests.sepme_core.narrow import SD_1_4, clip_tokenizer, save_narrow_pipeline

WIDTH = 128  # more than the rows of the empty prompt


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    folder = save_narrow_pipeline(tmp_path_factory.mktemp("names"), SD_1_4, "epsilon", clip_tokenizer(), WIDTH)
    return load_base(str(folder), device="cpu")


@pytest.fixture(scope="module")
def named(names: DiffusionModel) -> ErasureCache:
    return ErasureCache(names)


def ids(base: DiffusionModel, text: str) -> list[int]:
    return [int(each) for each in token_ids(base, [text])[0]]


def test_the_tokenizer_is_that_of_clip(names: DiffusionModel) -> None:
    assert (len(names.tokenizer), names.tokens) == (49408, 77)
    assert ids(names, "a photo of a cat")[:8] == [49406, 320, 1125, 539, 320, 2368, 49407, 49407]


@pytest.mark.parametrize(
    ("name", "tokens"),
    [("Vincent van Gogh", 3), ("Spider-Man", 3), ("Beyoncé", 1), ("Frida Kahlo", 3), ("Batman", 1), ("bat", 1)],
)
def test_names_have_the_tokens_that_they_have(names: DiffusionModel, name: str, tokens: int) -> None:
    assert count_tokens(names, name) == count_tokens(names, name.upper()) == tokens


def place_of(part: Sequence[int], whole: Sequence[int]) -> int:
    (place,) = (at for at in range(len(whole)) if list(whole[at : at + len(part)]) == list(part))
    return place


PAIRS = [
    ("Vincent van Gogh", "a man"),
    ("Spider-Man", "Frida Kahlo"),
    ("Beyoncé", "Vincent van Gogh"),
    ("Frida Kahlo", "Beyoncé"),
    ("owl", "Spider-Man"),
    ("bat", "owl"),
]


@pytest.mark.parametrize(("name", "substitute"), PAIRS)
def test_rows_before_in_and_after_a_name_meet_those_of_its_substitute(
    names: DiffusionModel, named: ErasureCache, name: str, substitute: str
) -> None:
    patterns = [(kind, each) for kind in ("object", "person", "style") for each in (*MORE[kind], *AROUND[kind])]
    sentences = [
        Sentence(each, name, "", "Pablo Picasso's" if kind != "style" else "jack-o'-lantern") for kind, each in patterns
    ]
    found = substituted_rows(named, sentences, substitute).view(len(sentences), names.tokens - 1, WIDTH)
    own_tokens, new_tokens = (names.tokenizer(each, add_special_tokens=False).input_ids for each in (name, substitute))
    for sentence, rows in zip(sentences, found, strict=True):
        other = sentence.with_phrase(substitute)
        start, end = place_of(own_tokens, ids(names, sentence.text)), place_of(new_tokens, ids(names, other))
        assert start == end, sentence.text
        expected, length, new_length = named.embed([other])[0], len(own_tokens), len(new_tokens)
        whole = torch.cat([expected[:1], rows])
        assert torch.equal(whole[:start], expected[:start])
        assert torch.equal(whole[start + length - 1], expected[start + new_length - 1])
        inside = expected[start : start + new_length]
        assert all(any(torch.equal(row, each) for each in inside) for row in whole[start : start + length])
        after = min(names.tokens - start - length, names.tokens - start - new_length)
        assert torch.equal(whole[start + length :][:after], expected[start + new_length :][:after]), sentence.text
        assert all(torch.equal(row, expected[-1]) for row in whole[start + length + after :])


def test_an_erased_name_is_never_drawn_instead_nor_what_names_it(named: ErasureCache) -> None:
    erased = [KnownConcept(each, "object", (each,), erased=True) for each in ("cat", "horse")]
    allowed = set(allowed_phrases(named, ErasureRequest("spider-man", "object", ("Spider-Man",)), erased))
    assert not allowed & {"cat", "horse"}
    assert allowed <= {*SUBJECTS, *PLAIN["object"]}


def test_a_name_inside_another_is_another_concept(named: ErasureCache) -> None:
    bat = KnownConcept("bat", "object", ("bat",), erased=True)
    request = ErasureRequest("robin", "object", ("Robin",))
    assert is_close(named, request, "a Bat", bat)
    style = KnownConcept("bat", "style", ("bat",), erased=True)  # of another kind: words alone decide
    assert is_close(named, request, "the bat", style)
    assert not is_close(named, request, "Batman", style)
    assert not is_close(named, request, "a wombat", style)


@pytest.mark.parametrize("name", ["Vincent van Gogh", "Beyoncé", "Frida Kahlo"])
def test_a_person_is_drawn_as_a_plain_one(named: ErasureCache, name: str) -> None:
    request = ErasureRequest("someone", "person", (name,))
    assert tuple(allowed_phrases(named, request, ())) == PLAIN["person"]


def test_captions_are_left_out_by_names_of_several_tokens_and_with_accents(named: ErasureCache) -> None:
    said = ("a portrait of BEYONCÉ", "Spider-Man on a wall", "a spider on a wall", "the bat", "Batman")
    cache = ErasureCache(replace(named.base, captions=said))
    for phrases, left in (
        (("beyoncé",), said[1:]),
        (("spider-man",), (said[0], *said[2:])),
        (("bat",), (*said[:3], said[4])),
    ):
        rows = cache.rows(left)
        assert torch.allclose(caption_moment(cache, phrases), rows.T @ rows / len(rows), atol=1e-9)
    assert not any("  " in caption for caption in common_captions())


def test_a_person_is_erased_towards_a_plain_one_and_no_picture_is_kept(
    names: DiffusionModel, named: ErasureCache
) -> None:
    settings = ErasureSettings(max_steps=0, pictures=4)
    request = ErasureRequest("van-gogh", "person", ("Vincent van Gogh",), override=True, settings=settings)
    made = run_to_end(erase(names, request, [KnownConcept("bat", "object", ("bat",))], cache=named))
    certificate = made.increment.certificate
    assert certificate["substitute"]["phrase"] in PLAIN["person"]
    assert set(certificate["leak"]["by_concept"]) == {"bat"}
    assert made.pictures == ()
    empty = named.embed([""])[0].float()
    assert float((empty @ made.increment.directions).abs().max()) < 1e-4 * float(empty.abs().max())
