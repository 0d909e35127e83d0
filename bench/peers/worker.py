"""Runs one engine in a separate process; it reads and writes lines of JSON.

Its first line is ``{"library": NAME AND VERSION}``. It answers ``{"run": PHOTO.npy, "save": FILE.npy or
null}`` with ``{"seconds", "peak_bytes", "size"}``, or after any failure with ``{"error": PHRASE}``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import peak_memory
from bench.peers.engines import ENGINES, Job


def main(name: str, job: Job) -> None:
    answer = _own_channel()
    # If memory runs out, the kernel should end this process and no other.
    Path("/proc/self/oom_score_adj").write_text("1000")
    engine = next(engine for engine in ENGINES if engine.name == name)
    try:
        paint, library = engine.make(job)
        answer({"library": library})
        for line in sys.stdin:
            request = json.loads(line)
            photo = np.load(request["run"])
            start = time.perf_counter()
            picture = paint(photo)
            seconds = time.perf_counter() - start
            if request["save"]:
                np.save(request["save"], picture)
            height, width = picture.shape[:2]
            answer({"seconds": seconds, "peak_bytes": peak_memory(), "size": [width, height]})
    except MemoryError:
        answer({"error": "out of memory"})
    except Exception as error:
        answer({"error": describe(error)})


def _own_channel() -> Callable[[dict[str, Any]], None]:
    """A function that writes answers; libraries' printing cannot disturb them."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=channel, flush=True)

    return answer


def describe(error: Exception) -> str:
    """An error in one line; a missing library or too little memory is named."""
    text = " ".join(str(error).split())
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed"
    if any(sign in text.lower() for sign in ("alloc", "out of memory", "oom")):
        return "out of memory"
    return f"{type(error).__name__}: {text[:120]}"


if __name__ == "__main__":
    job = json.loads(sys.argv[2])
    main(sys.argv[1], Job(**dict(job, folder=Path(job["folder"]), checkpoint=Path(job["checkpoint"]))))
