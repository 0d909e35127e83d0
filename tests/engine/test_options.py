"""Mixtures, brush sizes and masks as people give them."""

from __future__ import annotations

import numpy as np
import pytest

from app.engine.errors import InvalidOption
from app.engine.options import Mixture, check_brush, check_mask, check_strength


def test_one_style_is_a_mixture_of_one() -> None:
    assert Mixture.parse("wave").parts == (("wave", 1.0),)
    assert str(Mixture.parse(" wave ")) == "wave"


def test_weights_are_brought_to_a_sum_of_one() -> None:
    mixture = Mixture.parse("wave:3, udnie:1")
    assert mixture.parts == (("wave", 0.75), ("udnie", 0.25))
    assert mixture.slugs == ("wave", "udnie")
    assert Mixture.parse(str(mixture)) == mixture
    assert Mixture.parse("wave,udnie").parts == (("wave", 0.5), ("udnie", 0.5))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "wave:",
        "wave:x",
        "wave:0",
        "wave:-1",
        "wave:nan",
        "wave:inf",
        "wave,wave",
        ":1",
        "wave:1e308,udnie:1e308",
    ],
)
def test_what_is_no_mixture_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption):
        Mixture.parse(text)


@pytest.mark.parametrize("value", [-0.1, 0.2, 4.1, float("nan"), float("inf")])
def test_a_brush_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(InvalidOption, match="brush"):
        check_brush(value)


@pytest.mark.parametrize("value", [-0.01, 1.51, float("nan"), float("inf")])
def test_a_strength_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(InvalidOption, match="strength"):
        check_strength(value)


@pytest.mark.parametrize(
    "mask", [np.zeros((4, 5), np.float32), np.zeros((5, 4), np.uint8), np.zeros((4, 5, 1), np.uint8), None]
)
def test_a_mask_of_another_shape_or_type_is_refused(mask: object) -> None:
    with pytest.raises(InvalidOption, match="mask must be 8-bit grey"):
        check_mask(mask, 4, 5, "mask")  # type: ignore[arg-type]
