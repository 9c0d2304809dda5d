from pathlib import Path

import torch

from sepme_core.demo.training.autoencoder import make_autoencoder
from sepme_core.demo.training.decoded import half_decoded


def test_every_second_picture_is_decoded_and_read_again(tmp_path: Path) -> None:
    torch.manual_seed(0)
    autoencoder = make_autoencoder().eval()
    pictures = torch.randint(0, 256, (5, 3, 64, 64), dtype=torch.uint8)
    half = half_decoded("some", pictures, autoencoder, tmp_path)
    assert half.dtype == torch.uint8
    assert torch.equal(half[::2], pictures[::2])
    assert (half[1::2] != pictures[1::2]).float().mean() > 0.5
    other = half_decoded("some", pictures, make_autoencoder().eval(), tmp_path)
    assert torch.equal(other, half)
