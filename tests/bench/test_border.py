"""Lines along the border, measured as the benchmark measures them."""

from __future__ import annotations

import numpy as np
import pytest

from app.commands.evaluation_inputs import read_picture
from app.config import PROJECT_ROOT
from app.engine.catalogue import Catalogue
from app.engine.stylizer import Stylizer
from bench.border import PHOTO, SIDE, STYLES, strongest_line


def test_a_line_along_a_border_is_found_and_strokes_are_not() -> None:
    chance = np.random.default_rng(3)
    noise = chance.integers(0, 256, (90, 120, 3), np.uint8)
    assert strongest_line(noise) < 40
    for side in (np.s_[4:6], np.s_[-6:-4], np.s_[:, 4:6], np.s_[:, -6:-4]):
        lined = noise.copy()
        lined[side] = 255
        assert strongest_line(lined) > 90


@pytest.mark.parametrize("style", STYLES)
def test_pictures_have_no_line_along_their_border(style: str) -> None:
    painted = Stylizer(Catalogue([PROJECT_ROOT / "models"])).stylize(read_picture(PHOTO, SIDE), style)
    assert strongest_line(painted) < 30
