"""The network as TensorFlow functions that are fast on a CPU.

``Graph`` works on one picture (batch 1), whole or a strip of it; ``BatchGraph`` on several of one shape.
Convolutions are rewritten, and normalisation is fused. ``app.engine.networks.transformer`` has the same
network in plain Keras, for training and as the tests' reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, cast

import tensorflow as tf

from app.engine.fast import winograd
from app.engine.fast.rewriting import Convolution, rewrite
from app.engine.native import operations as native
from app.engine.networks.config import NetworkConfig
from app.engine.networks.topology import Step, steps, uses, walk
from app.engine.typing import DType, Floats, Moments, Tensor

# Subtracted from pixels for networks that pad by reflection: whole numbers around zero are exact in bfloat16.
# Normalisation removes the constant. Networks that pad with zeros need pixels as they are.
MIDDLE_GREY = 128


@dataclass(frozen=True)
class Raw:
    """The result of the convolution ``layer`` before normalisation.

    ``moments``: its mean and variance, or None where the normalisation computes them. ``where``: the style
    map at the resolution of ``values``.
    """

    values: Tensor
    layer: str
    moments: Moments | None = None
    where: Tensor | None = None


# A layer's raw result, or a settled tensor: one that needs no normalisation.
Activations: TypeAlias = Raw | Tensor
# Whether a strip ends at the picture's upper and at its lower border: 1 or 0 each.
Ends = tuple[Tensor | int, Tensor | int]


class Graph:
    """One network's layers. Tensors have its own precision, or float16.

    ``rows`` is a style vector of shape [``config.style_size``]. With a style map it has two, [2,
    ``config.style_size``]. ``where`` is the share of the second, 0..1, at the layer's resolution.
    """

    def __init__(
        self, config: NetworkConfig, kernels: Mapping[str, Floats], dtype: str, *, use_native: bool = False
    ) -> None:
        """``use_native``: use our own operations, which run on processors only."""
        self.config = config
        self.entry = config.layers[0].name
        self.dtype: DType = tf.as_dtype(dtype)
        self.layers = rewrite(config, kernels)
        self._native = use_native
        multiplies = use_native and native.multiplies_better(self.dtype.name)
        self._winograd = {name for name, layer in self.layers.items() if multiplies and winograd.suits(layer)}
        self._quads = {
            name for name, layer in self.layers.items() if multiplies and winograd.suits_quads(layer)
        }
        self._kernels = {name: self._kernel(layer) for name, layer in self.layers.items()}
        self._spans = config.style_spans

    def _kernel(self, layer: Convolution) -> Tensor:
        if layer.name in self._winograd:
            return tf.constant(winograd.transform(layer.kernel))
        if layer.name in self._quads:
            return tf.constant(winograd.transform_quads(layer.kernel))
        return tf.constant(layer.kernel, self.dtype)

    def enter(
        self, photo: Tensor, *, where: Tensor | None = None, kept: DType = None, measure: bool = False
    ) -> Raw:
        """The raw blocks of the first layer, from uint8 [1, height + 8, width + 8, 3].

        Beyond the photo's border the slab is mirrored or zero. ``where``, ``kept`` and ``measure`` are as for
        ``convolve``.
        """
        blocks = to_blocks(photo)
        if self.config.input_range == "unit":
            blocks = tf.cast(blocks, tf.int16) - MIDDLE_GREY
        x = tf.cast(blocks, self.dtype)
        return self.convolve(x, self.entry, None, where=where, kept=kept, measure=measure)

    def convolve(
        self,
        x: Activations,
        name: str,
        rows: Tensor | None,
        *,
        where: Tensor | None = None,
        ends: Ends | None = None,
        kept: DType = None,
        measure: bool = False,
    ) -> Raw:
        """A layer's raw result.

        Args:
            x: a tensor, or another layer's raw result, which this function normalises first.
            name: the layer's.
            rows: the styles; None where ``x`` is a tensor.
            where: the style map, at the result's resolution.
            ends: for a strip, whether it ends at the picture's upper and lower border.
            kept: the type of the result, by default the one computed in.
            measure: whether to compute the result's moments.
        """
        x = self._settled(x, rows)
        if name in self._winograd or name in self._quads:
            x = self._convolve_by_winograd(x, self.layers[name], ends, kept or self.dtype)
        else:
            x = self._convolve(tf.cast(x, self.dtype), self.layers[name], ends)
        moments = self.moments(x, name) if measure else None
        return Raw(tf.cast(x, kept or x.dtype), name, moments, where)

    def _convolve_by_winograd(self, x: Tensor, layer: Convolution, ends: Ends | None, kept: DType) -> Tensor:
        above, below = (0, 0) if layer.border == "none" else ends or (1, 1)
        quads = layer.name in self._quads
        kernels = self._kernels[layer.name]
        return native.convolve(x, kernels, layer.border, above, below, dtype=kept, quads=quads)

    def _convolve(self, x: Tensor, layer: Convolution, ends: Ends | None) -> Tensor:
        padding: str | list[list[int]] = "VALID"
        if layer.border == "zeros":
            # oneDNN pads with zeros without a copy if their number is known when tracing.
            padded = [layer.before, layer.after]
            if ends is not None:
                x, padded = _pad(x, layer, 1, *ends), [0, 0]
            padding = [[0, 0], padded, [layer.before, layer.after], [0, 0]]
        elif layer.border != "none" and self._native:
            x = native.continue_picture(x, layer.before, layer.after, layer.border, *(ends or (1, 1)))
        elif layer.border != "none":
            x = _pad(_pad(x, layer, 1, *(ends or (1, 1))), layer, 2, 1, 1)
        x = tf.nn.conv2d(x, self._kernels[layer.name], layer.stride, padding)
        if layer.doubled and self._native:
            return native.blocks_to_pixels(x, crop=1 if layer.shifted else 0)
        if layer.doubled:
            x = from_blocks(x)
        return x[:, 1:-1, 1:-1] if layer.shifted else x

    def normalize(
        self,
        raw: Raw,
        rows: Tensor,
        *,
        activate: bool = True,
        added_to: Tensor | None = None,
        kept: DType = None,
    ) -> Tensor:
        """Conditional instance normalisation of a raw result, then ReLU or addition.

        ``kept``: the type of the result, by default the one computed in.

        On a batch of one, TensorFlow's fused batch normalisation computes the same. In training mode it finds
        the moments itself; in inference mode it takes them.
        """
        kept = kept or self.dtype
        if self._native and raw.where is None:
            return native.normalize(
                raw.values, self._normalization(raw, rows), activate=activate, added_to=added_to, dtype=kept
            )
        x, moments = raw.values, raw.moments
        if x.dtype != tf.bfloat16:
            x = tf.cast(x, tf.float32)
        scales, shifts = self._spans[raw.layer]
        shape = tf.shape(x)
        channels = scales.stop - scales.start
        phases = self.phases(raw.layer)
        if moments is None and phases and x.dtype == tf.bfloat16 and channels % 16:
            # oneDNN is ten times slower if the channels do not fill its vectors.
            moments = self.moments(x, raw.layer)
        if moments is not None and phases:
            moments = (tf.tile(moments[0], [phases]), tf.tile(moments[1], [phases]))
        elif phases:
            x = tf.reshape(x, [1, shape[1], shape[2] * phases, channels])
        repeats = phases if moments is not None and phases else 1
        scale = tf.tile(rows[..., scales], [1] * (len(rows.shape) - 1) + [repeats])
        shift = tf.tile(rows[..., shifts], [1] * (len(rows.shape) - 1) + [repeats])
        if raw.where is None:
            y = self._fused(x, scale, shift, moments)
        else:
            plain = self._fused(x, tf.ones_like(scale[0]), tf.zeros_like(shift[0]), moments)
            share = self._shares(raw.where, phases, tf.shape(x), repeats)
            y = plain * _mix(scale, share, x.dtype) + _mix(shift, share, x.dtype)
        y = tf.reshape(tf.nn.relu(y) if activate else y, shape)
        return tf.cast(y if added_to is None else tf.cast(added_to, y.dtype) + y, kept)

    def _normalization(self, raw: Raw, rows: Tensor) -> native.Normalization:
        scales, shifts = self._spans[raw.layer]
        moments = raw.moments or self.moments(raw.values, raw.layer)
        return native.Normalization(moments, rows[scales], rows[shifts], self.config.epsilon)

    def _fused(self, x: Tensor, scale: Tensor, shift: Tensor, moments: Moments | None) -> Tensor:
        mean, variance = moments or (tf.zeros([0]), tf.zeros([0]))
        return tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=scale,
            offset=shift,
            mean=mean,
            variance=variance,
            epsilon=self.config.epsilon,
            is_training=moments is None,
        ).y

    def moments(self, x: Tensor, name: str) -> Moments:
        """Mean and biased variance of a layer's raw result, over its pixels."""
        phases = self.phases(name)
        if self._native:
            scales, _ = self._spans[name]
            return native.moments(x, scales.stop - scales.start)
        if x.shape[3] % 16:
            x = tf.cast(x, tf.float32)  # as slow in bfloat16 as in ``normalize``
        channels = tf.shape(x)[3]
        none, ones = tf.zeros([0]), tf.ones([channels])
        fused = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=ones, offset=ones, mean=none, variance=none, epsilon=1e-3, is_training=True
        )
        count = tf.cast(tf.shape(x)[1] * tf.shape(x)[2], tf.float32)
        mean = fused.batch_mean
        variance = fused.batch_variance * (count - 1) / count  # the operation returns the unbiased variance
        if not phases:
            return mean, variance
        means = tf.reshape(mean, [phases, -1])
        mean = tf.reduce_mean(means, 0)
        spread = tf.reduce_mean(tf.square(means - mean), 0)
        return mean, tf.reduce_mean(tf.reshape(variance, [phases, -1]), 0) + spread

    def finish(self, raw: Raw, rows: Tensor) -> Tensor:
        """Raw blocks of the last layer as uint8 pixels."""
        x = self.normalize(raw, rows, activate=False, kept=tf.float32)
        painted = tf.clip_by_value(tf.round(tf.tanh(x) * 150.0 + 127.5), 0.0, 255.0)
        return from_blocks(tf.cast(painted, tf.uint8))

    def whole(self, photo: Tensor, rows: Tensor, where: list[Tensor] | None = None) -> Tensor:
        """The whole network, from a slab to pixels.

        Takes uint8 [batch, height + 8, width + 8, 3], returns uint8 [batch, height, width, 3].

        ``where``: the share of the second row of ``rows``, one map for the picture and one for each halving,
        uint8 [1, height, width, 1] each.
        """
        levels = None if where is None else [share(level) for level in where]
        if levels is not None:
            levels[0] = to_blocks(levels[0])
        used = uses(steps(self.config))

        def apply(step: Step, x: Activations, added_to: Activations | None) -> Activations:
            layer = step.layer
            here = None if levels is None else levels[layer.level]
            if layer.name == self.entry:
                assert not isinstance(x, Raw)  # the photo
                return self.enter(x, where=here)
            raw = self.convolve(x, layer.name, rows, where=here)
            if added_to is not None:
                return self.normalize(raw, rows, activate=False, added_to=self._settled(added_to, rows))
            return self._settled(raw, rows) if used[step.name] > 1 else raw

        painted: Activations = walk(self.config, cast(Activations, photo), apply)
        assert isinstance(painted, Raw)  # nothing follows the last layer
        return self.finish(painted, rows)

    def _settled(self, x: Activations, rows: Tensor | None) -> Tensor:
        """``x`` as a tensor, normalised with the styles ``rows`` if it is a raw result."""
        if not isinstance(x, Raw):
            return x
        assert rows is not None
        return self.normalize(x, rows)

    def phases(self, name: str) -> int:
        """The pixels of a block, which share statistics; 0 if the result is in pixels."""
        return self.layers[name].phases

    def _shares(self, where: Tensor, phases: int, shape: Tensor, repeats: int) -> Tensor:
        """The style map [1, h, w, 1 or 4] as [1, rows, columns, ``repeats``].

        Rows and columns are those of ``shape``.
        """
        if not phases or repeats > 1:
            return where
        return tf.reshape(where, [1, shape[1], shape[2], 1])


class BatchGraph(Graph):
    """The same layers for a batch of pictures, each with its own style.

    ``rows`` is [batch, style_size].

    Every picture has its own statistics; no fused operation computes them. There are no style maps.
    """

    def normalize(
        self,
        raw: Raw,
        rows: Tensor,
        *,
        activate: bool = True,
        added_to: Tensor | None = None,
        kept: DType = None,
    ) -> Tensor:
        """Conditional instance normalisation of a raw result, then ReLU or addition."""
        assert raw.where is None
        mean, variance = raw.moments or self.moments(raw.values, raw.layer)
        scales, shifts = self._spans[raw.layer]
        factor = rows[:, scales] * tf.math.rsqrt(variance + self.config.epsilon)
        term = rows[:, shifts] - mean * factor
        phases = [1, self.phases(raw.layer) or 1]
        factor, term = (tf.tile(part, phases)[:, None, None] for part in (factor, term))
        y = tf.cast(tf.cast(raw.values, tf.float32) * factor + term, kept or self.dtype)
        y = tf.nn.relu(y) if activate else y
        return y if added_to is None else added_to + y

    def moments(self, x: Tensor, name: str) -> Moments:
        """Mean and biased variance of a raw result, float32 [batch, channels] each."""
        phases, shape = self.phases(name) or 1, tf.shape(x)
        pixels = tf.reshape(tf.cast(x, tf.float32), [shape[0], -1, shape[3] // phases])
        mean, variance = tf.nn.moments(pixels, 1)
        return mean, variance


def share(where: Tensor) -> Tensor:
    """A style map of uint8 as shares of 0..1."""
    return tf.cast(where, tf.float32) / 255.0


def _mix(pair: Tensor, share: Tensor, dtype: DType) -> Tensor:
    """Interpolate per pixel between two rows: ``pair`` [2, channels].

    ``share`` is [1, h, w, 1 or 4].
    """
    first, difference = pair[0], pair[1] - pair[0]
    if share.shape[-1] == 4:
        share = tf.repeat(share, tf.shape(first)[0] // 4, axis=-1)
    return tf.cast(first + share * difference, dtype)


def to_blocks(x: Tensor) -> Tensor:
    """[batch, height, width, channels] as [batch, height / 2, width / 2, 4 channels]."""
    shape = tf.shape(x)
    batch, height, width, channels = shape[0], shape[1] // 2, shape[2] // 2, x.shape[3]
    rows = tf.reshape(x, [batch * height, 2, width, 2 * channels])
    return tf.reshape(tf.transpose(rows, [0, 2, 1, 3]), [batch, height, width, 4 * channels])


def from_blocks(x: Tensor) -> Tensor:
    """[batch, height, width, 4 channels] as [batch, 2 height, 2 width, channels]."""
    shape = tf.shape(x)
    batch, height, width, channels = shape[0], shape[1], shape[2], x.shape[3] // 4
    rows = tf.reshape(x, [batch * height, width, 2, 2 * channels])
    return tf.reshape(tf.transpose(rows, [0, 2, 1, 3]), [batch, 2 * height, 2 * width, channels])


def _pad(x: Tensor, layer: Convolution, axis: int, first: Tensor | int, last: Tensor | int) -> Tensor:
    """Pad ``x`` [1, rows, columns, channels] as the network was trained."""
    before, after = _edges(x, layer, axis)
    parts = [_slice(before, axis, layer.before * first), x, _slice(after, axis, layer.after * last)]
    return tf.concat(parts, axis)


def _slice(x: Tensor, axis: int, count: Tensor | int) -> Tensor:
    return x[:, :count] if axis == 1 else x[:, :, :count]


def _edges(x: Tensor, layer: Convolution, axis: int) -> tuple[Tensor, Tensor]:
    """The rows (or columns) that the layer reads before and after ``x`` on ``axis``."""
    if layer.border == "mirror blocks":
        return _mirrored_blocks(x, axis)
    first = x[:, :2] if axis == 1 else x[:, :, :2]
    last = x[:, -2:] if axis == 1 else x[:, :, -2:]
    if layer.border == "zeros":
        return tf.zeros_like(first), tf.zeros_like(last)
    if layer.border == "mirror":
        return tf.reverse(first, [axis]), last  # of the rows (1, 0) and (-2, -1), take one each
    return first, tf.reverse(last, [axis])


def _mirrored_blocks(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Four pixels mirrored at the border, without repeating it, as two blocks.

    Before the first block stand the pixel rows (4, 3), (2, 1). The first rows of these blocks come from the
    blocks 2 and 1, the second rows from the blocks 1 and 0. After the last block it is the other way round.
    """
    edge = partial(_between, x, axis)
    count = tf.shape(x)[axis]
    before = _turned_blocks(edge(1, 3), edge(0, 2), axis)
    after = _turned_blocks(edge(count - 2, count), edge(count - 3, count - 1), axis)
    return before, after


def _between(x: Tensor, axis: int, start: Tensor | int, stop: Tensor | int) -> Tensor:
    return x[:, start:stop] if axis == 1 else x[:, :, start:stop]


def _turned_blocks(firsts: Tensor, seconds: Tensor, axis: int) -> Tensor:
    """Blocks in reverse order: first rows of ``firsts``, second rows of ``seconds``."""
    channels = firsts.shape[3] // 4
    firsts, seconds = (tf.reverse(part, [axis]) for part in (firsts, seconds))
    shape = tf.concat([tf.shape(firsts)[:3], [2, 2, channels]], 0)
    row = 3 if axis == 1 else 4
    firsts, seconds = tf.reshape(firsts, shape), tf.reshape(seconds, shape)
    pieces = [tf.gather(firsts, [0], axis=row), tf.gather(seconds, [1], axis=row)]
    return tf.reshape(tf.concat(pieces, row), tf.concat([tf.shape(firsts)[:3], [4 * channels]], 0))
