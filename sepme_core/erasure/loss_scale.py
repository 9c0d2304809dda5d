"""Gradients through a model in float16: its smallest numbers would round them to nothing, so the loss is scaled first.

By powers of two, which cost no bit. float32 and bfloat16 need none: their exponents reach far enough.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

FIRST = 2.0**16
LESS = 2.0**-4


class LossScale:
    """What the loss is multiplied with before its gradients, and these divided by after them.

    Where gradients overflow the step goes without them, and the next takes a smaller factor. Nothing here waits for
    the device: ``finite`` lies there, for whoever looks at the loss to look at too, and to `lower` the factor by.
    """

    def __init__(self, precision: torch.dtype, device: torch.device) -> None:
        """``precision``: the model's."""
        self.factor = FIRST if precision == torch.float16 else 1.0
        self.finite = torch.ones((), device=device)

    def backward(self, loss: Tensor, parameters: Sequence[Tensor]) -> None:
        """The gradients of a scalar loss by parameters, which are float32; zero where one is no number."""
        if self.factor == 1.0:  # what overflows here is for the loss to show
            self.finite = torch.ones_like(self.finite)
            loss.backward()
            return
        (loss * self.factor).backward()
        gradients = [each.grad for each in parameters if each.grad is not None]
        finite = torch.stack([gradient.isfinite().all() for gradient in gradients]).all()
        for gradient in gradients:
            gradient.copy_(torch.where(finite, gradient / self.factor, 0.0))
        self.finite = finite.float()

    def lower(self) -> None:
        """After an overflow."""
        self.factor = max(self.factor * LESS, 1.0)
