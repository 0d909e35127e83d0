"""Coded sizes of pictures: AV1 sequence headers and HEVC sequence parameter sets."""

from __future__ import annotations

from collections.abc import Iterator

# The most units (AV1 OBU or HEVC NAL) of one still picture; photos have far fewer.
UNITS = 1_000
AV1_SEQUENCE_HEADER, HEVC_PARAMETERS = 1, 33
SEQUENCE_BYTES = 256
Size = tuple[int, int]


class BitReader:
    """Reads integers from bits, highest bit first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, bits: int) -> int:
        """The next ``bits`` bits as an integer.

        Raises:
            ValueError: there are fewer bits.
        """
        self._left -= bits
        if self._left < 0:
            raise ValueError("The data ends early.")
        return self._value >> self._left & (1 << bits) - 1

    def take_exponential(self) -> int:
        """An Exp-Golomb number: ``ue(v)`` in H.265, ``uvlc()`` in AV1."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def av1_sizes(data: bytes) -> Iterator[Size]:
    """Yield the size in each sequence header (AV1 specification, 5.3 to 5.5)."""
    offset = 0
    for _ in range(UNITS):
        if offset >= len(data):
            return
        header = data[offset]
        offset += 2 if header & 0x04 else 1
        length = len(data) - offset
        if header & 0x02:
            length, offset = _leb128(data, offset)
        if header >> 3 & 0x0F == AV1_SEQUENCE_HEADER:
            yield _av1_size(BitReader(data[offset : offset + min(length, SEQUENCE_BYTES)]))
        offset += length


def _leb128(data: bytes, offset: int) -> tuple[int, int]:
    """A LEB128 number (groups of 7 bits, lowest first) and the offset after it."""
    value = 0
    for index in range(8):
        byte = data[offset + index]
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            break
    return value, offset + index + 1


def _av1_size(bits: BitReader) -> Size:
    bits.take(4)  # seq_profile, still_picture
    if bits.take(1):  # reduced_still_picture_header
        bits.take(5)  # seq_level_idx
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = 1 + bits.take(4), 1 + bits.take(4)
    return 1 + bits.take(width_bits), 1 + bits.take(height_bits)


def _skip_operating_points(bits: BitReader) -> None:
    decoder_model, delay_bits = 0, 0
    if bits.take(1):  # timing_info_present_flag
        bits.take(64)
        if bits.take(1):  # equal_picture_interval
            bits.take_exponential()
        decoder_model = bits.take(1)
        if decoder_model:
            delay_bits = 1 + bits.take(5)
            bits.take(42)
    display_delay = bits.take(1)
    for _ in range(1 + bits.take(5)):
        bits.take(12)  # operating_point_idc
        if bits.take(5) > 7:  # seq_level_idx
            bits.take(1)
        if decoder_model and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if display_delay and bits.take(1):
            bits.take(4)


def hevc_sizes(data: bytes, length_bytes: int) -> Iterator[Size]:
    """Yield the size in each sequence parameter set; a length precedes each unit."""
    offset = 0
    for _ in range(UNITS):
        if offset + length_bytes >= len(data):
            return
        length = int.from_bytes(data[offset : offset + length_bytes], "big")
        offset += length_bytes
        yield from hevc_unit_size(data[offset : offset + min(length, SEQUENCE_BYTES)])
        offset += length


def hevc_unit_size(unit: bytes) -> Iterator[Size]:
    """Yield the unit's size if it is a sequence parameter set (H.265, 7.3.2.2)."""
    if not unit or unit[0] >> 1 & 0x3F != HEVC_PARAMETERS:
        return
    # The 3 after two zeros is an escape byte: it prevents a false start code.
    bits = BitReader(unit[2:].replace(b"\0\0\x03", b"\0\0"))
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 88 + 8)  # temporal_id_nesting_flag, the profile and its level
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
    bits.take_exponential()  # sps_seq_parameter_set_id
    if bits.take_exponential() == 3:  # chroma_format_idc
        bits.take(1)
    yield bits.take_exponential(), bits.take_exponential()
