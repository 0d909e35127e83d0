"""The network as TensorFlow functions that are fast on a CPU: rewritten convolutions, fused normalisation.

``Graph`` works on one picture (batch 1), whole or a strip of it; ``BatchGraph`` on several of one shape.
``app.engine.networks.transformer`` has the same network in plain Keras, for training and as the reference of
the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from app.engine.fast import winograd
from app.engine.fast.rewriting import Convolution, rewrite
from app.engine.native import operations as native
from app.engine.networks.config import NetworkConfig

# The level that is taken off pixels before a network that pads by reflection: normalisation removes any
# constant, and whole numbers around zero are exact in bfloat16. Zeros at a border must stay zeros.
MIDDLE_GREY = 128

# No level is larger, and no normalised activation: it would lie a hundred deviations from the mean.
MOST_LEVEL = 255.0
MOST_NORMALIZED = 128.0

# Mean and (biased) variance per channel, float32 [channels] each.
Moments = tuple[Any, Any]


@dataclass(frozen=True)
class Raw:
    """What the convolution ``layer`` made, which still has to be normalised with ``moments``.

    They are None where the normalisation takes them itself. ``where`` is the style map, at its resolution.
    """

    values: Any
    layer: str
    moments: Moments | None = None
    where: Any = None


class Graph:
    """One network's layers on tensors of the type it computes in, or of what they are kept in, float16.

    ``rows`` is a style vector of shape [``config.style_size``]. Where a style map is given, it holds two of
    them, [2, ``config.style_size``], and ``where`` the second one's share, 0..1, at the layer's resolution.
    """

    def __init__(
        self, config: NetworkConfig, kernels: Mapping[str, Any], dtype: str, *, use_native: bool = False
    ) -> None:
        """``use_native``: compute with operations of our own (``native.available``); on processors only."""
        self.config = config
        self.dtype = tf.as_dtype(dtype)
        self.layers = rewrite(config, dict(kernels))
        self._native = use_native
        multiplies = use_native and native.multiplies_better(self.dtype.name)
        self._winograd = {name for name, layer in self.layers.items() if multiplies and winograd.suits(layer)}
        self._quads = {
            name for name, layer in self.layers.items() if multiplies and winograd.suits_quads(layer)
        }
        self._kernels = {name: self._kernel(layer) for name, layer in self.layers.items()}
        self._spans = config.style_spans

    def _kernel(self, layer: Convolution) -> Any:
        if layer.name in self._winograd:
            return tf.constant(winograd.transform(layer.kernel))
        if layer.name in self._quads:
            return tf.constant(winograd.transform_quads(layer.kernel))
        return tf.constant(layer.kernel, self.dtype)

    @property
    def fits_float16(self) -> bool:
        """Whether no layer can make more than float16 holds, of levels or of what a normalisation makes.

        A kernel's result is at most the sum of its absolute values times the largest number that it reads.
        """
        most = {name: float(abs(layer.kernel).sum((0, 1, 2)).max()) for name, layer in self.layers.items()}
        reads = {name: MOST_LEVEL if name == "conv1" else MOST_NORMALIZED for name in most}
        return all(gain * reads[name] < float(tf.float16.max) for name, gain in most.items())

    def enter(self, photo: Any, **options: Any) -> Raw:
        """uint8 [1, height + 8, width + 8, 3], its border mirrored or zero, as raw blocks of conv1.

        ``options``: ``where``, ``kept`` and ``measure``, as for ``convolve``.
        """
        blocks = to_blocks(photo)
        if self.config.input_range == "unit":
            blocks = tf.cast(blocks, tf.int16) - MIDDLE_GREY
        return self.convolve(tf.cast(blocks, self.dtype), "conv1", None, **options)

    def convolve(
        self,
        x: Any,
        name: str,
        rows: Any,
        *,
        where: Any = None,
        ends: tuple[Any, Any] | None = None,
        kept: Any = None,
        measure: bool = False,
    ) -> Raw:
        """A layer's raw result.

        Args:
            x: a tensor, or the raw result of another layer, which is normalised first.
            name: the layer's.
            rows: the styles.
            where: the style map, at the result's resolution.
            ends: for a strip, 1 or 0 (tensors) for whether it ends at the picture's upper and lower border.
            kept: the type of the result, by default the one computed in.
            measure: whether its moments have to be there.
        """
        x = self.normalize(x, rows) if isinstance(x, Raw) else x
        if name in self._winograd or name in self._quads:
            x = self._convolve_by_winograd(x, self.layers[name], ends, kept or self.dtype)
        else:
            x = self._convolve(tf.cast(x, self.dtype), self.layers[name], ends)
        moments = self.moments(x, name) if measure else None
        return Raw(tf.cast(x, kept or x.dtype), name, moments, where)

    def _convolve_by_winograd(
        self, x: Any, layer: Convolution, ends: tuple[Any, Any] | None, kept: Any
    ) -> Any:
        ends = (0, 0) if layer.border == "none" else ends or (1, 1)
        quads = layer.name in self._quads
        return native.convolve(x, self._kernels[layer.name], layer.border, *ends, dtype=kept, quads=quads)

    def _convolve(self, x: Any, layer: Convolution, ends: tuple[Any, Any] | None) -> Any:
        padding: Any = "VALID"
        if layer.border == "zeros":
            # oneDNN reads zeros beyond the border without a copy, if it knows their number beforehand.
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
        self, raw: Raw, rows: Any, *, activate: bool = True, added_to: Any = None, kept: Any = None
    ) -> Any:
        """Conditional instance normalisation of a layer's raw result, and what follows it: ReLU, or addition.

        ``kept``: the type of the result, by default the one computed in.

        Of TensorFlow's own operations, a training-mode fused batch normalisation of a batch of one computes
        just that; with moments given, an inference-mode one applies them.
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
            # oneDNN is ten times slower on channel counts that do not fill its vectors.
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

    def _normalization(self, raw: Raw, rows: Any) -> native.Normalization:
        scales, shifts = self._spans[raw.layer]
        moments = raw.moments or self.moments(raw.values, raw.layer)
        return native.Normalization(moments, rows[scales], rows[shifts], self.config.epsilon)

    def _fused(self, x: Any, scale: Any, shift: Any, moments: Moments | None) -> Any:
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

    def moments(self, x: Any, name: str) -> Moments:
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
        variance = fused.batch_variance * (count - 1) / count  # what it returns is the unbiased one
        if not phases:
            return mean, variance
        means = tf.reshape(mean, [phases, -1])
        mean = tf.reduce_mean(means, 0)
        spread = tf.reduce_mean(tf.square(means - mean), 0)
        return mean, tf.reduce_mean(tf.reshape(variance, [phases, -1]), 0) + spread

    def finish(self, raw: Raw, rows: Any) -> Any:
        """Raw blocks of the last layer as uint8 pixels."""
        x = self.normalize(raw, rows, activate=False, kept=tf.float32)
        painted = tf.clip_by_value(tf.round(tf.tanh(x) * 150.0 + 127.5), 0.0, 255.0)
        return from_blocks(tf.cast(painted, tf.uint8))

    def whole(self, photo: Any, rows: Any, where: Any = None) -> Any:
        """The whole network: uint8 [batch, height + 8, width + 8, 3] to uint8 [batch, height, width, 3].

        ``where``: the share of the second row of ``rows`` at each pixel of the picture and of its halvings,
        uint8 [1, height, width, 1] each.
        """
        halvings = self.config.halvings
        levels = [share(level) for level in where] if where is not None else [None] * (halvings + 1)
        blocks = None if where is None else to_blocks(levels[0])
        x: Any = self.enter(photo, where=blocks)
        halved = [x]
        for number in range(1, halvings + 1):
            x = self.convolve(x, f"down{number}", rows, where=levels[number])
            if number >= halvings - self.config.skips:
                x = self._settled(x, rows)  # several layers read it
            halved.append(x)
        x = self._residual(x, "res", self.config.residual_blocks, rows, levels[-1])
        for number in range(1, halvings):
            level = halvings - number
            x = self.convolve(x, f"up{number}", rows, where=levels[level])
            if number <= self.config.skips:
                skipped = self.convolve(halved[level], f"skip{number}", rows, where=levels[level])
                x = self.normalize(skipped, rows, activate=False, added_to=self._settled(x, rows))
            if number == 1:
                x = self._residual(x, "fine", self.config.fine_blocks, rows, levels[level])
        x = self.convolve(x, f"up{halvings}", rows, where=blocks)
        return self.finish(self.convolve(x, "out", rows, where=blocks), rows)

    def _residual(self, x: Any, kind: str, blocks: int, rows: Any, where: Any) -> Any:
        x = self._settled(x, rows)
        for block in range(1, blocks + 1):
            y = self.convolve(x, f"{kind}{block}_a", rows, where=where)
            y = self.convolve(y, f"{kind}{block}_b", rows, where=where)
            x = self.normalize(y, rows, activate=False, added_to=x)
        return x

    def _settled(self, x: Any, rows: Any) -> Any:
        """A tensor that others are added to."""
        return self.normalize(x, rows) if isinstance(x, Raw) else x

    def phases(self, name: str) -> int:
        """How many pixels of a block share a channel's statistics; 0 where the result is in pixels."""
        layer = self.layers[name]
        return 4 if layer.blocks and not layer.doubled else 0

    def _shares(self, where: Any, phases: int, shape: Any, repeats: int) -> Any:
        """The style map [1, h, w, 1 or 4] as [1, rows, columns, ``repeats``], like the tensor ``shape``."""
        if not phases or repeats > 1:
            return where
        return tf.reshape(where, [1, shape[1], shape[2], 1])


class BatchGraph(Graph):
    """The same layers for a batch of pictures, each with its own style: ``rows`` is [batch, style_size].

    Every picture has statistics of its own, for which there is no fused operation. There are no style maps.
    """

    def normalize(
        self, raw: Raw, rows: Any, *, activate: bool = True, added_to: Any = None, kept: Any = None
    ) -> Any:
        """Conditional instance normalisation of a layer's raw result, and what follows it."""
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

    def moments(self, x: Any, name: str) -> Moments:
        """Mean and biased variance of a layer's raw result, float32 [batch, channels] each."""
        phases, shape = self.phases(name) or 1, tf.shape(x)
        pixels = tf.reshape(tf.cast(x, tf.float32), [shape[0], -1, shape[3] // phases])
        mean, variance = tf.nn.moments(pixels, 1)
        return mean, variance


def share(where: Any) -> Any:
    """A style map of uint8 as shares of 0..1 (None stays None)."""
    return None if where is None else tf.cast(where, tf.float32) / 255.0


def _mix(pair: Any, share: Any, dtype: Any) -> Any:
    """Per pixel between the two rows of ``pair`` [2, channels]; ``share`` is [1, h, w, 1 or 4]."""
    first, difference = pair[0], pair[1] - pair[0]
    if share.shape[-1] == 4:
        share = tf.repeat(share, tf.shape(first)[0] // 4, axis=-1)
    return tf.cast(first + share * difference, dtype)


def to_blocks(x: Any) -> Any:
    """[batch, height, width, channels] as [batch, height / 2, width / 2, 4 channels]."""
    shape = tf.shape(x)
    batch, height, width, channels = shape[0], shape[1] // 2, shape[2] // 2, x.shape[3]
    rows = tf.reshape(x, [batch * height, 2, width, 2 * channels])
    return tf.reshape(tf.transpose(rows, [0, 2, 1, 3]), [batch, height, width, 4 * channels])


def from_blocks(x: Any) -> Any:
    """[batch, height, width, 4 channels] as [batch, 2 height, 2 width, channels]."""
    shape = tf.shape(x)
    batch, height, width, channels = shape[0], shape[1], shape[2], x.shape[3] // 4
    rows = tf.reshape(x, [batch * height, width, 2, 2 * channels])
    return tf.reshape(tf.transpose(rows, [0, 2, 1, 3]), [batch, 2 * height, 2 * width, channels])


def _pad(x: Any, layer: Convolution, axis: int, first: Any, last: Any) -> Any:
    """Continue ``x`` [1, rows, columns, channels] beyond its border, as the network was trained."""
    before, after = _edges(x, layer, axis)
    parts = [_slice(before, axis, layer.before * first), x, _slice(after, axis, layer.after * last)]
    return tf.concat(parts, axis)


def _slice(x: Any, axis: int, count: Any) -> Any:
    return x[:, :count] if axis == 1 else x[:, :, :count]


def _edges(x: Any, layer: Convolution, axis: int) -> tuple[Any, Any]:
    """What stands before and after ``x`` along ``axis``, as many rows (or columns) as the layer reaches."""
    if layer.border == "mirror blocks":
        return _mirrored_blocks(x, axis)
    first = x[:, :2] if axis == 1 else x[:, :, :2]
    last = x[:, -2:] if axis == 1 else x[:, :, -2:]
    if layer.border == "zeros":
        return tf.zeros_like(first), tf.zeros_like(last)
    if layer.border == "mirror":
        return tf.reverse(first, [axis]), last  # rows 1, 0 and rows -2, -1: one is taken of each
    return first, tf.reverse(last, [axis])


def _mirrored_blocks(x: Any, axis: int) -> tuple[Any, Any]:
    """Four pixels mirrored at the border, without repeating it, as two blocks.

    Before the first block stand the rows (4, 3), (2, 1): the blocks' first places come from blocks 2 and 1,
    their second ones from blocks 1 and 0; after the last block likewise.
    """

    def edge(start: Any, stop: Any) -> Any:
        return x[:, start:stop] if axis == 1 else x[:, :, start:stop]

    def mirrored(firsts: Any, seconds: Any) -> Any:
        firsts, seconds = (tf.reverse(part, [axis]) for part in (firsts, seconds))
        channels = x.shape[3] // 4
        shape = tf.concat([tf.shape(firsts)[:3], [2, 2, channels]], 0)
        place = 3 if axis == 1 else 4
        firsts, seconds = tf.reshape(firsts, shape), tf.reshape(seconds, shape)
        pieces = [tf.gather(firsts, [0], axis=place), tf.gather(seconds, [1], axis=place)]
        return tf.reshape(tf.concat(pieces, place), tf.concat([tf.shape(firsts)[:3], [4 * channels]], 0))

    count = tf.shape(x)[axis]
    before = mirrored(edge(1, 3), edge(0, 2))
    after = mirrored(edge(count - 2, count), edge(count - 3, count - 1))
    return before, after
