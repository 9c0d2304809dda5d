"""What erasures have in common, looked at ahead: their time is then that of their own steps from the first on."""

from collections.abc import Iterator

from sepme_core.erasure import presence
from sepme_core.erasure.captions import caption_moment
from sepme_core.erasure.certificate import plain_norms_of
from sepme_core.erasure.protection import Kept, all_kept, moment_of
from sepme_core.erasure.request import ErasureRequest, KnownConcept
from sepme_core.erasure.sentences import bare_sentences, concept_sentences, suggested, vocabulary
from sepme_core.erasure.shared import Shared

NOBODY = ErasureRequest("nobody", "other", ("nobody",))


def prepare(shared: Shared) -> Iterator[None]:
    """Fill ``shared`` with what erasing an object or a style by the default settings needs, in small pieces.

    Nothing that is made of it changes by that: an erasure finds what it would have made. Left after any piece, the
    erasures make the rest.
    """
    caption_moment(shared, ())
    yield
    for kind in ("object", "style"):
        requests = [ErasureRequest(phrase, kind, (phrase,)) for phrase in suggested(shared.base, kind)]
        for request in requests:
            shared.embed(all_texts(shared, request))
            yield
            yield from protect_ahead(shared, request)
        yield from presence.look_at_others(shared, requests[0], vocabulary(shared.base, requests[0], ()))


def all_texts(shared: Shared, request: ErasureRequest) -> list[str]:
    """Every sentence of a concept and its counterpart; those of others that stand in its place are their own."""
    sentences = concept_sentences(request, vocabulary(shared.base, request, ()))
    return [text for each in sentences for text in (each.text, each.counterpart)] + bare_sentences(request)


def protect_ahead(shared: Shared, request: ErasureRequest) -> Iterator[None]:
    """What it takes to leave a suggested concept alone, and to measure that."""
    known = KnownConcept(request.name, request.kind, request.prompts)
    kept: list[Kept] = all_kept(shared.base, NOBODY, [known], ())
    for each in kept:
        for texts in (each.closed, each.around):
            moment_of(shared, texts)
            yield
        for texts in (each.texts, each.held_out):
            plain_norms_of(shared, texts)
            yield
