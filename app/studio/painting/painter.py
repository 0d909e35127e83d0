"""Painting: the only module of the site that calls the engine.

A picture is painted in two steps. The first one, :func:`paint_fully`, takes long. The second one,
:func:`finish`, is quick. Previews keep the result of the first step, so that sliders feel immediate.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from app.engine.catalogue import Catalogue
from app.engine.color import combine
from app.studio.painting.paint_request import PaintRequest

if TYPE_CHECKING:
    from app.engine.stylizer import Stylizer

Progress = Callable[[float], None]

_lock = threading.Lock()
_stylizers: dict[Catalogue, Stylizer] = {}


def stylizer_for(catalogue: Catalogue) -> Stylizer:
    """The only stylizer of this process, made at the first call.

    TensorFlow takes seconds to import and does not survive a fork. So it is imported neither with the
    application nor before a server has forked its workers.
    """
    with _lock:
        if catalogue not in _stylizers:
            from app.engine.stylizer import Stylizer

            _stylizers[catalogue] = Stylizer(catalogue)
        return _stylizers[catalogue]


def warm_up(catalogue: Catalogue) -> None:
    """Load TensorFlow and the first style's network before anybody needs them."""
    gray = np.full((64, 64, 3), 128, np.uint8)
    stylizer_for(catalogue).stylize(gray, catalogue.styles[0].slug)


def paint(catalogue: Catalogue, request: PaintRequest, on_progress: Progress | None = None) -> Image.Image:
    """Paint a picture, in both steps; it has the size of the request's photo.

    Previews and final pictures take the same two steps, so they differ only in size.

    Raises:
        app.engine.errors.EngineError: a style is gone, or two styles cannot be mixed.
    """
    return finish(request, paint_fully(catalogue, request, on_progress))


def paint_fully(
    catalogue: Catalogue, request: PaintRequest, on_progress: Progress | None = None
) -> Image.Image:
    """The first step, which takes long: full strength, the painting's colours.

    Only the photo, the styles, the style mask and the brush size count.

    Raises:
        app.engine.errors.EngineError: a style is gone, or two styles cannot be mixed.
    """
    pixels = stylizer_for(catalogue).stylize(
        np.asarray(request.photo),
        request.mixture,
        style_map=request.style_map(),
        brush=request.brush,
        on_progress=on_progress,
    )
    return Image.fromarray(pixels, "RGB")


def finish(request: PaintRequest, painted: Image.Image) -> Image.Image:
    """The second step, which is quick: strength, masks and the photo's colours.

    Args:
        request: the request; its photo has the size of ``painted``.
        painted: the result of :func:`paint_fully`.
    """
    pixels = combine(
        np.asarray(request.photo),
        np.asarray(painted),
        strength=request.strength,
        mask=request.strength_mask(),
        keep_colors=request.keep_colors,
    )
    return Image.fromarray(pixels, "RGB")
