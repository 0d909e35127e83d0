"""Where the commands find VGG-16's weights, photos and paintings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from app.config import PROJECT_ROOT
from app.engine.training.recipe import LossNetworkName

# The usual place of data that is not part of the project.
SHARED = PROJECT_ROOT.parent / "shared"
AT_HAND = SHARED / "vgg16" / "vgg16_notop.weights.h5"

vgg_option = click.option(
    "--vgg",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with the loss network's ImageNet weights, without its top. Default: a download by Keras.",
)


def lying_beside(name: str) -> dict[str, Any]:
    """Settings of an option for a folder beside the project.

    The option is required if the folder does not exist.
    """
    folder = folder_at_hand(name)
    return {"default": folder} if folder else {"required": True}


def folder_at_hand(name: str) -> Path | None:
    """A folder beside the project, or None; for commands that can work without it."""
    folder = SHARED / name
    return folder if folder.is_dir() else None


def loss_weights(vgg: Path | None, network: LossNetworkName = "vgg16") -> str | Path:
    """The given file, else the local one, else "imagenet" (Keras downloads it)."""
    return vgg or (AT_HAND if network == "vgg16" and AT_HAND.is_file() else "imagenet")
