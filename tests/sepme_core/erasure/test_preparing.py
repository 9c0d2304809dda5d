from sepme_core.erasure import ErasureCache, ErasureRequest, erase, prepare, run_to_end
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.erased import QUICK


def test_the_first_erasures_after_it_embed_nothing_of_their_own_and_make_the_same_bytes(base: DiffusionModel) -> None:
    prepared, unprepared = ErasureCache(base), ErasureCache(base)
    pieces = sum(1 for _ in prepare(prepared))
    assert pieces > 30
    for name, kind in (("mushroom", "object"), ("sepia", "style")):
        request = ErasureRequest(name, kind, (name,), settings=QUICK)
        remembered = set(prepared._embeddings)
        made = run_to_end(erase(base, request, cache=prepared))
        assert set(prepared._embeddings) - remembered <= {"", name}
        assert made.increment.digest == run_to_end(erase(base, request, cache=unprepared)).increment.digest


def test_left_after_any_piece_it_changes_nothing(base: DiffusionModel, cache: ErasureCache) -> None:
    begun = ErasureCache(base)
    for _ in zip(range(3), prepare(begun), strict=False):
        pass
    request = ErasureRequest("cat", "object", ("cat",), settings=QUICK)
    assert run_to_end(erase(base, request, cache=begun)).increment.digest == (
        run_to_end(erase(base, request, cache=cache)).increment.digest
    )
