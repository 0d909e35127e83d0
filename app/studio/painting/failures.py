"""Why a picture could not be painted: kept with it so that it can be told in whatever language is read."""

from __future__ import annotations

import json

from flask_babel import gettext, ngettext

from app.engine.errors import EngineError, InvalidOption, UnknownStyle
from app.errors import DomainError
from app.imaging.errors import ImageError, SideTooLong, TooManyPixels
from app.sentences import translatable
from app.studio.domain.controls import InvalidControls
from app.studio.domain.errors import PhotoUnreadable, StyleGone
from app.studio.domain.models import FAILURE_LENGTH
from app.studio.painting.leases import RENDER_FAILED
from app.translation import translated

# What the reason of a failure is followed by.
CREDIT_BACK = translatable("Your credit is back on your account.")


def kept_failure(error: DomainError | EngineError) -> str:
    """What a picture's row keeps of an error: its sentence before translation, and the values in it."""
    told = _told(error)
    if told is None:
        return RENDER_FAILED
    kept = json.dumps([told.sentence, told.values], ensure_ascii=False, default=str)
    return kept if len(kept) <= FAILURE_LENGTH else RENDER_FAILED


def _told(error: DomainError | EngineError) -> DomainError | None:
    """What the owner of the picture can do something about; None where they cannot."""
    match error:
        case UnknownStyle():
            return StyleGone()
        case InvalidOption():
            return InvalidControls()
        case EngineError():
            return None
        case ImageError() if not isinstance(error, TooManyPixels | SideTooLong):
            # It was read when it was uploaded: what is said of uploads would not help.
            return PhotoUnreadable()
    return error


def failure_in_words(failure: str) -> str:
    """Why a picture failed, from what its row keeps: JSON, or in old rows sentences in English."""
    try:
        sentence, values = json.loads(failure)
    except ValueError:
        return _old_failure_in_words(failure)
    cause = ngettext(*sentence, **values) if isinstance(sentence, list) else gettext(sentence, **values)
    return f"{cause} {gettext(CREDIT_BACK)}"


def _old_failure_in_words(failure: str) -> str:
    cause = failure.removesuffix(CREDIT_BACK).rstrip()
    return translated(cause) if cause == failure else f"{translated(cause)} {gettext(CREDIT_BACK)}"
