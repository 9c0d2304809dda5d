import pytest
import torch

from sepme_core.base import Base, load_base
from sepme_core.erasure import Shared
from tests.sepme_core.erased import memory


@pytest.fixture(scope="session")
def base() -> Base:
    """The demo model, loaded once."""
    torch.set_num_threads(1)
    return load_base("demo", device="cpu")


@pytest.fixture(scope="session")
def shared(base: Base) -> Shared:
    """What erasures on the demo model have in common, remembered over all tests."""
    return memory(base)
