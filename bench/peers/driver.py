"""Runs one process per engine: in each round, every engine paints the same photo."""

from __future__ import annotations

import json
import os
import random
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.config import PROJECT_ROOT
from bench.peers.engines import Engine, Job
from bench.peers.results import Result, Size, size_text
from bench.photos import SAMPLES, prepare_photo

RUN_LIMIT = 60.0
# The time limit of a warm-up run, including start, tracing or compilation.
WARM_LIMIT = 2 * RUN_LIMIT
# The first run traces or compiles, the second still allocates memory.
WARM_RUNS = 2
# Up to this size all processes live together. They live for a few rounds only, because the place of its
# memory makes a process faster or slower for its whole life. For larger pictures they would need too much
# memory together, so each process is started, warmed up and stopped in every round.
PIXELS_TOGETHER = 1024 * 1024
ROUNDS_TOGETHER = 3
# The reference for differences: the float32 pixels of the first of these that was measured. Plain TensorFlow
# is less exact for many millions of pixels, because it sums each moment in one go.
REFERENCES = ("onnxruntime", "tensorflow", "ours")
# Seconds for the previous engine's threads to go to sleep.
PAUSE = 0.1
# All engines get the memory settings of `make run`.
ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


# A round's number, and the engines in their order.
Turn = tuple[int, Sequence[Engine]]


class Failure(Exception):
    """Why an engine has no figure, as a phrase for the table."""


class Process:
    """An engine's process; ``worker`` documents its messages."""

    def __init__(self, engine: Engine, job: Job, python: Path, log: Path) -> None:
        command = [str(python), "-m", "bench.peers.worker", engine.name, json.dumps(asdict(job), default=str)]
        try:
            with log.open("w") as errors:
                self._process = subprocess.Popen(
                    command,
                    cwd=PROJECT_ROOT,
                    env=os.environ | ENVIRONMENT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
        except FileNotFoundError:
            raise Failure(f"There is no Python at {python}; `make bench` installs the peers there.") from None
        try:
            self.library = str(self._listen(WARM_LIMIT)["library"])
        except Failure:
            self.stop()
            raise

    @property
    def number(self) -> int:
        """The process's id."""
        return self._process.pid

    def run(self, photo: Path, *, save: Path | None = None, limit: float = RUN_LIMIT) -> dict[str, Any]:
        """Paint one photo.

        Raises:
            Failure: the process took too long, ran out of memory or failed.
        """
        assert self._process.stdin
        try:
            print(
                json.dumps({"run": str(photo), "save": save and str(save)}),
                file=self._process.stdin,
                flush=True,
            )
        except BrokenPipeError:
            raise Failure(self._ending()) from None
        return self._listen(limit)

    def _listen(self, limit: float) -> dict[str, Any]:
        assert self._process.stdout
        ready, _, _ = select.select([self._process.stdout], [], [], limit)
        if not ready:
            raise Failure(f"more than {limit:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise Failure(self._ending())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Failure(answer["error"])
        return answer

    def _ending(self) -> str:
        code = self._process.wait()
        return "out of memory" if code == -9 else f"ended with code {code}"

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


@dataclass(frozen=True)
class Driver:
    """The constants of a benchmark."""

    jobs: dict[str, Job]  # by the engine's name
    pythons: dict[str, Path]
    folder: Path

    def measure(self, engines: Sequence[Engine], size: Size, rounds: int) -> list[Result]:
        """Measure every engine at one size; the order is random in each round."""
        photos = [prepare_photo(name, size, self.folder) for name in SAMPLES]
        results = {
            engine: Result(engine.name, size, engine.title, engine.network, engine.precision)
            for engine in engines
        }
        chance = random.Random(1)
        turns: list[Turn] = [(turn, chance.sample([*results], len(results))) for turn in range(rounds)]
        if size[0] * size[1] <= PIXELS_TOGETHER:
            for start in range(0, rounds, ROUNDS_TOGETHER):
                self._together(results, photos, turns[start : start + ROUNDS_TOGETHER])
        else:
            self._one_by_one(results, photos, turns)
        self._compare(list(results.values()))
        return list(results.values())

    def _together(self, results: dict[Engine, Result], photos: list[Path], turns: list[Turn]) -> None:
        """Keep all processes alive through these rounds."""
        processes: dict[Engine, Process] = {}
        try:
            for engine, result in results.items():
                with failing(result):
                    processes[engine] = self._start(engine, result, photos)
            for turn, order in turns:
                for engine in order:
                    if not results[engine].failure:
                        with failing(results[engine]):
                            self._time(processes[engine], results[engine], turn, photos)
                        if results[engine].failure:
                            processes[engine].stop()  # otherwise it would compete with the others
        finally:
            for process in processes.values():
                process.stop()

    def _one_by_one(self, results: dict[Engine, Result], photos: list[Path], turns: list[Turn]) -> None:
        """Start and stop each process in every round."""
        for turn, order in turns:
            for engine in order:
                with failing(results[engine]):
                    process = self._start(engine, results[engine], photos)
                    try:
                        self._time(process, results[engine], turn, photos)
                    finally:
                        process.stop()

    def _start(self, engine: Engine, result: Result, photos: list[Path]) -> Process:
        """Start a process and warm it up at this size; keep its picture for comparison.

        Raises:
            Failure: the engine fails, now or in an earlier round.
        """
        if result.failure:
            raise Failure(result.failure)
        log = self.folder / f"{engine.name.replace('/', '-')}.log"
        process = Process(engine, self.jobs[engine.name], self.pythons[engine.name], log)
        try:
            result.library = process.library
            for _ in range(WARM_RUNS):
                process.run(photos[0], save=self._picture(result), limit=WARM_LIMIT)
        except Failure:
            process.stop()
            raise
        return process

    def _time(self, process: Process, result: Result, turn: int, photos: list[Path]) -> None:
        time.sleep(PAUSE)
        answer = process.run(photos[turn % len(photos)])
        result.seconds[turn] = answer["seconds"]
        result.peak_bytes = max(result.peak_bytes, answer["peak_bytes"])
        result.picture_size = tuple(answer["size"])

    def _picture(self, result: Result) -> Path:
        return self.folder / f"{result.name.replace('/', '-')}-{size_text(result.size)}.npy"

    def _compare(self, results: list[Result]) -> None:
        """Compare each picture with the network's first reference in ``REFERENCES``."""
        for result in results:
            if result.precision == "auto":
                continue  # its picture differs by design
            for library in REFERENCES:
                name = f"{library}/{result.network}/float32"
                other = next((r for r in results if r.name == name and r.measured), None)
                if other and other is not result and result.measured:
                    result.reference = name
                    result.difference = difference(self._picture(result), self._picture(other))
                    break


def difference(picture: Path, other: Path) -> tuple[float, int]:
    """The mean and the largest difference between two pictures, in levels."""
    levels = np.abs(np.load(picture).astype(np.int16) - np.load(other))
    return float(levels.mean()), int(levels.max())


@contextmanager
def failing(result: Result) -> Iterator[None]:
    """Record a failure and continue with the other engines."""
    try:
        yield
    except Failure as failure:
        result.failure = str(failure)
