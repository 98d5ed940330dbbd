"""Where the commands speak: results on standard output, progress and faults on the error stream."""

from __future__ import annotations

import sys
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import Progress, ProgressColumn, TaskID

# Tables and progress go to the error stream, so that standard output holds results alone.
console = Console(stderr=True)
results = Console(width=None if sys.stdout and sys.stdout.isatty() else 140)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output and nothing else.")]


class ProgressLines:
    """Lines of progress by name; nothing is shown unless the error stream is a terminal."""

    def __init__(self, *columns: ProgressColumn, quiet: bool) -> None:
        self._progress = Progress(*columns, console=console, disable=quiet or not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
