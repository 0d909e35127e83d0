"""Trains a network by a recipe; can be killed at any moment and go on later."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from app.engine.errors import EngineError, InvalidOption, InvalidPicture
from app.engine.networks.checkpoints import Checkpoint, save_checkpoint
from app.engine.training.data import leave_gpus_to_backend, read_photos, read_picture, read_square, stream
from app.engine.training.loss_network import build_loss_network
from app.engine.training.model import (
    LOSS_TERMS,
    Eyes,
    Measure,
    SteadyAdam,
    StyleTrainer,
    painting_grams,
)
from app.engine.training.pictures import Reader, decode_picture, find_photos
from app.engine.training.precision import precision_here
from app.engine.training.recipe import Recipe, Schedule, parse_recipe
from app.engine.training.sheets import save_sheet
from app.engine.typing import Floats
from app.files import whole_file, write_whole

# The number of photos, and their side in pixels, that measure the usual distance from photos to a painting.
MEASURE_PHOTOS = 24
MEASURE_SIDE = 256
SHEET_SIDE = 256
SHEET_PHOTOS = 3
STATE = "state.npz"
LOSSES = "losses.csv"
COLUMNS = ("step", "minutes", "rate", *LOSS_TERMS, "skipped")
ENGINE = Path(__file__).parents[1]


class TrainingFailed(EngineError):
    """All steps of a round were skipped, so going on is useless."""


@dataclass(frozen=True)
class Sources:
    """The files of a training."""

    photos: Path
    # By slug.
    paintings: Mapping[str, Path]
    # For build_loss_network.
    loss_weights: str | Path | None = "imagenet"
    # Photos for the sheet at each checkpoint; by default the first that are held out.
    sheet_photos: tuple[Path, ...] | None = None
    # A network to start from: equal layers are taken over.
    start: Checkpoint | None = None
    # The file of that network, for the description.
    start_file: Path | None = None
    # How files of photos and paintings are read.
    decode: Reader = decode_picture


@dataclass
class Progress:
    """How far a training is.

    ``seconds``: the time worked in all runs together. ``losses``: the last round's means over the steps with
    a finite loss. ``skipped``: the steps that changed nothing because a gradient was not finite.
    """

    step: int = 0
    seconds: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)
    skipped: int = 0

    def share(self, schedule: Schedule) -> float:
        """The part that is done, 0 to 1."""
        done = self.step / schedule.steps if schedule.steps else self.seconds / (60 * schedule.minutes)
        return min(1.0, done)


Report = Callable[[Progress, float], None]


def train(
    recipe: Recipe,
    sources: Sources,
    folder: Path,
    *,
    code_version: str = "",
    report: Report = lambda progress, share: None,
) -> Path:
    """Train a network, or go on where an earlier run in this folder stopped.

    Args:
        recipe: the recipe; it may not change between runs.
        sources: photos, paintings and the loss network's weights; they may not change either.
        folder: where ``NAME.npz`` (the network), ``NAME.json`` (what made it), ``state.npz`` (to go on from),
            ``losses.csv`` and the sheets of samples are kept.
        code_version: is written into ``NAME.json``, for each run that trained.
        report: called after every round of steps with the progress and the share done.

    Returns:
        The finished network's file.

    Raises:
        InvalidOption: the folder holds a training by another recipe or from other data, the loss network
            cannot be built, or only rows are to be fitted and there is no network to start from.
        TrainingFailed: every step of a round was skipped.
        InvalidPicture: a painting or a photo for the sheets is missing or damaged, or no photo to practise
            on can be read. Single damaged ones are replaced by others, and named in the log.
    """
    if recipe.rows_only and sources.start is None:
        raise InvalidOption(f"{recipe.name} fits only rows of styles, and needs a network to start from.")
    leave_gpus_to_backend()
    folder.mkdir(parents=True, exist_ok=True)
    photos = find_photos(sources.photos, recipe.data.held_out)
    model = build_trainer(recipe, sources, photos)
    run = _Run(recipe, sources, folder, model, describe(recipe, sources, photos), report)
    run.resume(code_version)
    seen = 0.0
    for number, stage in enumerate(recipe.schedule.stages):
        seen = math.fsum((seen, stage.share))
        if run.progress.share(recipe.schedule) >= seen - 1e-9:
            continue
        set_reconstructing(model, stage.reconstruct)
        batches = stream(
            photos,
            recipe.data.draws(),
            stage,
            seed=recipe.schedule.seed,
            number=number,
            first_step=run.progress.step,
            decode=sources.decode,
        )
        model.fit(
            batches.map(lambda pictures, styles: ({"photos": pictures, "styles": styles},)),
            epochs=1 << 30,  # the clock or the number of steps ends it earlier
            steps_per_epoch=recipe.schedule.steps_per_round,
            verbose=0,
            shuffle=False,
            callbacks=[_Round(run, until=seen)],
        )
    run.save()
    return run.network_path


def build_trainer(recipe: Recipe, sources: Sources, photos: Sequence[Path]) -> StyleTrainer:
    """The model to train, compiled, with fresh weights or those of ``sources.start``."""
    layers = sorted({*recipe.loss.content, *recipe.loss.style})
    precision = precision_here(recipe.precision)
    network = build_loss_network(
        recipe.loss.network,
        layers,
        sources.loss_weights,
        precision="bfloat16" if precision == "mixed_bfloat16" else "float32",
    )
    eyes = Eyes(network, layers, recipe.loss)
    usual = photos[:: max(1, len(photos) // MEASURE_PHOTOS)][:MEASURE_PHOTOS]
    paintings = _paintings(recipe, sources)
    grams: dict[str, Floats] = {}
    for side, layers_there in recipe.layers_by_painting_side().items():
        pictures = [read_picture(path, side, sources.decode) for path in paintings.values()]
        grams |= painting_grams(eyes, pictures, layers_there)
    measure = Measure.take(eyes, grams, read_photos(usual, MEASURE_SIDE, sources.decode))
    keras.utils.set_random_seed(recipe.schedule.seed)
    model = StyleTrainer(recipe.network, recipe.data.styles, eyes, measure, policy=precision)
    if sources.start is not None:
        model.start_from(sources.start)
    model.transformer.trainable = not recipe.rows_only
    # JAX needs XLA. On a CPU, TensorFlow's own kernels are faster.
    jit = keras.backend.backend() == "jax"
    schedule = recipe.schedule
    optimizer = SteadyAdam(schedule.rate, clip=schedule.clip, average=schedule.average)
    model.compile(optimizer, jit_compile=jit)
    optimizer.build(model.trainable_variables)
    return model


def set_reconstructing(model: StyleTrainer, reconstructing: bool) -> None:
    """Choose between the two losses; a change makes Keras trace the step again."""
    if model.reconstructing != reconstructing:
        model.reconstructing = reconstructing
        model.compile(model.optimizer, jit_compile=model.jit_compile)


def describe(recipe: Recipe, sources: Sources, photos: Sequence[Path]) -> dict[str, Any]:
    """The description of a training, for the file beside the weights.

    Each run adds an entry there.
    """
    paintings = _paintings(recipe, sources)
    weights = sources.loss_weights
    return {
        "recipe": asdict(recipe),
        "start": _identify_network(sources.start_file) if sources.start_file else None,
        "loss_weights": weights if weights is None or weights == "imagenet" else _identify(Path(weights)),
        "data": {
            "photos": len(photos),
            "photo_names": hashlib.sha256("\n".join(path.name for path in photos).encode()).hexdigest(),
            "paintings": {slug: _identify(path)["sha256"] for slug, path in paintings.items()},
        },
    }


def _identify(path: Path) -> dict[str, str]:
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _identify_network(path: Path) -> dict[str, Any]:
    """A network's file, and its description if one lies beside it."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return _identify(path)
    try:
        # Older files may hold a NaN, which is no JSON.
        made_by = json.loads(beside.read_text(encoding="utf-8"), parse_constant=lambda name: None)
        return {**_identify(path), "made_by": made_by}
    except ValueError as error:
        raise InvalidOption(f"{beside.name} does not say what made {path.name}: it is damaged.") from error


def traits(description: Mapping[str, Any]) -> dict[str, Any]:
    """What may not change between runs, by the name to report if it has.

    Where files lie and what they are called may change.
    """
    data = description["data"]
    return {
        "another network to start from": _hash(description["start"]),
        "other weights of the loss network": _hash(description["loss_weights"]),
        "other photos": (data["photos"], data["photo_names"]),
        "other paintings": data["paintings"],
    }


def _hash(identity: Any) -> Any:
    return identity["sha256"] if isinstance(identity, dict) else identity


def hash_sources(folder: Path = ENGINE) -> str:
    """A hash of this engine's code, for code without a version."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()} {_identify(path)['sha256']}\n".encode())
    return digest.hexdigest()


def _paintings(recipe: Recipe, sources: Sources) -> dict[str, Path]:
    missing = [slug for slug in recipe.data.styles if slug not in sources.paintings]
    if missing:
        raise InvalidPicture(f"There is no painting for {missing[0]}.")
    return {slug: sources.paintings[slug] for slug in recipe.data.styles}


def rate_at(share: float, schedule: Schedule) -> float:
    """The learning rate when ``share`` of the schedule is done."""
    falling = (1.0 + math.cos(math.pi * share)) / 2.0
    return schedule.final_rate + (schedule.rate - schedule.final_rate) * falling


class _Run:
    """A training's files and its place in the schedule."""

    def __init__(
        self,
        recipe: Recipe,
        sources: Sources,
        folder: Path,
        model: StyleTrainer,
        description: Mapping[str, Any],
        report: Report,
    ) -> None:
        self.recipe, self.folder, self.model = recipe, folder, model
        self.description, self.report = dict(description), report
        self.progress = Progress()
        self.started = time.monotonic()
        self.saved = self.started
        self.network_path = folder / f"{recipe.name}.npz"
        sheet = sources.sheet_photos
        if sheet is None:
            sheet = tuple(path for path in find_photos(sources.photos) if path.name in recipe.data.held_out)
        self.sheet_photos = [read_square(path, SHEET_SIDE, sources.decode) for path in sheet[:SHEET_PHOTOS]]

    def variables(self) -> dict[str, Any]:
        model = self.model
        # The count of skipped steps starts anew in every round.
        kept = [value for value in model.optimizer.variables if value is not model.optimizer.skipped]
        named = {f"weights/{index}": value for index, value in enumerate(model.trainable_variables)}
        return named | {f"optimizer/{index}": value for index, value in enumerate(kept)}

    def resume(self, code_version: str) -> None:
        """Go on from an earlier run, if there is one; note this run if it has work to do."""
        if (self.folder / STATE).exists():
            self._load_state(self.folder / STATE)
            self._recall_description()
        self._forget_losses()
        runs = self.description.setdefault("runs", [])
        if self.progress.share(self.recipe.schedule) < 1.0 - 1e-9:
            run = {"from_step": self.progress.step, "code": code_version, "engine": hash_sources()}
            software = {"keras": keras.__version__, "backend": keras.backend.backend()}
            precision = precision_here(self.recipe.precision)
            runs.append({**run, "software": software, "precision": precision})

    def _load_state(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as state:
            if not self._is_own(json.loads(str(state["recipe"]))):
                raise InvalidOption(
                    f"{self.folder} holds a training by another recipe: choose another folder."
                )
            for name, variable in self.variables().items():
                variable.assign(state[name])
            self.progress = Progress(**json.loads(str(state["progress"])))
        self.started = time.monotonic() - self.progress.seconds

    def _is_own(self, recipe: Mapping[str, Any]) -> bool:
        """Whether a recipe equals this one; fields missing in older recipes have defaults."""
        try:
            return parse_recipe(recipe) == self.recipe
        except ValueError:
            return False

    def _recall_description(self) -> None:
        """Keep the first run's description, after checking that it still holds."""
        path = self.network_path.with_suffix(".json")
        if not path.exists():
            return
        begun = json.loads(path.read_text(encoding="utf-8"))
        # Older files do not name all of it.
        before, now = traits({**self.description, **begun}), traits(self.description)
        changed = [what for what in now if before[what] != now[what]]
        if changed:
            raise InvalidOption(
                f"The training in {self.folder} began with {changed[0]}: use what it began with, or choose "
                "another folder."
            )
        self.description = begun
        if "runs" not in self.description:  # files of one run named its code and software beside the recipe
            first = {key: self.description.pop(key) for key in ("code", "software")}
            self.description["runs"] = [{"from_step": 0, **first}]

    def round_done(self, steps: int, losses: Mapping[str, float], skipped: int) -> None:
        progress = self.progress
        progress.step += steps
        progress.seconds = time.monotonic() - self.started
        progress.losses = {name: float(value) for name, value in losses.items() if math.isfinite(value)}
        progress.skipped += skipped
        self._append_losses(skipped)
        if skipped == steps:
            raise TrainingFailed(
                f"None of the {steps} steps up to {progress.step:,} changed anything, as their gradients are "
                "not finite: the rate may be too high, or a weight of the losses."
            )
        if time.monotonic() - self.saved >= 60 * self.recipe.schedule.checkpoint_minutes:
            self.save()
        self.report(progress, progress.share(self.recipe.schedule))

    def save(self) -> None:
        """Write the state, the network, its description and a sheet of samples."""
        state = {name: keras.ops.convert_to_numpy(value) for name, value in self.variables().items()}
        state["recipe"] = np.array(json.dumps(asdict(self.recipe)))
        state["progress"] = np.array(json.dumps(asdict(self.progress)))
        with whole_file(self.folder / STATE) as file:
            np.savez(file, **state)
        save_checkpoint(self.network_path, self.model.checkpoint())
        facts = dict(self.description, trained=asdict(self.progress))
        write_whole(self.network_path.with_suffix(".json"), json.dumps(facts, indent=2).encode())
        if self.sheet_photos:
            path = self.folder / f"sheet-{self.progress.step:06d}.jpg"
            save_sheet(path, self.model.checkpoint(), self.sheet_photos)
        self.saved = time.monotonic()

    def _append_losses(self, skipped: int) -> None:
        """A line of losses per round."""
        path, progress = self.folder / LOSSES, self.progress
        line = {
            "step": progress.step,
            "minutes": round(progress.seconds / 60, 2),
            "rate": float(self.model.optimizer.learning_rate),
            "skipped": skipped,
        } | progress.losses
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            if new:
                writer.writeheader()
            writer.writerow(line)

    def _forget_losses(self) -> None:
        """Remove the lines of rounds after the last checkpoint: these rounds run again.

        A line that a kill cut off is removed, too. Lines of older trainings have fewer columns.
        """
        path = self.folder / LOSSES
        if not path.exists():
            return
        with path.open(newline="", encoding="utf-8") as file:
            read = csv.DictReader(file)
            lines = [line for line in read if {*line} <= {*COLUMNS} and None not in line.values()]
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(line for line in lines if int(line["step"]) <= self.progress.step)
        write_whole(path, text.getvalue().encode())


class _Round(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the rate before a round of steps, and notes the losses after it."""

    def __init__(self, run: _Run, until: float) -> None:
        super().__init__()
        self.run, self.until = run, until

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        schedule = self.run.recipe.schedule
        self.model.optimizer.learning_rate = rate_at(self.run.progress.share(schedule), schedule)
        self.model.optimizer.skipped.assign(0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        schedule = self.run.recipe.schedule
        skipped = int(self.model.optimizer.skipped)
        self.run.round_done(schedule.steps_per_round, logs or {}, skipped)
        if self.run.progress.share(schedule) >= self.until - 1e-9:
            self.model.stop_training = True
