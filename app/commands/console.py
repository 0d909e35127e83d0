"""What the commands share: errors of one line, the stylizer, files that are there whole or not at all."""

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
    """One clear line on standard error, and exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"Error: {self.message}", err=True)


class Incomplete(click.ClickException):
    """One line that says what was done and what was not, and exit code 1."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


class Interrupted(Incomplete):
    """Ctrl-C was pressed: one line that says what was done, and the shell's exit code for that."""

    exit_code = 130


class OneLineCommand(click.Command):
    """A command whose wrong arguments are :class:`BadInput` too, without click's page of usage."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*args, **options)
        except click.UsageError as error:
            raise BadInput(error.format_message()) from error


def bad_input_is_one_line(command: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Print a command's own lines only; what is wrong with a file or a style is :class:`BadInput`."""

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
    """Keep the lines of others off the terminal.

    TensorFlow's C++ code writes past Python, so the process's standard error is closed to it, while Python
    keeps a copy for progress, errors and warnings. Remarks in the log are left out; LOG_LEVEL=DEBUG shows
    them.
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
    """Python's standard error where nothing but Python writes."""
    original = sys.__stderr__
    if original is None or sys.stderr is not original:
        yield sys.stderr  # it is a test's already
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
    """An error in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


class Progress:
    """A bar on standard error where that is a terminal, and lines that do not run into it."""

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
        """Draw the bar with ``share``, 0 to 1, of it full, and a word on what is being done."""
        self._bar.update(max(0, round(share * self.STEPS) - self._bar.pos), text)

    def say(self, line: str) -> None:
        """Print a line, on the place of the bar, which comes back below it."""
        erase = "" if self._bar.hidden else "\r\x1b[K"
        click.echo(erase + line, err=True)


def load_stylizer(**options: Any) -> Stylizer:
    """The engine for this site's styles; ``options`` are those of :class:`Stylizer`."""
    from app.engine.stylizer import Stylizer

    return Stylizer(catalogue(), **options)
