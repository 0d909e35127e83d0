"""The commands' shared parts: one-line errors, the stylizer, the progress bar."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TextIO, TypeVar

import click
import structlog

from app.engine.errors import EngineError
from app.errors import DomainError
from app.wiring import catalogue, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.engine.stylizer import Stylizer

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class BadInput(click.ClickException):
    """An error shown as one line on standard error, with exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"Error: {self.message}", err=True)


class Incomplete(click.ClickException):
    """One line that says what was done and what was not, with exit code 1."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


class Interrupted(Incomplete):
    """Ctrl-C was pressed: one line on what was done, with the shell's exit code."""

    exit_code = 130


class OneLineCommand(click.Command):
    """A command that reports wrong arguments as :class:`BadInput`.

    It does not print click's usage.
    """

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*args, **options)
        except click.UsageError as error:
            raise BadInput(error.format_message()) from error


def bad_input_is_one_line(command: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Show only a command's own lines; a bad file or style becomes :class:`BadInput`."""

    @wraps(command)
    def wrapped(*args: Arguments.args, **options: Arguments.kwargs) -> Result:
        try:
            with _own_lines_only():
                return command(*args, **options)
        except (EngineError, DomainError, OSError) as error:
            raise BadInput(sentence(error)) from error

    return wrapped


@contextmanager
def _own_lines_only() -> Iterator[None]:
    """Keep other output off the terminal.

    TensorFlow's C++ code writes to the process's standard error directly. So that descriptor is redirected to
    nothing, and Python writes progress, errors and warnings to a copy of it. Informational log lines are
    hidden; LOG_LEVEL=DEBUG shows them.
    """
    before = structlog.get_config()
    with _own_standard_error() as stderr:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(stderr))
        if settings().log_level == "INFO":
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        try:
            yield
        finally:
            structlog.configure(**before)


@contextmanager
def _own_standard_error() -> Iterator[TextIO]:
    """Yield a standard error that only Python writes to."""
    original = sys.__stderr__
    if original is None or sys.stderr is not original:
        yield sys.stderr  # a test has already replaced it
        return
    original.flush()
    handlers = [
        handler
        for handler in logging.root.handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is original
    ]
    with os.fdopen(os.dup(2), "w", buffering=1) as own, open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
        sys.stderr = own
        for handler in handlers:
            handler.setStream(own)
        try:
            yield own
        finally:
            sys.stderr = original
            for handler in handlers:
                handler.setStream(original)
            os.dup2(own.fileno(), 2)


def sentence(error: Exception) -> str:
    """The message of an error, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


class Progress:
    """A progress bar on a terminal's standard error; printed lines go above it."""

    STEPS = 1000

    def __enter__(self) -> Progress:
        self._bar = click.progressbar(
            length=self.STEPS,
            file=sys.stderr,
            item_show_func=lambda text: text,
            hidden=not sys.stderr.isatty(),
        )
        self._bar.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.__exit__(None, None, None)

    def show(self, share: float, text: str) -> None:
        """Draw the bar: ``share``, 0 to 1, is full, and ``text`` says what happens now."""
        self._bar.update(max(0, round(share * self.STEPS) - self._bar.pos), text)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        erase = "" if self._bar.hidden else "\r\x1b[K"
        click.echo(erase + line, err=True)


def load_stylizer(**options: Any) -> Stylizer:
    """The engine for this site's styles; ``options`` are those of :class:`Stylizer`."""
    from app.engine.stylizer import Stylizer

    return Stylizer(catalogue(), **options)
