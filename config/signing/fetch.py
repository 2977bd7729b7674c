"""Where signed files come from: a folder (a stick), or the network. Both bounded, neither believed."""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

import urllib3
from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.ngclient import FetcherInterface

from config.errors import ConfigError
from config.limits import FETCH_ALL_S, FETCH_STEP_S
from config.rules import BACKEND

CHUNK_BYTES = 256 * 1024
STICK = "stick:///"


class StickFetcher(FetcherInterface):
    """Reads below a folder. Links are refused, and whatever leads out of it, is no plain file, or cannot be read."""

    base = STICK

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        parts = urlsplit(url).path.lstrip("/").split("/")
        with self._opened([unquote(part) for part in parts], url) as file:
            while chunk := _chunk(file, url):
                yield chunk

    @contextmanager
    def _opened(self, parts: list[str], url: str) -> Iterator[IO[bytes]]:
        """Step by step, so that no link on the way can lead elsewhere."""
        if any(part in ("", ".", "..") or "/" in part or "\0" in part for part in parts):
            raise DownloadError(f"a name that leads elsewhere: {url}")
        at = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for nth, part in enumerate(parts):
                kind = os.O_DIRECTORY if nth < len(parts) - 1 else os.O_NONBLOCK  # a pipe must not hang the loader
                deeper = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=at)
                os.close(at)
                at = deeper
            if not stat.S_ISREG(os.fstat(at).st_mode):
                raise DownloadError(f"not a plain file: {url}")
            file = os.fdopen(at, "rb")
        except FileNotFoundError:
            os.close(at)
            raise DownloadHTTPError(f"there is no {url}", 404) from None
        except OSError as wrong:
            os.close(at)
            raise DownloadError(f"cannot be read: {url}: {wrong.strerror}") from wrong
        except DownloadError:
            os.close(at)
            raise
        with file:
            yield file


class WebFetcher(FetcherInterface):
    """Reads below an address. Nothing is followed elsewhere, and neither a step nor the whole may take for ever."""

    def __init__(self, address: str) -> None:
        self.base = address if address.endswith("/") else f"{address}/"
        timeout = urllib3.Timeout(connect=FETCH_STEP_S, read=FETCH_STEP_S)
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False, maxsize=2)

    def _fetch(self, url: str) -> Iterator[bytes]:
        deadline = time.monotonic() + FETCH_ALL_S
        response = self._answer(url)
        try:
            if response.status != 200:
                raise DownloadHTTPError(f"{url}: HTTP {response.status}", response.status)
            # read1 gives what has come: a server that drips must not hold this loop until a chunk is full.
            while chunk := response.read1(CHUNK_BYTES, decode_content=False):
                if time.monotonic() > deadline:
                    raise DownloadError(f"{url}: took longer than {FETCH_ALL_S:.0f} s")
                yield chunk
        except urllib3.exceptions.HTTPError as wrong:
            raise DownloadError(f"{url}: {wrong}") from wrong
        finally:
            response.close()

    def _answer(self, url: str) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request("GET", url, preload_content=False, redirect=False, decode_content=False)
        except urllib3.exceptions.HTTPError as wrong:
            raise DownloadError(f"{url}: {wrong}") from wrong


Fetcher = StickFetcher | WebFetcher


def fetcher(place: str) -> Fetcher:
    """For an address, or for a folder that holds `metadata/`, itself or in its folder `smk`. Raises ConfigError."""
    if "://" in place:
        if not BACKEND.met_by(place):
            raise ConfigError(place[:200], BACKEND.zh, BACKEND.en, "检查网址", "check the address")
        return WebFetcher(place)
    folder = Path(place)
    return StickFetcher(folder if is_signed(folder) or not is_signed(folder / "smk") else folder / "smk")


def _chunk(file: IO[bytes], url: str) -> bytes:
    try:
        return file.read(CHUNK_BYTES)
    except OSError as wrong:  # pulled out
        raise DownloadError(f"cannot be read on: {url}: {wrong.strerror}") from wrong


def is_signed(folder: Path) -> bool:
    """Whether a signed repository seems to lie there."""
    return (folder / "metadata" / "timestamp.json").exists()
