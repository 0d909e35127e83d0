"""The steps of a network, as the papers draw it."""

from __future__ import annotations

import gc
import weakref

from app.engine.networks.config import NetworkConfig
from app.engine.networks.topology import PHOTO, Step, steps, uses, walk

SKIPS = NetworkConfig(base_width=4, halvings=2, residual_blocks=2, skips=1, fine_blocks=1)


def test_residual_blocks_add_their_source_and_skips_the_halved_picture() -> None:
    drawn = [(step.name, step.reads, step.adds) for step in steps(SKIPS)]
    assert drawn == [
        ("conv1", PHOTO, ""),
        ("down1", "conv1", ""),
        ("down2", "down1", ""),
        ("res1_a", "down2", ""),
        ("res1_b", "res1_a", "down2"),
        ("res2_a", "res1_b", ""),
        ("res2_b", "res2_a", "res1_b"),
        ("up1", "res2_b", ""),
        ("skip1", "down1", "up1"),
        ("fine1_a", "skip1", ""),
        ("fine1_b", "fine1_a", "skip1"),
        ("up2", "fine1_b", ""),
        ("out", "up2", ""),
    ]
    assert [step.name for step in steps(SKIPS) if not step.activates] == [
        "res1_b",
        "res2_b",
        "skip1",
        "fine1_b",
        "out",
    ]


def test_levels_count_the_halvings_of_a_layers_result() -> None:
    levels = {layer.name: (layer.level, layer.kernel_level) for layer in SKIPS.layers}
    assert levels["conv1"] == levels["out"] == (0, 0)
    assert (levels["down1"], levels["down2"], levels["res1_a"]) == ((1, 1), (2, 2), (2, 2))
    assert (levels["up1"], levels["skip1"], levels["fine1_b"], levels["up2"]) == (
        (1, 2),
        (1, 1),
        (1, 1),
        (0, 1),
    )


def test_a_walk_computes_each_step_from_its_sources() -> None:
    def apply(step: Step, source: str, added_to: str | None) -> str:
        return f"{step.name}({source})" if added_to is None else f"{added_to}+{step.name}({source})"

    config = NetworkConfig(base_width=4, halvings=1, residual_blocks=1)
    assert walk(config, "x", apply) == "out(up1(down1(conv1(x))+res1_b(res1_a(down1(conv1(x))))))"


class Activations:
    """An object that weak references can watch."""


def test_a_walk_lets_go_of_results_after_their_last_use() -> None:
    made: dict[str, weakref.ref[Activations]] = {}

    def apply(step: Step, source: Activations, added_to: Activations | None) -> Activations:
        used = {step.reads, step.adds} - {""}
        del source, added_to
        gc.collect()
        alive = {name for name, result in made.items() if result() is not None}
        later = steps(SKIPS)[len(made) :]
        assert alive - used == {name for name in made if uses(later)[name]} - used
        result = Activations()
        made[step.name] = weakref.ref(result)
        return result

    walk(SKIPS, Activations(), apply)
