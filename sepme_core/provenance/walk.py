"""Any bundle, walked link by link: of a concept, or of a picture."""

from collections.abc import Iterator, Mapping, Sequence

from cryptography import x509

from sepme_core.provenance import bundle, concept_walk, links, picture_walk
from sepme_core.provenance.concept_walk import ConceptBundle
from sepme_core.provenance.links import Link
from sepme_core.provenance.picture_walk import PictureBundle


def opened(files: Mapping[str, bytes], trusted: Sequence[x509.Certificate] = ()) -> ConceptBundle | PictureBundle:
    """Return a bundle by what it holds; whether that is what was signed, `walk` finds out."""
    return PictureBundle(files, trusted) if bundle.PICTURE in files else ConceptBundle(files, trusted)


def walk(files: Mapping[str, bytes], trusted: Sequence[x509.Certificate] = ()) -> Iterator[Link]:
    """Walk a bundle; the first link that does not hold is the last one given.

    Args:
        files: of `bundle.unzipped`.
        trusted: certificates of the authorities that are believed; none: whoever signed is taken for good.
    """
    looked_at = opened(files, trusted)
    checks = picture_walk.LINKS if isinstance(looked_at, PictureBundle) else concept_walk.LINKS
    yield from links.follow(checks, looked_at)
