"""``bench.leads``: the recipes that it trains with."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from app.engine.training.recipe import LayerWeights, check_recipe
from bench.leads import CONTROL, STYLES, dropped, leads, recipe_behind, short
from testing.training_results import with_loss


@pytest.mark.parametrize("name", ["house", "house_fast", "house_v0"])
def test_leads_can_be_followed_and_differ_from_the_network_in_one_choice(name: str) -> None:
    recipe = recipe_behind(name)
    every = leads(short(recipe, 1.5))
    control = every[CONTROL]
    assert control.data.styles == STYLES
    assert control.network == recipe.network
    by_style: dict[str, Any] = {"emphasis": {}, "calm_by_style": {}, "layers_by_style": {}}
    assert dataclasses.replace(control.loss, **by_style) == dataclasses.replace(recipe.loss, **by_style)
    for lead, changed in every.items():
        check_recipe(changed, lead)
        assert (changed == control) == (lead == CONTROL)


def test_what_is_said_of_styles_left_out_is_dropped() -> None:
    recipe = with_loss(
        recipe_behind("house"),
        emphasis={"wave": 2.0, "spring": 3.0},
        total_variation_by_style={"udnie": 2.0, "lion": 3.0},
        calm_by_style={"udnie": 0.1, "lion": 0.2},
        layers_by_style={"udnie": LayerWeights(style={"relu1_2": 9.0})},
    )
    control = short(recipe, 1.5)
    assert control.loss.emphasis == {"wave": 2.0}
    assert control.loss.total_variation_by_style == {"udnie": 2.0}
    assert control.loss.calm_by_style == {"udnie": 0.1}
    assert not control.loss.layers_by_style
    assert dropped(recipe) == {"spring": 3.0}
