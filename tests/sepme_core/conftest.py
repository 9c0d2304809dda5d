import pytest
import torch

from sepme_core.erasure import ErasureCache
from sepme_core.models.model import DiffusionModel, load_base
from tests.sepme_core.erased import memory


@pytest.fixture(scope="session")
def base() -> DiffusionModel:
    """The demo model, loaded once."""
    torch.set_num_threads(1)
    return load_base("demo", device="cpu")


@pytest.fixture(scope="session")
def cache(base: DiffusionModel) -> ErasureCache:
    """What erasures on the demo model have in common, remembered over all tests."""
    return memory(base)
