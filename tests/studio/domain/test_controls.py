"""The controls of a picture: storing, checks, and the engine's arguments."""

from __future__ import annotations

import json
import math
import uuid

import pytest

from app.studio.domain.controls import Controls, InvalidControls


def test_what_is_kept_comes_back() -> None:
    controls = Controls(
        style="wave",
        second_style="starry_night",
        mix=0.3,
        strength=0.7,
        keep_colors=True,
        brush=2.5,
        protect_faces=True,
        mask=uuid.uuid4(),
        style_mask=uuid.uuid4(),
    )
    assert Controls.from_json(json.loads(json.dumps(controls.to_json()))) == controls


def test_an_old_row_has_the_defaults_of_what_it_does_not_know() -> None:
    assert Controls.from_json({"style": "wave", "retired_control": 3}) == Controls(style="wave")


@pytest.mark.parametrize(
    "change",
    [
        {"style": None},
        {"style": "../wave"},
        {"second_style": ""},
        {"strength": 1.51},
        {"strength": -0.1},
        {"strength": math.nan},
        {"mix": 2},
        {"brush": 0.2},
        {"brush": 5},
        {"brush": math.inf},
        {"mask": "me.png"},
    ],
)
def test_what_no_picture_can_be_painted_with_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidControls):
        Controls.from_json({"style": "wave"} | change)
    with pytest.raises(InvalidControls):
        Controls.from_json(["wave"])


@pytest.mark.parametrize(
    ("second", "mix", "parts"),
    [
        (None, 0.5, (("wave", 1.0),)),
        ("wave", 0.5, (("wave", 1.0),)),
        ("udnie", 0.0, (("wave", 1.0),)),
        ("udnie", 0.25, (("wave", 0.75), ("udnie", 0.25))),
        ("udnie", 1.0, (("udnie", 1.0),)),
    ],
)
def test_the_mixture_of_two_styles(
    second: str | None, mix: float, parts: tuple[tuple[str, float], ...]
) -> None:
    assert Controls(style="wave", second_style=second, mix=mix).mixture().parts == parts


def test_a_style_mask_takes_the_place_of_the_mixing_slider() -> None:
    controls = Controls(style="wave", second_style="udnie", mix=0.5, style_mask=uuid.uuid4())
    assert controls.mixture().parts == (("wave", 1.0),)
    mapped = controls.mapped_style()
    assert mapped is not None
    assert mapped.parts == (("udnie", 1.0),)
    assert controls.without_masks().mapped_style() is None
    assert controls.without_masks().mixture().slugs == ("wave", "udnie")
