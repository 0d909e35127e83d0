"""The network in training: a Keras model with a perceptual loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from app.engine.networks.checkpoints import Checkpoint
from app.engine.networks.config import NetworkConfig
from app.engine.networks.topology import steps
from app.engine.networks.transformer import build_transformer, load_kernel
from app.engine.training.losses import (
    border_excess,
    checkerboard_energy,
    content_distance,
    gram_matrix,
    style_distance,
    total_variation,
    variation_where_plain,
)
from app.engine.training.recipe import LossRecipe
from app.engine.typing import Floats, Tensor

# The first scale of a new branch in a trained network. If it starts from zero (Goyal et al. 2017, "Accurate,
# Large Minibatch SGD", section 5.1), it hardly leaves zero within a training: few steps see a style's row.
NEW_BRANCH = 0.3

# The border excess is cut off here: beyond, its loss does not grow.
MOST_EXCESS = 4.0

# The loss, and the terms of its sum.
LOSS_TERMS = ("loss", "content", "style", "variation", "border", "checkerboard")


class Eyes:
    """The loss network, and the layers that the recipe compares.

    ``look`` returns the activations of every layer by name, ``look_for_content`` only those of the content.
    If the recipe compares styles at several scales, ``look`` has each layer at each scale: LAYER_by2 is LAYER
    on the picture at half its size (Snelgrove 2017, "High-Resolution Multi-Scale Neural Texture Synthesis").
    ``style`` maps the names of the style's activations to their layers.
    """

    def __init__(self, network: keras.Model, layers: Sequence[str], recipe: LossRecipe) -> None:
        self.network = network
        self.layers = list(layers)
        self.recipe = recipe
        self.content_layers = list(recipe.content)
        self.style = {
            _at_scale(layer, scale): layer for scale in range(recipe.style_scales) for layer in recipe.style
        }
        outputs = [network.outputs[self.layers.index(layer)] for layer in self.content_layers]
        self._content_network = keras.Model(network.inputs[0], outputs)

    def look(self, pixels: Tensor) -> dict[str, Tensor]:
        seen: dict[str, Tensor] = {}
        for scale in range(self.recipe.style_scales):
            if scale:
                pixels = ops.average_pool(pixels, 2)
            seen |= _named([_at_scale(layer, scale) for layer in self.layers], self.network(pixels))
        return seen

    def look_for_content(self, pixels: Tensor) -> dict[str, Tensor]:
        return _named(self.content_layers, self._content_network(pixels))


@dataclass(frozen=True)
class Measure:
    """The divisors of the distances; with them each distance begins near 1.

    For a content layer: the mean square of its activations over photos. For a style layer: sqrt(e * d), with
    e = |G(painting)|^2 and d the distance from photos to the painting. With e alone a quiet painting would
    outweigh all others; with d alone it would fade.
    """

    content: Mapping[str, float]
    grams: Mapping[str, Floats]  # by layer and scale (Eyes.style), [styles, channels, channels]
    style: Mapping[str, Floats]  # the same, [styles]

    @classmethod
    def take(cls, eyes: Eyes, grams: Mapping[str, Floats], photos: Sequence[Floats]) -> Measure:
        """Set the divisors from photos and the paintings' Gram matrices.

        ``grams`` are those of :func:`painting_grams`. Photos are float32 [height, width, 3].
        """
        recipe = eyes.recipe
        content: dict[str, list[float]] = {layer: [] for layer in recipe.content}
        usual: dict[str, list[Floats]] = {name: [] for name in eyes.style}
        for photo in photos:
            seen = eyes.look(photo[None])
            for layer in recipe.content:
                content[layer].append(float(content_distance(seen[layer], 0.0)[0]))
            for name, grams_of_photos in usual.items():
                grams_of_photos.append(_gram(seen[name]))
        return cls(
            {layer: float(np.mean(values)) for layer, values in content.items()},
            grams,
            {name: _style_scales(grams[name], np.stack(usual[name])) for name in eyes.style},
        )


def painting_grams(eyes: Eyes, paintings: Sequence[Floats], layers: Sequence[str]) -> dict[str, Floats]:
    """The Gram matrices of paintings by name, each [paintings, channels, channels].

    The names are those of ``eyes.style`` for ``layers``. Paintings are float32 [height, width, 3].
    """
    seen = [eyes.look(painting[None]) for painting in paintings]
    names = [name for name, layer in eyes.style.items() if layer in layers]
    return {name: np.stack([_gram(activations[name]) for activations in seen]) for name in names}


def _gram(activations: Tensor) -> Floats:
    gram: Floats = ops.convert_to_numpy(gram_matrix(activations))[0]
    return gram


def _style_scales(paintings: Floats, photos: Floats) -> Floats:
    energies = np.square(paintings).sum(axis=(1, 2))
    apart = [np.square(photos - painting).sum(axis=(1, 2)).mean() for painting in paintings]
    scales: Floats = np.sqrt(energies * np.array(apart)).astype(np.float32)
    return scales


def _at_scale(layer: str, scale: int) -> str:
    return f"{layer}_by{1 << scale}" if scale else layer


def _named(names: Sequence[str], values: Tensor | list[Tensor]) -> dict[str, Tensor]:
    return dict(zip(names, values if isinstance(values, list | tuple) else [values], strict=True))


class MeanOfFinite(keras.metrics.Mean):  # type: ignore[misc]  # Keras ships no types
    """The mean of the finite values of the steps; NaN if there are none."""

    def update_state(self, values: Tensor, sample_weight: Tensor | None = None) -> None:
        value = ops.mean(values)
        finite = ops.isfinite(value)
        super().update_state(ops.where(finite, value, 0.0), ops.cast(finite, "float32"))

    def result(self) -> Tensor:
        return ops.divide(self.total, self.count)


class StyleTrainer(keras.Model):  # type: ignore[misc]
    """Johnson et al. 2016's training, for many styles at once (Dumoulin et al. 2017).

    Takes ``photos`` float32 [n, crop, crop, 3] and ``styles`` int32 [n, k]; paints photo i in each of its k
    styles and gives [n * k, crop, crop, 3]. The loss of a painted picture p of photo x in style s is

        sum over content layers of w_l mean((F_l(p) - F_l(x))^2) / c_l
        + e_s * sum over style layers of w_l |G_l(p) - G_l(s)|^2 / d_ls
        + v * v_s * total variation of p + a_s * variation of p where x is plain
        + b log(border excess of p over x, cut off at 1/4 and 4)^2
        + k checkerboard energy of p in per mille

    with the recipe's weights w (those of style s), e, v, a, b and k and the scales c and d of
    :class:`Measure`; the style's sum also runs over every scale of the recipe. The term ``variation`` is the
    whole third line. While the trainer is
    ``reconstructing``, the loss is 10 * mean |p - x| / 255. ``parts`` are the means of the loss and its terms
    over the steps whose loss is finite.
    """

    def __init__(
        self,
        config: NetworkConfig,
        slugs: Sequence[str],
        eyes: Eyes,
        measure: Measure,
        *,
        policy: str = "float32",
    ) -> None:
        """``measure`` holds the styles in the order of ``slugs``."""
        super().__init__(name="style_trainer")
        self.config = config
        self.slugs = tuple(slugs)
        self.recipe = eyes.recipe
        self.eyes = eyes
        self.loss_network = eyes.network
        self.transformer = build_transformer(config, policy=policy, for_training=True)
        self.rows = self.add_weight(
            name="rows",
            shape=(len(slugs), config.style_size),
            initializer=lambda shape, dtype=None: ops.tile(neutral_row(config)[None], (shape[0], 1)),
        )
        self.content_scales = dict(measure.content)
        self.grams = {name: self._constant(f"gram_{name}", value) for name, value in measure.grams.items()}
        self.style_scales = {
            name: self._constant(f"scale_{name}", value) for name, value in measure.style.items()
        }
        self.content_weights = {
            layer: self._by_style(f"content_weight_{layer}", self.recipe.content_weights(layer, self.slugs))
            for layer in self.recipe.content
        }
        self.style_weights = {
            layer: self._by_style(f"style_weight_{layer}", self.recipe.style_weights(layer, self.slugs))
            for layer in self.recipe.style
        }
        self.emphasis = self._by_style("emphasis", self._factors(self.recipe.emphasis))
        self.smoothness = self._by_style("smoothness", self._factors(self.recipe.total_variation_by_style))
        self.calm = self._by_style("calm", self._factors(self.recipe.calm_by_style, otherwise=0.0))
        self.reconstructing = False
        self.parts = {name: MeanOfFinite(name=name) for name in LOSS_TERMS}

    def _constant(self, name: str, value: Floats) -> Tensor:
        return self.add_weight(
            name=name, shape=value.shape, initializer=lambda shape, dtype=None: value, trainable=False
        )

    def _by_style(self, name: str, values: Sequence[float]) -> Tensor:
        return self._constant(name, np.array(values, np.float32))

    def _factors(self, factors: Mapping[str, float], otherwise: float = 1.0) -> list[float]:
        return [factors.get(slug, otherwise) for slug in self.slugs]

    def call(self, inputs: Mapping[str, Tensor], training: bool = False) -> Tensor:
        photos = ops.repeat(inputs["photos"], ops.shape(inputs["styles"])[1], axis=0)
        chosen = ops.one_hot(ops.reshape(inputs["styles"], (-1,)), len(self.slugs), dtype="float32")
        return self.transformer([photos, ops.matmul(chosen, self.rows)], training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Tensor | None = None,
        y_pred: Any = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        each = ops.shape(x["styles"])[1]
        if self.reconstructing:
            apart = ops.mean(ops.abs(y_pred - ops.repeat(x["photos"], each, axis=0)))
            return self._noted(10.0 * apart / 255.0)
        styles = ops.reshape(x["styles"], (-1,))
        painted = self.eyes.look(y_pred)
        photos = {
            layer: ops.repeat(ops.stop_gradient(seen), each, axis=0)
            for layer, seen in self.eyes.look_for_content(x["photos"]).items()
        }
        content = sum(
            ops.take(weights, styles, axis=0)
            * content_distance(painted[layer], photos[layer])
            / self.content_scales[layer]
            for layer, weights in self.content_weights.items()
        )
        style = sum(
            ops.take(self.style_weights[layer], styles, axis=0)
            * self._style_distance(name, painted[name], styles)
            for name, layer in self.eyes.style.items()
        ) * ops.take(self.emphasis, styles, axis=0)
        variation = (
            self.recipe.total_variation * ops.take(self.smoothness, styles, axis=0) * total_variation(y_pred)
        )
        if self.recipe.calm_by_style:
            plain = variation_where_plain(y_pred, ops.repeat(x["photos"], each, axis=0))
            variation += ops.take(self.calm, styles, axis=0) * plain
        terms = {"content": content, "style": style, "variation": variation}
        if self.recipe.border:
            excess = border_excess(y_pred, ops.repeat(x["photos"], each, axis=0))
            # With a plain border in the photo, any painting's excess is infinite.
            excess = ops.clip(excess, 1.0 / MOST_EXCESS, MOST_EXCESS)
            terms["border"] = self.recipe.border * ops.square(ops.log(excess))
        if self.recipe.checkerboard:
            terms["checkerboard"] = self.recipe.checkerboard * 1000.0 * checkerboard_energy(y_pred)
        return self._noted(ops.mean(sum(terms.values())), **terms)

    def _noted(self, loss: Tensor, **terms: Tensor) -> Tensor:
        """The loss; also notes it and its terms if it is finite."""
        finite = ops.isfinite(loss)
        for name, values in {"loss": loss, **terms}.items():
            self.parts[name].update_state(ops.where(finite, values, np.nan))
        return loss

    def get_metrics_result(self) -> dict[str, Tensor]:
        """Leave out Keras's own mean of the loss: it includes every step."""
        return {name: part.result() for name, part in self.parts.items()}

    def _style_distance(self, name: str, painted: Tensor, styles: Tensor) -> Tensor:
        target = ops.take(self.grams[name], styles, axis=0)
        return style_distance(gram_matrix(painted), target) / ops.take(
            self.style_scales[name], styles, axis=0
        )

    def checkpoint(self) -> Checkpoint:
        """The averages of the weights, as a checkpoint to serve."""
        averages = self.optimizer.averages
        values = {
            id(variable): ops.convert_to_numpy(average)
            for variable, average in zip(self.trainable_variables, averages, strict=True)
        }
        kernels = {
            layer.name: self._average(self.transformer.get_layer(layer.name).kernel, values)
            for layer in self.config.layers
        }
        return Checkpoint(self.config, self.slugs, self._average(self.rows, values), kernels)

    @staticmethod
    def _average(variable: Tensor, averages: Mapping[int, Floats]) -> Floats:
        """A variable's average; the variable itself if it is not trained."""
        value = averages.get(id(variable))
        return np.asarray(ops.convert_to_numpy(variable) if value is None else value)

    def start_from(self, checkpoint: Checkpoint) -> None:
        """Start from another network: take over equal layers and their styles.

        Layers are equal if name and shape are. A new style starts from the mean of the other network's
        styles. New residual blocks and skip connections add little at first. So a deeper network begins by
        painting much like the network that it starts from.
        """
        theirs = {layer.name: layer.kernel_shape for layer in checkpoint.config.layers}
        rows = ops.convert_to_numpy(self.rows).copy()
        known = [checkpoint.row(slug) if slug in checkpoint.styles else None for slug in self.slugs]
        mean = checkpoint.rows.mean(axis=0)
        for step in steps(self.config):
            layer = step.layer
            spans = self.config.style_spans[layer.name]
            if theirs.get(layer.name) == layer.kernel_shape:
                load_kernel(self.transformer, layer, checkpoint.kernels[layer.name])
                for here, there in zip(spans, checkpoint.config.style_spans[layer.name], strict=True):
                    rows[:, here] = [(mean if row is None else row)[there] for row in known]
            elif layer.name not in theirs and step.adds:
                rows[:, spans[0]] = NEW_BRANCH
        self.rows.assign(rows)


def neutral_row(config: NetworkConfig) -> Floats:
    """Scales of one and shifts of zero, [style_size]."""
    parts = [np.repeat([1.0, 0.0], layer.outputs) for layer in config.layers]
    return np.concatenate(parts).astype(np.float32)


class SteadyAdam(keras.optimizers.Adam):  # type: ignore[misc]
    """Adam (Kingma and Ba 2015) that clips the global norm and skips bad gradients.

    A step whose gradient has an infinity or NaN changes nothing but ``skipped``, which counts these steps.
    Adam also keeps averages of the weights (Polyak and Juditsky 1992), which paint more evenly than the
    weights of a single step.
    """

    def __init__(self, learning_rate: float, *, clip: float, average: float) -> None:
        super().__init__(learning_rate)
        self.clip = clip
        self.average = average
        self._taken: Tensor | float = 1.0  # 0 in a step that is ignored

    def build(self, variables: Sequence[keras.Variable]) -> None:
        super().build(variables)
        self.averages = [self.add_variable_from_reference(variable, name="average") for variable in variables]
        for average, variable in zip(self.averages, variables, strict=True):
            average.assign(ops.convert_to_numpy(variable))  # a copy: JAX refuses to share the memory
        self.skipped = self.add_variable((), dtype="int32", name="skipped")

    def apply(
        self, grads: Sequence[Tensor], trainable_variables: Sequence[keras.Variable] | None = None
    ) -> None:
        norm = ops.sqrt(sum(ops.sum(ops.square(ops.cast(gradient, "float32"))) for gradient in grads))
        finite = ops.isfinite(norm)
        self._taken = ops.cast(finite, "float32")
        factor = ops.where(finite, ops.minimum(1.0, self.clip / (norm + 1e-12)), 0.0)
        steady = [
            ops.where(finite, gradient, ops.zeros_like(gradient)) * ops.cast(factor, gradient.dtype)
            for gradient in grads
        ]
        super().apply(steady, trainable_variables)
        self.iterations.assign_sub(ops.cast(ops.logical_not(finite), self.iterations.dtype))
        self.skipped.assign_add(ops.cast(ops.logical_not(finite), self.skipped.dtype))
        # Early on the averages follow closely, to forget the first weights.
        steps = ops.cast(self.iterations, "float32")
        keep = ops.where(finite, ops.minimum(self.average, (1.0 + steps) / (10.0 + steps)), 1.0)
        for average, variable in zip(self.averages, self._trainable_variables, strict=True):
            average.assign(keep * average + (1.0 - keep) * ops.cast(variable, average.dtype))

    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """Algorithm 1 of Kingma and Ba as in Keras; a skipped step has factors of zero.

        The factors are scalars, so the condition costs no work on arrays.
        """
        index = self._get_variable_index(variable)
        mean, square = self._momentums[index], self._velocities[index]
        step = ops.cast(self.iterations + 1, "float32")
        correction = ops.sqrt(1.0 - ops.power(self.beta_2, step)) / (1.0 - ops.power(self.beta_1, step))
        rate = self._taken * ops.cast(learning_rate, "float32") * correction
        mean_rate, square_rate = self._taken * (1.0 - self.beta_1), self._taken * (1.0 - self.beta_2)
        self.assign_add(mean, ops.multiply(ops.subtract(gradient, mean), mean_rate))
        self.assign_add(square, ops.multiply(ops.subtract(ops.square(gradient), square), square_rate))
        self.assign_sub(
            variable, ops.divide(ops.multiply(mean, rate), ops.add(ops.sqrt(square), self.epsilon))
        )
