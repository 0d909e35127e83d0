"""The paint request: one value with everything that decides a picture's pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.engine.cascade import WORKING_SIZE
from app.engine.options import BRUSH_LEAST, BRUSH_MOST, Mixture, StyleMap
from app.imaging.faces import Face, find_faces, spare_faces
from app.imaging.prints import Crop, Frame, cut
from app.studio.domain.controls import Controls
from app.studio.domain.masks import NO_MASKS, Masks

# uint8 [height, width]: a share at each pixel, 0 to 255.
Shares = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PaintRequest:
    """A photo, and how it is painted: made once, from photo and controls.

    Attributes:
        photo: RGB; the painting gets its size.
        mixture: the styles of the whole picture, or of the dark parts of the style mask.
        mapped: the style of the bright parts of the style mask, None without one.
        brush: the brush size for this photo.
        strength: 0 (the photo itself) to 1 (the full style) and on to 1.5.
        keep_colors: whether the colours come from the photo.
        masks: both masks, in the photo's proportions but of any size.
        faces: the faces to protect; None if faces are painted like all else.
    """

    photo: Image.Image
    mixture: Mixture
    mapped: Mixture | None
    brush: float
    strength: float
    keep_colors: bool
    masks: Masks
    faces: Sequence[Face] | None

    @classmethod
    def of(
        cls,
        photo: Image.Image,
        controls: Controls,
        masks: Masks = NO_MASKS,
        *,
        find: Callable[[Image.Image], Sequence[Face]] = find_faces,
    ) -> PaintRequest:
        """The request to paint a whole photo as the controls ask.

        Args:
            photo: RGB, of any size.
            controls: the settings.
            masks: the masks that the controls name.
            find: finds the faces in the photo; called only if the controls protect faces.
        """
        return cls(
            photo=photo,
            mixture=controls.mixture(),
            mapped=controls.mapped_style(),
            brush=controls.brush,
            strength=controls.strength,
            keep_colors=controls.keep_colors,
            masks=masks,
            faces=find(photo) if controls.protect_faces else None,
        )

    def framed(self, frame: Frame) -> PaintRequest:
        """The request to paint only what a frame shows, at the frame's size.

        The part looks as it did in the preview of the whole photo: its strokes and its protected faces.
        """
        return replace(
            self,
            photo=cut(self.photo, frame),
            brush=_brush_for_part(self.brush, self.photo.size, frame.crop),
            masks=self.masks.framed(frame),
            faces=None if self.faces is None else [_moved(face, frame.crop) for face in self.faces],
        )

    def style_map(self) -> StyleMap | None:
        """The second style and where it applies; None without a style mask."""
        where = _fitted(self.masks.style, self.photo)
        return None if self.mapped is None or where is None else StyleMap(self.mapped, where)

    def strength_mask(self) -> Shares | None:
        """The share of the strength at each pixel; None without mask and faces."""
        painted = _fitted(self.masks.strength, self.photo)
        if self.faces is None:
            return painted
        spared = spare_faces(self.photo, self.faces)
        return spared if painted is None else _product(painted, spared)


def _moved(face: Face, crop: Crop) -> Face:
    """A face in shares of the crop instead of the photo; it may lie outside."""
    return Face(
        (face.x - crop.left) / crop.width,
        (face.y - crop.top) / crop.height,
        face.radius_x / crop.width,
        face.radius_y / crop.height,
    )


def _brush_for_part(brush: float, photo: tuple[int, int], crop: Crop) -> float:
    """The brush size that gives a crop the same strokes as the whole photo.

    A photo smaller than the working size has broader strokes in its preview, as if it were that large.
    """
    left, top, right, bottom = crop.box(photo)
    scaled = max(brush * max(photo), WORKING_SIZE) / max(right - left, bottom - top)
    return min(max(scaled, BRUSH_LEAST), BRUSH_MOST)


def _fitted(mask: Image.Image | None, photo: Image.Image) -> Shares | None:
    """A mask resized to the photo, smoothly."""
    if mask is None:
        return None
    return np.asarray(mask.convert("L").resize(photo.size, Image.Resampling.BICUBIC))


def _product(first: Shares, second: Shares) -> Shares:
    """The product of two shares, rounded: 255 * 255 gives 255."""
    return ((first.astype(np.uint16) * second + 127) // 255).astype(np.uint8)
