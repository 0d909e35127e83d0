"""The masterwork recipe beside ``capstone``: the time that each takes to the same loss.

Both paint static/samples/coffee.jpg at 512 pixels after ``girls_at_the_piano.jpg``, with VGG-16. The loss is
the one of ``capstone``, which both recipes share. ``capstone`` takes its 1000 steps of Adam; the loss that it
ends with is the mark. The time of ``masterwork`` counts from the search for its feed-forward start to the
first step at the mark.

The log, instance/bench/optimization.json, has each step with its loss, wall time and processor time. A
stopped run goes on from it. Remove the log to measure anew. On a shared machine, trust processor time.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

from PIL import Image

from app.commands.training_data import SHARED, SHIPPED
from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue
from app.engine.optimization.recipe import RECIPES, OptimizationRecipe
from app.engine.training.pictures import decode_picture
from app.files import write_whole

FOLDER = PROJECT_ROOT / "instance" / "bench"
LOG = FOLDER / "optimization.json"
PHOTO = PROJECT_ROOT / "static" / "samples" / "coffee.jpg"
PAINTING = SHARED / "paintings" / "girls_at_the_piano.jpg"
SIZE = 512
# At most this share of the time of ``capstone``.
GOAL = 0.1


class Log:
    """The steps of each recipe: [step, loss, seconds, processor seconds] by the recipe's name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: dict[str, list[list[float]]] = json.loads(path.read_text()) if path.exists() else {}
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def begin(self, name: str, finished: int) -> None:
        """Count the time of a recipe from here on, after what its first steps took before."""
        rows = self.rows[name] = self.rows.get(name, [])[:finished]
        before = rows[-1][2:] if rows else [0.0, 0.0]
        self._wall = time.perf_counter() - before[0]
        self._processor = time.process_time() - before[1]

    def add(self, name: str, step: int, loss: float) -> None:
        """Note a step."""
        spent = [time.perf_counter() - self._wall, time.process_time() - self._processor]
        self.rows[name].append([step, loss, *(round(seconds, 3) for seconds in spent)])
        write_whole(self._path, json.dumps(self.rows).encode())


def run(recipe: OptimizationRecipe, log: Log) -> None:
    """Run a recipe to its end, or what the log lacks of it."""
    from app.engine.cascade import resize
    from app.engine.optimization.checkpoint import load
    from app.engine.optimization.run import Progress, Sources, identify, optimize, working_size
    from app.engine.optimization.starting import nearest_style
    from app.engine.stylizer import Stylizer

    checkpoint = FOLDER / f"{recipe.name}.npz"
    photo, painting = decode_picture(PHOTO), decode_picture(PAINTING)
    photo = resize(photo, *working_size(photo, SIZE))
    sources = Sources(photo, (painting,))
    catalogue = Catalogue([PROJECT_ROOT / "models"])
    stylizer = Stylizer(catalogue)
    resume = checkpoint.exists() and bool(log.rows.get(recipe.name))
    if not resume:
        log.begin(recipe.name, 0)
    if recipe.start == "feed-forward":
        slugs = [style.slug for style in catalogue.styles]
        slug = nearest_style(recipe, photo, [painting], slugs, stylizer.stylize, SHIPPED)
        sources = replace(sources, start=stylizer.stylize(photo, slug))
    if resume:
        identity = identify(recipe, sources, SHIPPED, "float32")
        log.begin(recipe.name, load(checkpoint, identity).step + 1)

    def report(progress: Progress) -> None:
        log.add(recipe.name, progress.step, progress.losses["total"])

    outcome = optimize(recipe, sources, weights=SHIPPED, checkpoint=checkpoint, resume=resume, report=report)
    Image.fromarray(outcome.picture).save(FOLDER / f"{recipe.name}.png")
    checkpoint.unlink(missing_ok=True)


def until(rows: list[list[float]], mark: float) -> list[float] | None:
    """The first row at or below a loss."""
    return next((row for row in rows if row[1] <= mark), None)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    log = Log(LOG)
    recipes = [replace(RECIPES[name](), network="vgg16", size=SIZE) for name in ("masterwork", "capstone")]
    for recipe in recipes:
        rows = log.rows.get(recipe.name)
        if not rows or rows[-1][0] < recipe.steps:
            run(recipe, log)
    capstone, masterwork = log.rows["capstone"], log.rows["masterwork"]
    _, mark, *whole = capstone[-1]
    print(f"Optimisation at {SIZE} pixels: to the loss of {len(capstone) - 1} steps of capstone, {mark:.4g}")
    print(f"  capstone: {whole[0]:.0f} s, {whole[1]:.0f} s of processor time")
    reached = until(masterwork, mark)
    if reached is None:
        raise RuntimeError(f"masterwork ends at {masterwork[-1][1]:.4g}, above the mark")
    step, _, *spent = reached
    shares = [mine / theirs for mine, theirs in zip(spent, whole, strict=True)]
    print(f"  masterwork: {spent[0]:.0f} s, {spent[1]:.0f} s of processor time, {step:.0f} steps")
    print(f"  share: {shares[0]:.1%} of the time, {shares[1]:.1%} of the processor time")
    if shares[1] > GOAL:
        raise RuntimeError(f"masterwork takes more than {GOAL:.0%} of the time")
