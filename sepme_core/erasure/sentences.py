"""The sentences an erasure works with: the concept in its contexts, what must not change, a broad sample of the rest.

A model brings a sample of what people ask for beside its weights (``captions.txt``, a caption a line); for others there
are common subjects and manners. Its second moment is what acting on anything else costs; an increment's file names it
by its digest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sepme_core.canonical import digest_of
from sepme_core.erasure.request import ErasureRequest, KnownConcept
from sepme_core.models.model import DiffusionModel
from sepme_core.wordings import AROUND, BARE, HELD_OUT, MANNERS, MORE, SUBJECTS, TOGETHER, fill, in_company, listed

COMPANIONS = 24


COMPANY = 1


COMPANY_HELD_OUT = 3


@dataclass(frozen=True)
class Sentence:
    """A pattern with the concept's phrase in it, the pattern of its counterpart, and the company it keeps there."""

    pattern: str
    phrase: str
    without: str = ""
    other: str = ""

    @property
    def text(self) -> str:
        """The sentence."""
        return fill(self.pattern, self.phrase, self.other)

    @property
    def counterpart(self) -> str:
        """The same sentence without the concept; the empty prompt for a concept named alone."""
        return fill(self.without, "", self.other)

    def with_phrase(self, phrase: str) -> str:
        """The sentence with another phrase in the concept's place."""
        return fill(self.pattern, phrase, self.other)

    @property
    def before(self) -> str:
        """What stands before the phrase."""
        words = fill(self.pattern, "\0", self.other)
        return words[: words.index("\0")]


@dataclass(frozen=True)
class Vocabulary:
    """Phrases that are not the concept: of its own kind, to stand in its place, and companions of another kind."""

    alike: tuple[str, ...]
    companions: tuple[str, ...]


def vocabulary(base: DiffusionModel, request: ErasureRequest, known: Sequence[KnownConcept]) -> Vocabulary:
    """What can stand in the concept's place and beside it: from the model's card and the known concepts."""
    own = {prompt.lower() for prompt in (*request.prompts, request.name)}
    objects = _phrases(suggested(base, "object"), known, "object", own)
    manners = _phrases(suggested(base, "style"), known, "style", own)
    if request.kind == "style":
        return Vocabulary(manners, objects[:COMPANIONS])
    alike = objects if request.kind in {"object", "other"} else ("a person", "someone", "a man", "a woman")
    return Vocabulary(alike, manners[:COMPANIONS])


def suggested(base: DiffusionModel, kind: str) -> Sequence[str]:
    """The objects or the styles that the model's card suggests; common ones where it names none."""
    if kind == "style":
        return base.suggestions.styles or MANNERS
    return base.suggestions.objects or SUBJECTS


def _phrases(listed_: Sequence[str], known: Sequence[KnownConcept], kind: str, own: set[str]) -> tuple[str, ...]:
    more = [prompt for concept in known if concept.kind == kind for prompt in concept.prompts[:1]]
    unique = dict.fromkeys(phrase for phrase in (*listed_, *sorted(more)) if phrase.lower() not in own)
    return tuple(unique)


def concept_sentences(request: ErasureRequest, words: Vocabulary) -> list[Sentence]:
    """The concept bare, and beside each companion, in every pattern of its kind."""
    bare = [Sentence(pattern, prompt) for prompt in request.prompts for pattern in BARE[request.kind]]
    beside = [
        Sentence(pattern, prompt, without, other)
        for prompt in request.prompts
        for pattern, without in TOGETHER[request.kind].items()
        for other in words.companions
    ]
    return bare + beside


def bare_sentences(request: ErasureRequest) -> list[str]:
    """The concept named alone: its listed prompts."""
    return listed(request.kind, request.prompts)


def spread_evenly(sentences: Sequence[Sentence], count: int) -> list[Sentence]:
    """``count`` of the sentences, from the first to the last, the even places first, so that any few are unlike."""
    places = [round(place * (len(sentences) - 1) / max(count - 1, 1)) for place in range(count)]
    return [sentences[place] for place in (*places[::2], *places[1::2])]


def companions_of(base: DiffusionModel, kind: str) -> Sequence[str]:
    """What a concept of the kind is protected beside."""
    return suggested(base, "object" if kind == "style" else "style")[:COMPANIONS]


def closed_sentences(concept: KnownConcept) -> list[str]:
    """The sentences that name a concept alone, whose directions are closed to others: the listed prompts, and more."""
    return [*listed(concept.kind, concept.prompts), *in_company(MORE[concept.kind], concept.prompts, (), 1)]


def sentences_around(base: DiffusionModel, concept: KnownConcept) -> list[str]:
    """The further sentences in which acting on a concept costs: in company and alone, in many patterns."""
    return in_company(AROUND[concept.kind], concept.prompts, companions_of(base, concept.kind), COMPANY)


def held_out_sentences(base: DiffusionModel, concept: KnownConcept) -> list[str]:
    """The sentences that nothing is ever solved with: what is done to other wordings is measured on them."""
    return in_company(HELD_OUT[concept.kind], concept.prompts, companions_of(base, concept.kind), COMPANY_HELD_OUT)


CAPTION_COMPANY = 4


def captions(base: DiffusionModel) -> tuple[str, ...]:
    """The model's own sample, or the common one."""
    return base.captions or common_captions()


def common_captions() -> tuple[str, ...]:
    """Common subjects and manners, each alone and in company."""
    alone = [fill(pattern, subject) for subject in SUBJECTS for pattern in BARE["object"]]
    alone += [fill(pattern, manner) for manner in MANNERS for pattern in BARE["style"]]
    return tuple(dict.fromkeys([*alone, *in_company(AROUND["object"], SUBJECTS, MANNERS, CAPTION_COMPANY)]))


def captions_digest(base: DiffusionModel) -> str:
    """The digest that names the sample."""
    return digest_of(list(captions(base)))
