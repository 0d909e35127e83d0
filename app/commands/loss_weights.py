"""Where commands that train or judge find VGG-16's weights."""

from __future__ import annotations

from pathlib import Path

import click

from app.config import PROJECT_ROOT

# What is not part of the project, where it usually lies.
SHARED = PROJECT_ROOT.parent / "shared"
AT_HAND = SHARED / "vgg16" / "vgg16_notop.weights.h5"

vgg_option = click.option(
    "--vgg",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of VGG-16's ImageNet weights without its top; by default Keras fetches them, once.",
)


def loss_weights(vgg: Path | None) -> str | Path:
    """The file that was named, or one at hand, or else "imagenet", which has Keras fetch them."""
    return vgg or (AT_HAND if AT_HAND.is_file() else "imagenet")
