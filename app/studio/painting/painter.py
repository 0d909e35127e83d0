"""From photo to picture: the one place where the site calls the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.engine.cascade import WORKING_SIZE
from app.engine.catalogue import Catalogue
from app.engine.color import blend, keep_photo_colors
from app.engine.options import BRUSH_LEAST, BRUSH_MOST, StyleMap
from app.imaging.faces import Face, find_faces, spare_faces
from app.imaging.prints import Crop, Frame, cut
from app.studio.domain.controls import Controls
from app.studio.domain.masks import NO_MASKS, Masks

if TYPE_CHECKING:
    from app.engine.stylizer import Stylizer

Progress = Callable[[float], None]
Shares = npt.NDArray[np.uint8]

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
    catalogue: Catalogue,
    photo: Image.Image,
    controls: Controls,
    *,
    frame: Frame,
    masks: Masks = NO_MASKS,
    on_progress: Progress | None = None,
) -> Image.Image:
    """Paint what a frame shows of an RGB photo of any size as the controls ask; it has the frame's size.

    Previews and final pictures are made by the same two steps, so that they differ in nothing but their size.
    The preview was of the whole photo, and the part is painted as it was there: its strokes are as broad
    beside what it shows, and the same faces are spared.

    Raises:
        app.engine.errors.EngineError: a style is gone, or two styles cannot be mixed.
    """
    faces = [_moved(face, frame.crop) for face in find_faces(photo)] if controls.protect_faces else []
    brush = _brush_for_part(controls.brush, photo.size, frame.crop)
    part, framed = cut(photo, frame), masks.framed(frame)
    painted = paint_fully(
        catalogue,
        part,
        controls.model_copy(update={"brush": brush}),
        style_mask=framed.style,
        on_progress=on_progress,
    )
    return finish(part, painted, controls, mask=framed.strength, faces=faces)


def _moved(face: Face, crop: Crop) -> Face:
    """A face of the photo in shares of a part of it; it may lie outside, and reach into the part."""
    return Face(
        (face.x - crop.left) / crop.width,
        (face.y - crop.top) / crop.height,
        face.radius_x / crop.width,
        face.radius_y / crop.height,
    )


def _brush_for_part(brush: float, photo: tuple[int, int], crop: Crop) -> float:
    """The brush that paints in a part of a photo strokes as broad as ``brush`` does in the whole of it.

    A photo smaller than the size at which strokes look natural was previewed at its own, with broader ones.
    """
    left, top, right, bottom = crop.box(photo)
    scaled = max(brush * max(photo), WORKING_SIZE) / max(right - left, bottom - top)
    return min(max(scaled, BRUSH_LEAST), BRUSH_MOST)


def paint_fully(
    catalogue: Catalogue,
    photo: Image.Image,
    controls: Controls,
    *,
    style_mask: Image.Image | None = None,
    on_progress: Progress | None = None,
) -> Image.Image:
    """The first step, which takes long: painted at full strength everywhere, in the painting's own colours.

    Of the controls only the styles, their mixture and the brush count.

    Raises:
        app.engine.errors.EngineError: a style is gone, or two styles cannot be mixed.
    """
    mapped, where = controls.mapped_style(), _fitted(style_mask, photo)
    pixels = stylizer_for(catalogue).stylize(
        np.asarray(photo),
        controls.mixture(),
        style_map=None if mapped is None or where is None else StyleMap(mapped, where),
        brush=controls.brush,
        on_progress=on_progress,
    )
    return Image.fromarray(pixels, "RGB")


def finish(
    photo: Image.Image,
    painted: Image.Image,
    controls: Controls,
    *,
    mask: Image.Image | None = None,
    faces: Sequence[Face] | None = None,
) -> Image.Image:
    """The second step, which is quick: the strength, where it applies, and whose colours.

    Args:
        photo: the photo, in the painting's size.
        painted: what :func:`paint_fully` made of it.
        controls: of which the strength, ``keep_colors`` and ``protect_faces`` count.
        mask: the share of the strength at each pixel, of any size.
        faces: where the photo's faces are, if that is known already.
    """
    before, after = np.asarray(photo), np.asarray(painted)
    if controls.keep_colors:
        after = keep_photo_colors(before, after)
    shares = _fitted(mask, photo)
    if controls.protect_faces:
        spared = spare_faces(photo, find_faces(photo) if faces is None else faces)
        shares = spared if shares is None else _product(shares, spared)
    return Image.fromarray(blend(before, after, controls.strength, shares), "RGB")


def _fitted(mask: Image.Image | None, photo: Image.Image) -> Shares | None:
    """The mask as large as the photo, smooth where it was smaller."""
    if mask is None:
        return None
    return np.asarray(mask.convert("L").resize(photo.size, Image.Resampling.BICUBIC))


def _product(first: Shares, second: Shares) -> Shares:
    """Both shares at once, 0 to 255."""
    return ((first.astype(np.uint16) * second + 127) // 255).astype(np.uint8)
