"""The releases of the program on a device: each whole in a folder of its own, one link that says which one runs.

    releases/VERSION/bin/smk           starts this release, whichever is current
    releases/VERSION/lib/              its packages
    releases/VERSION/release.json      what it is; written last: without it the folder is no release
    releases/VERSION/previous          link to the release before it
    releases/current                   link to the one that starts

The switch is the renaming of one link; a power cut leaves the old one or the new one.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import msgspec

from config.durable import replace_durably, sync_folder, telling, zipped
from config.errors import ConfigError
from config.files import read_file, unzipped
from config.limits import RELEASE_BYTES_MAX, RELEASE_MANIFEST_BYTES_MAX

MANIFEST = "release.json"
WHEEL = re.compile(r"[A-Za-z0-9_]{1,80}-[A-Za-z0-9_.+!]{1,60}(-[A-Za-z0-9_.]{1,60}){3,4}\.whl")
VERSION = re.compile(r"[0-9][A-Za-z0-9._+-]{0,63}")
INSTALL_S = 600

_LAUNCHER = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
PYTHONPATH="$here/../lib" exec {python} -P -m terminal.cli "$@"
"""


class Manifest(msgspec.Struct, frozen=True):
    """`schema`: the journal's that it writes; `python` "3.11"."""

    version: str
    schema: int
    python: str


class Release(NamedTuple):
    """One that is whole."""

    folder: Path
    manifest: Manifest

    @property
    def program(self) -> Path:
        """What starts it."""
        return self.folder / "bin" / "smk"


_decoder = msgspec.json.Decoder(Manifest)


def parse_manifest(raw: bytes, place: str) -> Manifest:
    """Raises ConfigError."""
    try:
        manifest = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        zh, en = "不是程序发布包", f"this is no release: {wrong}"
        raise ConfigError(place, zh, en, "请办公室检查", "have the office look at it") from wrong
    if not VERSION.fullmatch(manifest.version):
        raise ConfigError(place, "版本号不合规", "not a version", "请办公室检查", "have the office look at it")
    return manifest


class Releases:
    """The releases below a device's data directory."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "releases"
        self._current = self.folder / "current"

    def current(self) -> Release | None:
        """The one that starts; None while there is none."""
        return self._at(self._current.resolve()) if self._current.is_symlink() else None

    @property
    def program(self) -> Path:
        """What starts the current one, whichever that is: for the unit."""
        return self._current / "bin" / "smk"

    def previous(self) -> Release | None:
        """The one before it."""
        current = self.current()
        return self._at((current.folder / "previous").resolve()) if current else None

    def adopt(self, manifest: Manifest, program: Path) -> Release:
        """Make the program that was installed otherwise the first release. Raises ConfigError."""
        if self.current() is not None:
            zh, en = "已有程序发布", "there is a release already"
            raise ConfigError(str(self.folder), zh, en, "用 smk update list 查看", "smk update list shows it")
        with telling(self.folder, "程序未能登记", "the program could not be adopted"):
            fresh = self._fresh(manifest.version)
            (fresh / "bin").mkdir()
            # A release that calls it, to try it on a copy, has its own packages in that variable.
            return self._finished(fresh, manifest, f'#!/bin/sh\nunset PYTHONPATH\nexec {program} "$@"\n')

    def unpack(self, archive: Path) -> Release:
        """Put a release beside the others, whole; the same once more changes nothing. Raises ConfigError.

        Its packages are laid out by pip, without a network. It is not started yet: `switch`.
        """
        files = unzipped(read_file(archive, RELEASE_BYTES_MAX), str(archive), RELEASE_BYTES_MAX, RELEASE_BYTES_MAX)
        manifest = parse_manifest(files.pop(MANIFEST, b""), str(archive))
        if there := self._at(self.folder / manifest.version):
            return there
        running = f"{sys.version_info.major}.{sys.version_info.minor}"
        if manifest.python != running:
            zh, en = (
                f"需要 Python {manifest.python}，本机为 {running}",
                f"it wants Python {manifest.python}, not {running}",
            )
            raise ConfigError(str(archive), zh, en, "请办公室提供适合的发布", "have the office give the fitting one")
        if not files or any(not WHEEL.fullmatch(name) for name in files):
            raise ConfigError(str(archive), "须只含 wheel", "must hold wheels alone", "请办公室检查", "tell the office")
        with telling(self.folder, "程序未能展开", "the release could not be unpacked"):
            fresh = self._fresh(manifest.version)
            (fresh / "bin").mkdir()
            (fresh / "wheels").mkdir()
            for name, raw in files.items():
                (fresh / "wheels" / name).write_bytes(raw)
            _lay_out(fresh)
            shutil.rmtree(fresh / "wheels")
            return self._finished(fresh, manifest, _LAUNCHER.format(python=sys.executable))

    def switch(self, release: Release) -> None:
        """Start this one from now on; the one before is kept, older ones go. Raises ConfigError."""
        with telling(self.folder, "程序未能切换", "the release could not be switched"):
            before = self.current()
            if before is not None and before.folder != release.folder:
                _link(release.folder / "previous", f"../{before.folder.name}")
            _link(self._current, release.folder.name)
            kept = {release.folder.name, before.folder.name if before else ""}
            for folder in self.folder.iterdir():
                if folder.is_dir() and not folder.is_symlink() and folder.name not in kept:
                    shutil.rmtree(folder, ignore_errors=True)

    def roll_back(self) -> Release:
        """The one before again; done twice it is undone. Raises ConfigError."""
        previous = self.previous()
        if previous is None:
            zh, en = "没有上一版程序", "there is no release to go back to"
            raise ConfigError(
                str(self.folder), zh, en, "用 smk update list 查看", "smk update list shows what there is"
            )
        self.switch(previous)
        return previous

    def _at(self, folder: Path) -> Release | None:
        manifest = folder / MANIFEST
        if folder.parent != self.folder.resolve() or not manifest.exists():
            return None
        return Release(folder, parse_manifest(read_file(manifest, RELEASE_MANIFEST_BYTES_MAX), str(manifest)))

    def _fresh(self, version: str) -> Path:
        """An empty folder; what a power cut left of an earlier try goes."""
        fresh = self.folder.resolve() / version
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        return fresh

    def _finished(self, fresh: Path, manifest: Manifest, launcher: str) -> Release:
        (fresh / "bin" / "smk").write_text(launcher, "utf-8")
        (fresh / "bin" / "smk").chmod(0o755)
        os.sync()  # some thousand files: all of them are on the disk before one says that they are a release
        replace_durably(fresh / MANIFEST, msgspec.json.encode(manifest))
        return Release(fresh, manifest)


def _lay_out(fresh: Path) -> None:
    """Raises OSError, ConfigError."""
    pip = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet"]
    options = ["--no-index", "--no-deps", "--no-cache-dir", "--target", str(fresh / "lib")]
    wheels = sorted(str(path) for path in (fresh / "wheels").iterdir())
    try:
        done = subprocess.run([*pip, *options, *wheels], capture_output=True, text=True, check=False, timeout=INSTALL_S)
        said = done.stderr
    except subprocess.TimeoutExpired:
        said = f"longer than {INSTALL_S} s"
    else:
        if done.returncode == 0:
            return
    shutil.rmtree(fresh, ignore_errors=True)
    zh, en = f"无法展开：{said[-300:]}", f"it could not be laid out: {said[-300:]}"
    raise ConfigError(str(fresh), zh, en, "请办公室检查发布包", "have the office look at the release")


def _link(place: Path, to: str) -> None:
    fresh = place.with_name(f"{place.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(to)
    fresh.replace(place)
    sync_folder(place.parent)


def packed(place: Path) -> tuple[Manifest, bytes]:
    """A release made of our wheel, or of a folder with it and other wheels. Raises ConfigError."""
    found = sorted(place.glob("*.whl")) if place.is_dir() else [place]
    own = [path for path in found if path.name.startswith("citizen_card_terminal-")]
    if len(own) != 1 or any(not WHEEL.fullmatch(path.name) for path in found):
        zh, en = "须恰有一个本程序的 wheel", "there must be one wheel of this program, and nothing that is no wheel"
        raise ConfigError(str(place), zh, en, "pip wheel --no-deps .", "make it: pip wheel --no-deps .")
    files = {path.name: read_file(path, RELEASE_BYTES_MAX) for path in found}
    manifest = _manifest_of(own[0])
    return manifest, zipped({**files, MANIFEST: msgspec.json.encode(manifest)})


def _manifest_of(wheel: Path) -> Manifest:
    try:
        with zipfile.ZipFile(wheel) as archive:
            schema = re.search(rb"^SCHEMA_VERSION = ([0-9]+)$", archive.read("sync/tables.py"), re.MULTILINE)
    except (zipfile.BadZipFile, KeyError, OSError) as wrong:
        zh, en = f"不是可用的 wheel：{wrong}", f"not a wheel of this program: {wrong}"
        raise ConfigError(str(wheel), zh, en, "重新制作", "make it again") from wrong
    assert schema is not None, "the tables say their schema in this form"
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Manifest(wheel.name.split("-")[1], int(schema[1]), running)
