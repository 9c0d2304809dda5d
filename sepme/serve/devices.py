"""How many CUDA devices there are, found out without torch in this process."""

import subprocess
import sys
from pathlib import Path

ASK = "import torch; print(torch.cuda.device_count())"
ASK_SECONDS = 120.0  # torch is read from a cold disk
DRIVERS = (Path("/dev/nvidiactl"), Path("/proc/driver/nvidia"), Path("/dev/dxg"), Path("/dev/kfd"))
"""Where drivers show themselves: NVIDIA's, the one of Windows under WSL, AMD's."""
SPREAD = ("auto", "cuda")
"""Values of SEPME_DEVICE that name no single device."""


def count(device: str) -> int:
    """The devices over which workers are spread: those torch sees, none where `device` names one or there is no driver.

    CUDA_VISIBLE_DEVICES is torch's to heed. Where it cannot be asked none is counted, and the workers say why.
    """
    if device not in SPREAD or not any(driver.exists() for driver in DRIVERS):
        return 0
    question = (sys.executable, "-P", "-c", ASK)  # -P: no torch.py of the folder it happens to be called in
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=ASK_SECONDS, check=True)
        return int(answer.stdout.split()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0
