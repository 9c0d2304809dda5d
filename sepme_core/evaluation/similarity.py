"""How alike two pictures are."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure


def structural_similarity(a: Image.Image, b: Image.Image) -> float:
    """The SSIM (Wang et al. 2004: a Gaussian window of sigma 1.5) of two pictures in RGB; 1 for equal ones.

    Raises:
        ValueError: where they are of different sizes.
    """
    if a.size != b.size:
        raise ValueError(f"pictures of {a.size} and {b.size} pixels cannot be compared")
    similarity = structural_similarity_index_measure(_pixels(a), _pixels(b), data_range=1.0)
    assert isinstance(similarity, Tensor)
    return float(similarity)


def _pixels(picture: Image.Image) -> Tensor:
    """(1, 3, height, width) in [0, 1]; in double precision, so that equal pictures reach 1 to the last digits."""
    pixels = torch.from_numpy(np.array(picture.convert("RGB"), dtype=np.float64))
    return pixels.permute(2, 0, 1).unsqueeze(0) / 255
