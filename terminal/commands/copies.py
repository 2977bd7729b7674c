"""How commands write the files of a pack or policy out, to be edited."""

from collections.abc import Mapping
from pathlib import Path

import click

from terminal.commands.say import fail


def copied(files: Mapping[str, bytes], folder: Path) -> None:
    """Write `files` below the new `folder` and say so; ends with 1 where it exists or cannot be written."""
    try:
        folder.mkdir(parents=True)
        for name, raw in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(raw)
    except FileExistsError:
        fail(f"{folder} 已存在 · exists already: name a new folder")
    except OSError as wrong:
        fail(f"无法写入 · cannot be written: {wrong}")
    click.echo(f"已复制 {len(files)} 个文件到 · {len(files)} files copied to: {folder}")
