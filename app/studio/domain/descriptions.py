"""Settings and sizes of pictures in words, in the language of the reader."""

from __future__ import annotations

from collections.abc import Callable

from flask_babel import format_decimal, format_percent, gettext

from app.engine.catalogue import Style, title_of
from app.engine.errors import UnknownStyle
from app.imaging.prints import Frame, PrintSize, known_size
from app.studio.domain.controls import Controls
from app.studio.domain.models import Render
from app.translation import translated
from app.wiring import catalogue

Title = Callable[[str], str]


def find_style(slug: str) -> Style | None:
    """The style, or None when it has been removed since the picture was painted."""
    try:
        return catalogue().get(slug)
    except UnknownStyle:
        return None


def style_title(slug: str) -> str:
    """The style's title in the language of the page, even after its removal."""
    style = find_style(slug)
    return translated(style.title) if style else title_of(slug)


def painting_title(controls: Controls, title: Title) -> str:
    """The title of the picture's style, or the titles of both."""
    mixture, mapped = controls.mixture(), controls.mapped_style()
    slugs = mixture.slugs + (mapped.slugs if mapped else ())
    titles = [title(slug) for slug in dict.fromkeys(slugs)]
    if len(titles) == 1:
        return titles[0]
    return gettext("%(first)s and %(second)s", first=titles[0], second=titles[1])


def settings_in_words(render: Render, title: Title) -> list[tuple[str, str]]:
    """The settings of a picture as pairs of term and value, most defaults omitted."""
    controls = render.controls
    strength = format_percent(controls.strength)
    if controls.mask:
        strength = gettext("%(strength)s in the painted areas", strength=strength)
    said = [
        (gettext("Style"), _after(controls, title)),
        (gettext("Size"), _size(render)),
        (gettext("Strength"), strength),
    ]
    if controls.keep_colors:
        said.append((gettext("Colours"), gettext("from the photo")))
    if controls.brush != 1.0:
        said.append((gettext("Brush size"), _brush(controls.brush)))
    if controls.protect_faces:
        said.append((gettext("Faces"), gettext("protected")))
    return said


def _after(controls: Controls, title: Title) -> str:
    if controls.mapped_style():
        return gettext("%(paintings)s, each in its painted areas", paintings=painting_title(controls, title))
    parts = controls.mixture().parts
    if len(parts) == 1:
        return title(parts[0][0])
    first, second = (f"{format_percent(share)} {title(slug)}" for slug, share in parts)
    return gettext("%(first)s with %(second)s", first=first, second=second)


def _size(render: Render) -> str:
    pixels = gettext("%(width)d × %(height)d pixels", width=render.width, height=render.height)
    size = known_size(render.print_size)
    return pixels if size is None or size.keeps_photo else f"{translated(size.title)}, {pixels}"


def size_note(size: PrintSize) -> str:
    """A print size in centimetres or pixels."""
    if size.keeps_photo:
        return gettext("As large as your photo")
    if size.dpi is None:
        return gettext(
            "%(width)d × %(height)d pixels, for social media", width=size.width, height=size.height
        )
    width, height = (format_decimal(round(side / size.dpi * 2.54, 1)) for side in (size.width, size.height))
    return gettext("%(width)s × %(height)s cm at %(dpi)d dpi", width=width, height=height, dpi=size.dpi)


def _brush(brush: float) -> str:
    if brush > 1:
        return gettext("%(times)s × larger", times=_short(brush))
    return gettext("%(times)s × smaller", times=_short(1 / brush))


def _short(number: float) -> str:
    """A number with two digits."""
    return format_decimal(float(f"{number:.2g}"))


def sharpness(frame: Frame, photo: tuple[int, int]) -> str:
    """How sharp a photo will be at this size."""
    enlarged = frame.enlargement(photo)
    if enlarged <= 1.0:
        return gettext("Sharp: the photo has enough pixels for this size.")
    left, top, right, bottom = frame.crop.box(photo)
    said = gettext(
        "This part of the photo has %(across)d × %(down)d pixels. "
        "This size needs %(width)d × %(height)d, so we enlarge it %(times)s times.",
        across=round(right - left),
        down=round(bottom - top),
        width=frame.width,
        height=frame.height,
        times=format_decimal(enlarged, "0.0"),
    )
    return f"{said} {_consequence(enlarged)}"


def _consequence(enlarged: float) -> str:
    if enlarged <= 1.5:
        return gettext("You won’t notice the difference.")
    if enlarged <= 3.0:
        return gettext("Brush strokes stay crisp, but fine details of the photo look soft.")
    return gettext("Brush strokes stay crisp, but fine details of the photo are lost.")
