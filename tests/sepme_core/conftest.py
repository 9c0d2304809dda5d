import pytest
import torch

from sepme_core.base import Base, load_base


@pytest.fixture(scope="session")
def base() -> Base:
    """The demo model, loaded once."""
    torch.set_num_threads(1)
    return load_base("demo", device="cpu")
