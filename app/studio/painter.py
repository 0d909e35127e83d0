"""From photo to picture: the one place where the site calls the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from app.engine.catalogue import Catalogue
from app.studio.models import Render

if TYPE_CHECKING:
    from app.engine.stylizer import Stylizer

_lock = threading.Lock()
_stylizers: dict[Catalogue, Stylizer] = {}


def stylizer_for(catalogue: Catalogue) -> Stylizer:
    """The process's one stylizer, made at the first call.

    TensorFlow takes seconds to import and does not survive a fork, so it is neither imported with
    the application nor before a server has forked its workers.
    """
    with _lock:
        if catalogue not in _stylizers:
            from app.engine.stylizer import Stylizer

            _stylizers[catalogue] = Stylizer(catalogue)
        return _stylizers[catalogue]


def warm_up(catalogue: Catalogue) -> None:
    """Load TensorFlow and the first style's network, so that the first person does not wait for them."""
    gray = np.full((64, 64, 3), 128, np.uint8)
    stylizer_for(catalogue).stylize(gray, catalogue.styles[0].slug)


def paint(
    catalogue: Catalogue, photo: Image.Image, render: Render, on_progress: Callable[[float], None]
) -> Image.Image:
    """Stylise an RGB photo as the render asks; the picture has exactly the photo's size."""
    pixels = stylizer_for(catalogue).stylize(
        np.asarray(photo),
        render.style,
        strength=render.strength,
        keep_colors=render.keep_colors,
        on_progress=on_progress,
    )
    return Image.fromarray(pixels, "RGB")
