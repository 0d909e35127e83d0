"""Tells which instructions the processor has."""

from __future__ import annotations

from functools import cache
from pathlib import Path

# Instructions that multiply bfloat16 numbers. Without them TensorFlow emulates bfloat16, slower than float32.
_BFLOAT16 = {"avx512_bf16", "amx_bf16"}


def computes_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 numbers itself."""
    return not _BFLOAT16.isdisjoint(instructions())


@cache
def instructions() -> frozenset[str]:
    """The processor's instruction sets by Linux's names; empty on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()  # float32 is right everywhere
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())
