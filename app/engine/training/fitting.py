"""Fits a row of scales and shifts to a painting: one more style for a network.

The network's kernels do not change. Dumoulin, Shlens and Kudlur 2017, "A Learned Representation for Artistic
Style", section 3.4: a network that has learned many styles can paint, so a further style needs only a row.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.engine.networks.checkpoints import Checkpoint, load_checkpoint
from app.engine.training.pictures import Reader, decode_picture
from app.engine.training.recipe import Recipe, Schedule, Stage
from app.engine.training.trainer import Report, Sources, train
from app.engine.typing import AnyFloats

# Few numbers are fitted, so large steps are safe.
RATE, FINAL_RATE = 2e-2, 1e-3
CROP = 160


@dataclass(frozen=True)
class FittedStyle:
    """A new style's row, float32 [``config.style_size``], and its description.

    The description is that of :func:`train`.
    """

    row: AnyFloats
    facts: dict[str, Any]


def fit_style(
    network: Checkpoint,
    recipe: Recipe,
    slug: str,
    painting: Path,
    photos: Path,
    *,
    minutes: float,
    network_file: Path | None = None,
    loss_weights: str | Path | None = "imagenet",
    code_version: str = "",
    decode: Reader = decode_picture,
    report: Report = lambda progress, share: None,
) -> FittedStyle:
    """Fit a row for a painting, starting from the mean of the network's rows.

    Args:
        network: the network that paints it; its kernels do not change.
        recipe: the recipe of that network. Its losses and painting size are used; photos that it holds out
            stay held out.
        slug: the name of the new style.
        painting: a JPEG or PNG file.
        photos: a folder of photos to practise on.
        minutes: how long to fit.
        network_file: the network's file, for the description.
        loss_weights: as :func:`build_loss_network` takes them.
        code_version: is written down.
        decode: reads the painting and the photos.
        report: as :func:`train` calls it.

    Raises:
        InvalidPicture: the painting or all photos cannot be read.
        InvalidOption: the loss network's weights cannot be used.
        TrainingFailed: nothing changed for many steps.
    """
    fitting = _fitting_recipe(recipe, network, slug, minutes)
    sources = Sources(
        photos,
        {slug: painting},
        loss_weights,
        sheet_photos=(),
        start=network,
        start_file=network_file,
        decode=decode,
    )
    with tempfile.TemporaryDirectory(prefix="fitting-") as folder:
        path = train(fitting, sources, Path(folder), code_version=code_version, report=report)
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return FittedStyle(load_checkpoint(path).row(slug), facts)


def _fitting_recipe(recipe: Recipe, network: Checkpoint, slug: str, minutes: float) -> Recipe:
    """The recipe to fit one row: the network's losses, one style, one stage."""
    return dataclasses.replace(
        recipe,
        name=slug,
        network=network.config,
        # Settings of single styles belong to other styles.
        loss=dataclasses.replace(
            recipe.loss, emphasis={}, total_variation_by_style={}, calm_by_style={}, layers_by_style={}
        ),
        data=dataclasses.replace(recipe.data, styles=(slug,), practice={}),
        schedule=Schedule(
            stages=(Stage(share=1.0, crop=CROP, photos=4, styles_per_photo=1),),
            minutes=minutes,
            rate=RATE,
            final_rate=FINAL_RATE,
            clip=recipe.schedule.clip,
            steps_per_round=10,
            checkpoint_minutes=minutes + 1,
        ),
        rows_only=True,
    )
