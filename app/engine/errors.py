"""Errors of the engine; every message says in plain words what to do."""

from __future__ import annotations


class EngineError(Exception):
    """Base of all errors of the engine."""


class UnknownStyle(EngineError):
    """No style has that slug."""


class InvalidPicture(EngineError):
    """The array given is not a picture."""


class InvalidOption(EngineError):
    """A style mixture, brush, strength or mask that cannot be used."""


class InvalidCheckpoint(EngineError):
    """The file is not a checkpoint of a network that this engine runs."""


class OutOfMemory(EngineError):
    """Neither memory nor temporary files have room for a picture."""


class CatalogueError(EngineError):
    """The catalogue cannot be read or changed as asked."""
