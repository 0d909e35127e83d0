"""Suitability: neither timid nor wild styles suit; results are repeatable."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue
from app.engine.stylizer import Stylizer
from app.engine.typing import Pixels
from app.studio.painting.suitability import presence, suitability, survival


def sample(name: str) -> Pixels:
    image = Image.open(PROJECT_ROOT / "static" / "samples" / f"{name}.jpg").convert("RGB")
    image.thumbnail((256, 256), Image.Resampling.LANCZOS)
    return np.asarray(image)


COFFEE = sample("coffee")
NOISE = np.random.default_rng(5).integers(0, 256, COFFEE.shape, np.uint8)


def test_the_photo_itself_is_no_painting() -> None:
    assert survival(COFFEE, COFFEE) == pytest.approx(1.0)
    assert presence(COFFEE, COFFEE) == pytest.approx(0.0, abs=1e-3)
    assert suitability(COFFEE, COFFEE) == pytest.approx(0.0, abs=1e-2)


def test_noise_has_nothing_of_the_photo() -> None:
    assert survival(COFFEE, NOISE) < 0.1
    assert presence(COFFEE, NOISE) > 0.9
    assert suitability(COFFEE, NOISE) < 0.2


def test_what_destroys_more_survives_less() -> None:
    blurred = [
        np.asarray(Image.fromarray(COFFEE).filter(ImageFilter.GaussianBlur(radius))) for radius in (2, 6, 15)
    ]
    kept = [survival(COFFEE, picture) for picture in blurred]
    assert kept == sorted(kept, reverse=True)
    assert survival(COFFEE, 255 - COFFEE) == 0.0, "a negative turns every edge"
    assert survival(COFFEE, (COFFEE * 0.3).astype(np.uint8)) < 0.7, "faded edges count for less"


def test_brushwork_alone_and_colour_alone_both_show() -> None:
    texture = np.clip(COFFEE + np.random.default_rng(1).normal(0, 15, COFFEE.shape[:2])[..., None], 0, 255)
    tinted = COFFEE[..., [2, 1, 0]]
    assert presence(COFFEE, texture.astype(np.uint8)) > 0.2
    assert presence(COFFEE, tinted) > 0.4
    assert presence(COFFEE, (COFFEE * 0.8).astype(np.uint8)) < 0.2, "darker is hardly painted"


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 256, 3), (256, 3, 3), (7, 5, 3)])
def test_every_shape_gets_a_number(shape: tuple[int, int, int]) -> None:
    photo = np.full(shape, 90, np.uint8)
    assert 0.0 <= suitability(photo, 255 - photo) <= 1.0


def test_real_styles_lie_between_timid_and_wild() -> None:
    """A style suits less if it is blended with the photo, or drowned in noise."""
    stylizer = Stylizer(Catalogue([PROJECT_ROOT / "models"]))
    painted = stylizer.stylize(COFFEE, "starry_night")
    full = suitability(COFFEE, painted)
    assert full > 0.7
    assert suitability(COFFEE, stylizer.stylize(COFFEE, "starry_night", strength=0.2)) < full - 0.15
    drowned = ((painted.astype(int) + NOISE * 3) // 4).astype(np.uint8)
    assert suitability(COFFEE, drowned) < full - 0.1
