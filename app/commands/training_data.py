"""Where commands that train or judge find VGG-16's weights, photos and paintings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from app.config import PROJECT_ROOT
from app.engine.errors import InvalidPicture
from app.engine.training.recipe import LossNetworkName
from app.engine.typing import Pixels
from app.imaging.decode import decode_here
from app.imaging.errors import ImageError

# What is not part of the project, where it usually lies.
SHARED = PROJECT_ROOT.parent / "shared"
LARGEST_PICTURE = 200_000_000
AT_HAND = SHARED / "vgg16" / "vgg16_notop.weights.h5"

vgg_option = click.option(
    "--vgg",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with the loss network's ImageNet weights, without its top. Default: a download by Keras.",
)


def lying_beside(name: str) -> dict[str, Any]:
    """How an option finds a folder that usually lies beside the project; elsewhere it must be named."""
    folder = folder_at_hand(name)
    return {"default": folder} if folder else {"required": True}


def folder_at_hand(name: str) -> Path | None:
    """A folder that usually lies beside the project, for commands that can do without it."""
    folder = SHARED / name
    return folder if folder.is_dir() else None


def loss_weights(vgg: Path | None, network: LossNetworkName = "vgg16") -> str | Path:
    """The file that was named, or VGG-16's at hand, or else "imagenet", which has Keras fetch them."""
    return vgg or (AT_HAND if network == "vgg16" and AT_HAND.is_file() else "imagenet")


def read_training_picture(path: Path) -> Pixels:
    """A painting or a photo to practise on, decoded as uploads are: uint8 [height, width, 3], sRGB.

    Raises:
        InvalidPicture: it is missing, no picture or damaged.
    """
    try:
        with path.open("rb") as file:
            return np.asarray(decode_here(file, max_pixels=LARGEST_PICTURE).image)
    except (ImageError, OSError) as error:
        raise InvalidPicture(f"{path.name} is not a JPEG or PNG picture, or it is damaged.") from error
