"""What erasures have in common, looked at ahead: their time is then that of their own steps from the first on."""

from collections.abc import Iterator

from sepme_core.erasure import presence
from sepme_core.erasure.request import ErasureRequest
from sepme_core.erasure.sentences import bare_sentences, concept_sentences, suggested, vocabulary
from sepme_core.erasure.shared import Shared


def prepare(shared: Shared) -> Iterator[None]:
    """Fill ``shared`` with what erasing an object or a style by the default settings needs, in small pieces.

    Nothing that is made of it changes by that: an erasure finds what it would have made. Left after any piece, the
    erasures make the rest.
    """
    for kind in ("object", "style"):
        requests = [ErasureRequest(phrase, kind, (phrase,)) for phrase in suggested(shared.base, kind)]
        for request in requests:
            shared.embed(all_texts(shared, request))
            yield
        yield from presence.look_at_others(shared, requests[0], vocabulary(shared.base, requests[0], ()))


def all_texts(shared: Shared, request: ErasureRequest) -> list[str]:
    """Every sentence of a concept and its counterpart; those of others that stand in its place are their own."""
    sentences = concept_sentences(request, vocabulary(shared.base, request, ()))
    return [text for each in sentences for text in (each.text, each.counterpart)] + bare_sentences(request)
