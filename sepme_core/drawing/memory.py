"""Memory of the model's device: how want of it is known, what is given back and what is kept, and what there is."""

import ctypes
import gc

import psutil
import torch

MIB = 2**20
GIB = 2**30
_KEEPING = {
    -8: 1,  # M_ARENA_MAX: one heap, the main one; those of threads are given up as soon as they are empty
    -3: 32 * MIB,  # M_MMAP_THRESHOLD: the most it takes
    -1: GIB,  # M_TRIM_THRESHOLD
}
"""What glibc's mallopt(3) is told, by the numbers of its malloc.h."""
_SAID_BY_THE_CPU = ("can't allocate memory", "not enough memory", "Cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on a GPU or in main memory."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _SAID_BY_THE_CPU)


def release(device: torch.device) -> None:
    """Give back to the device what nobody holds any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def free_and_total(device: torch.device) -> tuple[int, int]:
    """The bytes that are free on the device, and all that it has."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return int(free), int(total)
    memory = psutil.virtual_memory()
    return int(memory.available), int(memory.total)


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, up to a gibibyte, for its next allocation; False where that is not known.

    To be called before threads allocate. glibc's malloc gives the larger tensors back to the system as they are freed:
    a denoising step of eight pictures then spends up to a quarter of its time on the pages of new ones.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(option, value) for option, value in _KEEPING.items())
