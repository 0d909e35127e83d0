"""Where commands that train or judge find the loss network's weights, photos and paintings."""

from __future__ import annotations

from collections.abc import Iterable
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

# The usual place of data that is not part of the project.
SHARED = PROJECT_ROOT.parent / "shared"
LARGEST_PICTURE = 200_000_000
# VGG-16 up to block5_conv2, which ships with the project. Keras fetches what lies deeper, and VGG-19.
SHIPPED = PROJECT_ROOT / "models" / "vgg16.npz"
DEEPER = frozenset({"relu5_3", "conv5_3", "block5_conv3"})

vgg_option = click.option(
    "--vgg",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with the loss network's ImageNet weights, without its top. Default: VGG-16 as it ships, and "
    "a download by Keras for others.",
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


def loss_weights(
    vgg: Path | None, network: LossNetworkName = "vgg16", layers: Iterable[str] = ()
) -> str | Path:
    """The file that was named, or the shipped one, or "imagenet" where Keras has to fetch the weights."""
    shipped = network == "vgg16" and DEEPER.isdisjoint(layers)
    return vgg or (SHIPPED if shipped else "imagenet")


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
