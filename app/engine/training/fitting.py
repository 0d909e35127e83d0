"""A style of one's own: fitting one row of scales and shifts to a painting, on a network that stays.

Dumoulin, Shlens and Kudlur 2017, section 3.2: a network that has learned many styles has learned to paint;
a further painting only needs new scales and shifts.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from app.engine.checkpoints import Checkpoint, Floats, load_checkpoint
from app.engine.training.recipe import Recipe, Schedule, Stage
from app.engine.training.trainer import Report, Sources, train

# Few numbers are fitted, so large steps are safe.
RATE, FINAL_RATE = 2e-2, 1e-3
CROP = 160


def fit_style(
    network: Checkpoint,
    recipe: Recipe,
    slug: str,
    painting: Path,
    photos: Path,
    *,
    minutes: float,
    loss_weights: str | Path | None = "imagenet",
    report: Report = lambda progress, share: None,
) -> Floats:
    """Fit a row for a painting, starting from the mean of the network's rows.

    Args:
        network: the network that is to paint it; its kernels do not change.
        recipe: what that network was trained with; its losses and painting size are used, and what it holds
            out stays held out.
        slug: the name of the new style.
        painting: a JPEG or PNG file.
        photos: a folder of photos to practise on.
        minutes: how long to fit.
        loss_weights: as :func:`build_loss_network` takes them.
        report: as :func:`train` calls it.

    Returns:
        The new style's row, float32 [``config.style_size``].

    Raises:
        InvalidPicture: the painting or all photos cannot be read.
        InvalidOption: the loss network's weights cannot be used.
    """
    fitting = dataclasses.replace(
        recipe,
        name=slug,
        network=network.config,
        loss=dataclasses.replace(recipe.loss, emphasis={}),
        data=dataclasses.replace(recipe.data, styles=(slug,)),
        schedule=Schedule(
            stages=(Stage(share=1.0, crop=CROP, photos=4, styles_per_photo=1),),
            minutes=minutes,
            rate=RATE,
            final_rate=FINAL_RATE,
            clip=recipe.schedule.clip,
            steps_per_round=10,
            checkpoint_minutes=minutes + 1,
        ),
    )
    sources = Sources(photos, {slug: painting}, loss_weights, sheet_photos=(), start=network, frozen=True)
    with tempfile.TemporaryDirectory(prefix="fitting-") as folder:
        return load_checkpoint(train(fitting, sources, Path(folder), report=report)).row(slug)
