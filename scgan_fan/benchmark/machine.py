"""What a speed was measured on: the machine in words, the best it does in matrix products, and memory."""
import os
import platform
import re
import time
from pathlib import Path

import torch

FLAGS = ('avx2', 'avx512f', 'avx512_bf16', 'avx512_vnni', 'amx_bf16', 'amx_int8', 'asimd', 'bf16')  # those that matter


def describe(threads: int) -> dict:
    """Processor, memory (bytes), GPUs, versions, and how busy the machine is at the moment."""
    cpu = _read('/proc/cpuinfo')
    found = set(' '.join(re.findall(r'(?:flags|Features)\s*: (.*)', cpu)).split())
    return {
        'processor': next(iter(re.findall(r'model name\s*: (.*)', cpu)), platform.processor() or platform.machine()),
        'flags': [flag for flag in FLAGS if flag in found],
        'cores': os.cpu_count(),
        'threads': threads,
        'memory': _bytes('/proc/meminfo', 'MemTotal'),
        'gpus': [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        'system': platform.platform(),
        'python': platform.python_version(),
        'torch': torch.__version__,
        'load': os.getloadavg()[0],  # processes that ran or waited, mean of the last minute
    }


class Peak:
    """Matrix products, the most that a processor can be made to do.

    Args:
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, device: str):
        self.device = device
        # what convolutions in float32 are computed in on a GPU, unless told otherwise
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32

    def flops(self, precision: str, sides: tuple[int, ...], repeats: int = 3) -> float:
        """Floating point operations per second, 2 n^3 of a product of two n x n matrices; the best of all.

        Args:
            precision: ``float32`` or ``bfloat16``.
            sides: n.
            repeats: of each.
        """
        return max(self._flops(side, getattr(torch, precision)) for side in sides for _ in range(repeats))

    @torch.inference_mode()
    def _flops(self, side: int, dtype: torch.dtype) -> float:
        matrix = torch.randn(side, side, device=self.device, dtype=dtype)
        products = 1 if self.device == 'cpu' else 20
        matrix @ matrix
        wait(self.device)
        start = time.perf_counter()
        for _ in range(products):
            matrix @ matrix
        wait(self.device)
        return products * 2 * side**3 / (time.perf_counter() - start)


def wait(device: str | torch.device) -> None:
    """Until a GPU has done all that it was given."""
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize()


class Memory:
    """Memory of this process on a device, bytes; None where the system does not tell.

    On the CPU all of the process: Python and PyTorch alone take about half a GB. On a GPU what tensors take.
    """

    def __init__(self, device: torch.device):
        self._gpu = device.type == 'cuda'

    def begin(self) -> None:
        """Forget the peak so far."""
        if self._gpu:
            torch.cuda.reset_peak_memory_stats()
        elif os.access('/proc/self/clear_refs', os.W_OK):
            Path('/proc/self/clear_refs').write_text('5', encoding='ascii')

    def peak(self) -> int | None:
        """The most since ``begin``."""
        return torch.cuda.max_memory_allocated() if self._gpu else _bytes('/proc/self/status', 'VmHWM')

    def room(self) -> int:
        """How many more processes like this one there is memory for, where one works at a time."""
        if self._gpu:
            return torch.cuda.mem_get_info()[0] // (torch.cuda.memory_reserved() + 2**30)  # and a context each
        resident, available = _bytes('/proc/self/status', 'VmRSS'), _bytes('/proc/meminfo', 'MemAvailable')
        if resident is None or available is None:
            return 1
        return (int(0.9 * available) - (self.peak() - resident)) // resident


def _bytes(path: str, key: str) -> int | None:
    """A line of /proc such as ``VmHWM:   12345 kB``."""
    found = re.search(rf'^{key}:\s*(\d+) kB', _read(path), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _read(path: str) -> str:
    return Path(path).read_text(encoding='utf-8') if Path(path).exists() else ''
