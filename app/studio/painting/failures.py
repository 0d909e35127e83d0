"""Failures: why a picture could not be painted, to be told in any language."""

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

# The sentence after the cause of a failure.
CREDIT_BACK = translatable("Your credit is back on your account.")


def kept_failure(error: DomainError | EngineError) -> str:
    """An error as JSON for a render's row: the untranslated sentence and values."""
    error_for_owner = _error_for_owner(error)
    if error_for_owner is None:
        return RENDER_FAILED
    kept = json.dumps([error_for_owner.sentence, error_for_owner.values], ensure_ascii=False, default=str)
    return kept if len(kept) <= FAILURE_LENGTH else RENDER_FAILED


def _error_for_owner(error: DomainError | EngineError) -> DomainError | None:
    """The error to tell the picture's owner; None if they cannot fix it."""
    match error:
        case UnknownStyle():
            return StyleGone()
        case InvalidOption():
            return InvalidControls()
        case EngineError():
            return None
        case ImageError() if not isinstance(error, TooManyPixels | SideTooLong):
            # The photo could be read at its upload, so a sentence about uploads would not help.
            return PhotoUnreadable()
    return error


def failure_in_words(failure: str) -> str:
    """Why a picture failed, from its row: JSON, or English in old rows."""
    try:
        sentence, values = json.loads(failure)
    except ValueError:
        return _old_failure_in_words(failure)
    cause = ngettext(*sentence, **values) if isinstance(sentence, list) else gettext(sentence, **values)
    return f"{cause} {gettext(CREDIT_BACK)}"


def _old_failure_in_words(failure: str) -> str:
    cause = failure.removesuffix(CREDIT_BACK).rstrip()
    return translated(cause) if cause == failure else f"{translated(cause)} {gettext(CREDIT_BACK)}"
