"""`python -m worker.diagnosis`, for `sepme doctor`: torch and the device, as JSON."""

import json
import sys
from collections.abc import Iterator

import torch

from sepme_core.documents.diagnosis import Finding, failed, ok, warning
from sepme_core.models.devices import pick_device, pick_precision
from sepme_core.models.files import BaseNotSupported
from sepme_core.settings import Settings


def main() -> int:
    """Print what is found; returns 0."""
    print(json.dumps(list(of_device(Settings()))))
    return 0


def of_device(settings: Settings) -> Iterator[Finding]:
    """Which torch, and on what the model runs."""
    yield ok("torch", f"{torch.__version__}")
    try:
        device = pick_device(settings.device)
    except BaseNotSupported as reason:
        yield failed("device", f"{reason}", "sepme doctor again shows what is there then.")
        return
    precision = pick_precision(settings.dtype, device)
    said = f"{_named(device)}, {str(precision).removeprefix('torch.')}"
    if device.type == "cpu" and precision != torch.float32:
        yield warning("device", said, "Half precision is for GPUs: unset SEPME_DTYPE, on a CPU it takes longer.")
    else:
        yield ok("device", said)


def _named(device: torch.device) -> str:
    if device.type != "cuda":
        return f"{device.type}, {torch.get_num_threads()} threads"
    free, total = torch.cuda.mem_get_info(device)
    return f"{device} {torch.cuda.get_device_name(device)}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free"


if __name__ == "__main__":
    sys.exit(main())
