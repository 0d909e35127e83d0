"""What single choices of a recipe give: the same network learns on for the same time, each with one change.

``python -m bench.leads house 1.5`` trains for 90 seconds per lead, writes docs/networks/leads.webp and prints
a table for models/README.md. It needs the photos, paintings and weights that training needs. The recipe is
what the network was trained with, by the file beside it; its schedule is replaced by a short one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.commands.evaluation_goals import markdown
from app.commands.evaluation_inputs import find_network, read_listed, read_paintings, read_picture
from app.commands.evaluation_page import make_sheet
from app.commands.networks import recipe_of
from app.commands.training_data import SHARED, loss_weights
from app.config import PROJECT_ROOT
from app.engine.networks.checkpoints import load_checkpoint
from app.engine.training.candidates import make_candidate
from app.engine.training.evaluation import Score, mean_scores
from app.engine.training.pictures import find_paintings
from app.engine.training.recipe import Recipe, Schedule, Stage

# Few styles, so that each of them gets much of the short time.
STYLES = ("wave", "la_muse", "rain_princess", "the_scream", "udnie", "the_shipwreck_of_the_minotaur")
SCHEDULE = Schedule(
    stages=(Stage(0.4, crop=192, styles_per_photo=1), Stage(0.6, crop=256, photos=1)),
    rate=8e-4,
    final_rate=3e-5,
)
LARGE_CROPS = (Stage(0.4, crop=256, styles_per_photo=1), Stage(0.6, crop=384, photos=1))
MORE_BLOCKS = 2
# Broad planes, which are to be smooth; the others have dots and lines.
PLANES = ("wave", "udnie")
CONTROL = "As the recipe says"
JUDGED_SIDE, SHOWN_SIDE, HEIGHT = 384, 480, 200
EVERY = 2  # of the photos of evaluation one is judged: a face, an animal, a coast, a night, text and a cup
SHOWN = (("chelsea", "udnie"), ("chelsea", "la_muse"), ("astronaut", "the_scream"), ("coffee", "wave"))


def recipe_behind(name: str) -> Recipe:
    """What a network was trained with, by its name or file."""
    path = find_network(name)
    return replace(recipe_of(path), network=load_checkpoint(path).config)


def leads(recipe: Recipe) -> dict[str, Recipe]:
    """The recipe, and what it becomes by one change each."""

    def painting_side(side: int) -> Recipe:
        return replace(recipe, data=replace(recipe.data, painting_side=side, layer_painting_sides={}))

    def loss(**changes: Any) -> Recipe:
        return replace(recipe, loss=replace(recipe.loss, **changes))

    content = sum(recipe.loss.content.values())
    alike = sum(recipe.loss.style.values()) / len(recipe.loss.style)
    blocks = recipe.network.residual_blocks + MORE_BLOCKS
    return {
        CONTROL: recipe,
        "All layers see the painting at 384": painting_side(384),
        "All layers see the painting at 640": painting_side(640),
        "All layers of the style weigh alike": loss(style=dict.fromkeys(recipe.loss.style, alike)),
        "Content at relu3_3 alone": loss(content={"relu3_3": content}),
        "Content at relu4_3 alone": loss(content={"relu4_3": content}),
        "Without total variation": loss(total_variation=0.0),
        "Total variation by style": loss(
            total_variation_by_style={slug: 3.0 if slug in PLANES else 1 / 3 for slug in recipe.data.styles}
        ),
        "Style at two scales": loss(style_scales=2),
        "Larger crops": replace(recipe, schedule=replace(recipe.schedule, stages=LARGE_CROPS)),
        # They begin by adding little, so that the network need not be trained anew.
        f"{blocks} residual blocks": replace(recipe, network=replace(recipe.network, residual_blocks=blocks)),
    }


def dropped(recipe: Recipe) -> dict[str, float]:
    """The emphasis of styles that the leads leave out."""
    return {slug: factor for slug, factor in recipe.loss.emphasis.items() if slug not in STYLES}


def short(recipe: Recipe, minutes: float) -> Recipe:
    """The same losses on few styles, for a short time.

    What is said of the styles left out is dropped, and what layers weigh in single styles, since leads change
    what they weigh in all.
    """

    def kept(factors: Mapping[str, float]) -> dict[str, float]:
        return {slug: factor for slug, factor in factors.items() if slug in STYLES}

    loss = recipe.loss
    return replace(
        recipe,
        name="lead",
        loss=replace(
            loss,
            emphasis=kept(loss.emphasis),
            total_variation_by_style=kept(loss.total_variation_by_style),
            calm_by_style=kept(loss.calm_by_style),
            layers_by_style={},
        ),
        data=replace(recipe.data, styles=STYLES, practice=kept(recipe.data.practice)),
        schedule=replace(SCHEDULE, minutes=minutes, checkpoint_minutes=minutes + 1),
    )


def train_lead(name: str, lead: str, minutes: float, output: Path) -> None:
    """Train after one lead, from the network as it ships."""
    from app.engine.training.trainer import Sources, train

    network = find_network(name)
    recipe = leads(short(recipe_behind(name), minutes))[lead]
    sources = Sources(
        SHARED / "photos",
        find_paintings(SHARED / "paintings"),
        loss_weights(None, recipe.loss.network),
        start=load_checkpoint(network),
        start_file=network,
    )
    train(recipe, sources, output)


def look(networks: Mapping[str, Path]) -> tuple[list[Score], dict[str, list[Image.Image]]]:
    """What the networks paint: measured on photos of evaluation, and some of it to be seen."""
    from app.engine.training.judge import Judge

    scores: list[Score] = []
    rows: dict[str, list[Image.Image]] = {}
    judge: Judge | None = None
    photos = read_listed(SHARED / "photos", JUDGED_SIDE)[::EVERY]
    with tempfile.TemporaryDirectory() as folder:
        for lead, path in networks.items():
            files = dict.fromkeys(STYLES, path)
            network = make_candidate(lead, Path(folder) / lead, files, {slug: slug for slug in STYLES})
            # After the first network, which says how many threads TensorFlow gets.
            judge = judge or Judge(
                loss_weights(None), read_paintings(SHARED / "paintings", STYLES, JUDGED_SIDE)
            )
            for photo in photos:
                pictures = {slug: network.paint(slug, photo.pixels) for slug in STYLES}
                scores += judge.score(lead, photo, pictures)
            rows[lead] = [
                Image.fromarray(
                    network.stylizer.stylize(
                        read_picture(PROJECT_ROOT / "static" / "samples" / f"{name}.jpg", SHOWN_SIDE), slug
                    )
                )
                for name, slug in SHOWN
            ]
    return scores, rows


def table(scores: list[Score]) -> str:
    """A row per lead: the means over the styles of each figure in terms of the control's."""
    means = mean_scores(scores, "network", "style")
    rows = []
    for lead in dict.fromkeys(score.network for score in scores):
        ratios = [
            np.mean([means[lead, slug][measure] / means[CONTROL, slug][measure] for slug in STYLES])
            for measure in ("content", "style_distance", "total_variation")
        ]
        rows.append([lead, *(f"{ratio:.2f}" for ratio in ratios)])
    return markdown(["Lead", "Content", "Style", "Roughness"], rows, 1)


def main(name: str, minutes: float) -> None:
    recipe = recipe_behind(name)
    with tempfile.TemporaryDirectory(prefix="leads-") as folder:
        networks = {}
        for number, lead in enumerate(leads(short(recipe, minutes))):
            output = Path(folder) / str(number)
            # In a process of its own, which gives back all of its memory.
            command = [sys.executable, "-m", "bench.leads", name, str(minutes), lead, str(output)]
            subprocess.run(command, cwd=PROJECT_ROOT, check=True)
            networks[lead] = output / "lead.npz"
        scores, rows = look(networks)
    print(table(scores))
    judged = ", ".join(dict.fromkeys(score.photo for score in scores))
    print(f"\nEach trained {minutes:g} minutes on {', '.join(STYLES)}, judged on {judged}.")
    print(f"Emphasis dropped with the styles left out: {dropped(recipe) or 'none'}.")
    sheet = make_sheet(f"What single choices give, after {minutes:g} minutes each", rows, HEIGHT)
    (PROJECT_ROOT / "docs" / "networks" / "leads.webp").write_bytes(sheet)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(sys.argv[1], float(sys.argv[2]))
    else:
        train_lead(sys.argv[1], sys.argv[3], float(sys.argv[2]), Path(sys.argv[4]))
