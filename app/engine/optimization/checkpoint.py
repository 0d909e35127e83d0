"""A stopped optimisation as a file, so that it goes on as if it had never stopped."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from keras import ops

from app.engine.errors import InvalidOption
from app.engine.optimization.losses import Point
from app.engine.optimization.optimizers import Arrays
from app.files import whole_file

Rows = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Checkpoint:
    """Where a run is: ``history`` has a row per step, as ``run.COLUMNS`` names its columns."""

    stage: int
    step: int
    point: Point
    least: Point
    optimizer: Arrays
    history: Rows


def save(path: Path, checkpoint: Checkpoint, identity: dict[str, Any]) -> None:
    """Write a checkpoint, whole or not at all; ``identity`` is what the run must have to go on from it."""
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "identity": np.array(_text(identity)),
        "place": np.array([checkpoint.stage, checkpoint.step]),
        "history": checkpoint.history,
    }
    for name, point in (("point", checkpoint.point), ("least", checkpoint.least)):
        arrays |= {f"{name}/{part}": ops.convert_to_numpy(value) for part, value in point._asdict().items()}
    arrays |= {f"optimizer/{index:03}": array for index, array in enumerate(checkpoint.optimizer)}
    with whole_file(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes the names for its own option


def load(path: Path, identity: dict[str, Any]) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InvalidOption: there is none, it is damaged, or it belongs to a run with another identity.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if str(archive["identity"]) != _text(identity):
                raise InvalidOption(
                    f"{path} belongs to a run with other options, photo or paintings. Use those, or begin "
                    "anew without resuming."
                )
            stage, step = archive["place"]
            names = sorted(name for name in archive.files if name.startswith("optimizer/"))
            return Checkpoint(
                stage=int(stage),
                step=int(step),
                point=_point(archive, "point"),
                least=_point(archive, "least"),
                optimizer=[archive[name] for name in names],
                history=archive["history"],
            )
    except FileNotFoundError as error:
        raise InvalidOption(f"There is no checkpoint to resume from: {path} is missing.") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidOption(f"{path} is damaged. Begin anew without resuming.") from error


def _point(archive: Any, name: str) -> Point:
    return Point(*(ops.convert_to_tensor(archive[f"{name}/{part}"]) for part in Point._fields))


def _text(identity: dict[str, Any]) -> str:
    return json.dumps(identity, sort_keys=True)
