"""The machine of a measurement, and the precisions that it supports."""

from __future__ import annotations

import platform
from pathlib import Path

from app.engine.processor import computes_bfloat16, instructions

# The precisions worth measuring: where bfloat16 is only emulated, nobody would use it.
PRECISIONS = ("float32", "bfloat16") if computes_bfloat16() else ("float32",)

# The widest vectors of a processor, by Linux's names of the instructions.
_VECTORS = {"amx_tile": "AMX", "avx512f": "AVX-512", "avx2": "AVX2"}


def processor() -> str:
    """The processor's name in the system, with its vector instructions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    widest = [vectors for flag, vectors in _VECTORS.items() if flag in instructions()][:1]
    kinds = [*widest, *(["bfloat16"] if computes_bfloat16() else [])]
    name = names[0] if names else platform.processor()
    return f"{name} with {' and '.join(kinds)}" if kinds else name


def peak_memory() -> int:
    """This process's peak memory in bytes.

    getrusage would include its parent's.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("The system does not tell a process's peak memory.")
