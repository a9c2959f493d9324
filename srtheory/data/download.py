"""Checked downloads: resumed, verified, and put in place whole or not at all."""

import errno
import hashlib
import http.client
import shutil
import stat
import sys
import tarfile
import threading
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PureWindowsPath
from typing import IO

from tqdm import tqdm

from srtheory.data.pictures import ENDINGS

THREADS = 8
TIMEOUT = 20.0  # seconds without a byte
WAITS = (0.5, 2.0, 5.0)  # seconds before each new try
CHUNK = 1 << 16
PASSING = {408, 425, 429}  # HTTP: the same request may succeed later, as after any 5xx
DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
HASHES = {32: "MD5", 64: "SHA-256"}  # by the number of hexadecimal digits


@dataclass(frozen=True)
class Remote:
    """A file to download: its name here, its address, its size and hash (MD5 or SHA-256) where known."""

    name: str
    address: str
    bytes: int | None = None
    digest: str | None = None
    digest_from: str = ""  # for messages: where the hash comes from, if not from the catalogue


class _Again(Exception):
    """What went wrong in a try that is worth another one."""


def fetch(files: Sequence[Remote], folder: Path, progress: bool | None = None, beside: int = 0) -> None:
    """Download files into a folder, several at a time; files that are there and right are left alone.

    Each grows as NAME.part, which a later call continues, and gets its name once its size and hash are right.

    Args:
        files: what to download.
        folder: where to; made if missing.
        progress: show a bar; None: if stderr is a terminal.
        beside: bytes that must be free besides those for the files.

    Raises:
        FileExistsError: a file is there and is another one.
        ValueError: an address is not http or https; what came is not the file.
        ConnectionError: no network, or the server fails.
        OSError: the disk is full, or cannot be written to.
    """
    for file in files:
        if urllib.parse.urlsplit(file.address).scheme not in ("http", "https"):
            raise ValueError(f"{file.address} must begin with http:// or https://")
    missing = [file for file in files if not _is_there(file, folder / file.name)]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    had = sum(_size(_part(folder / file.name)) for file in missing)
    whole = sum(file.bytes or 0 for file in missing)
    require_space(folder, whole - had + beside)
    stop = threading.Event()
    with (
        _bar(whole or None, "B", folder.name, progress, had) as bar,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        try:
            tasks = [pool.submit(_fetch_one, file, folder / file.name, stop, bar) for file in missing]
            for task in as_completed(tasks):
                task.result()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def require_space(folder: Path, needed: int) -> None:
    """Raise OSError if the disk of a folder has less free than needed, in bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            errno.ENOSPC,
            f"{folder} needs {_megabytes(needed)}, and the disk has {_megabytes(free)} free; make room or take another",
        )


def digest_of(path: Path, kind: str = "SHA-256") -> str:
    """Return the hash of a file in hexadecimal digits."""
    with path.open("rb") as file:
        new = hashlib.new(kind.replace("-", "").lower(), usedforsecurity=False)
        return hashlib.file_digest(file, lambda: new).hexdigest()


def unpack(archive: Path, folder: Path, inside: str, pictures: int, progress: bool | None = None) -> None:
    """Unpack the pictures that one folder of a zip or tar archive holds; all else in the archive is left out.

    They are written to FOLDER.part, which gets its name when all are there, and is removed if anything goes wrong.

    Args:
        archive: the archive.
        folder: where to; missing or empty.
        inside: name of the folder in the archive, at any depth.
        pictures: how many pictures it must hold.
        progress: show a bar; None: if stderr is a terminal.

    Raises:
        ValueError: it is damaged or not an archive; it holds an absolute path, a `..`, a link, a device or two pictures
            of one name; it unpacks to more than twice its size; the number of pictures is another.
        OSError: the disk is full, or cannot be written to.
    """
    limit = 2 * _size(archive)  # pictures are compressed already
    growing = _part(folder)
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir()
    try:
        with _bar(pictures, "picture", f"unpack {archive.name}", progress) as bar:
            for name, stream in _pictures(archive, inside):
                limit -= _copy(stream, growing / name, limit, archive)
                bar.update()
        found = len(list(growing.iterdir()))
        if found != pictures:
            raise ValueError(f"{archive} must hold {pictures} pictures in a folder {inside}, and holds {found}")
        if folder.exists():
            folder.rmdir()
        growing.replace(folder)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError) as error:
        raise ValueError(f"{archive} is damaged or not an archive ({error}); delete it and run again") from error
    except OSError as error:
        if error.errno in DISK_FULL:
            raise _disk_full(folder) from error
        raise
    finally:
        shutil.rmtree(growing, ignore_errors=True)


def _fetch_one(file: Remote, path: Path, stop: threading.Event, bar: tqdm) -> None:
    part = _part(path)
    what, by_hand = f"{path.name} from {file.address}", f"download it by hand and put it at {path}"
    furthest, failures = _size(part), 0
    while True:
        had = _size(part)
        try:
            if had != file.bytes:
                _receive(file, part, stop, bar)
        except _Again as error:
            failures = 0 if _size(part) > furthest else failures + 1
            furthest = max(furthest, _size(part))
            if failures > len(WAITS) or stop.wait(WAITS[max(failures - 1, 0)]):
                raise ConnectionError(
                    f"{what}: {error}. Run again, which continues where this stopped, or {by_hand}"
                ) from error
            continue
        except (ValueError, ConnectionError) as error:
            raise type(error)(f"{what}: {error}. If it stays so, {by_hand}") from error
        wrong = _wrong(file, part)
        if not wrong:
            part.replace(path)
            return
        _drop(part, bar)
        if not had:
            raise ValueError(f"{what}: {wrong}; nothing of it was kept. If it stays so, {by_hand}")


def _receive(file: Remote, part: Path, stop: threading.Event, bar: tqdm) -> None:
    """Make one request for what a .part lacks."""
    had = _size(part)
    with _answer(file.address, part, bar) as response:
        resumed = response.status == http.client.PARTIAL_CONTENT
        begin = had if resumed else 0
        whole = file.bytes if response.length is None else begin + response.length
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {had}-"):
            _drop(part, bar)
            raise _Again("the server continued at another place")
        if file.bytes not in (None, whole):
            if resumed:
                _drop(part, bar)
                raise _Again("the server has a file of another size")
            raise ValueError(f"the server offers {whole} bytes, not {file.bytes}")
        require_space(part.parent, (whole or 0) - begin)
        if bar.total is None:
            bar.total = whole
        _move(bar, begin - had)
        try:
            with part.open("ab" if resumed else "wb") as growing:
                while chunk := _read(response):
                    growing.write(chunk)
                    _move(bar, len(chunk))
                    if stop.is_set():
                        raise _Again("stopped")
                    if file.bytes is not None and growing.tell() > file.bytes:
                        break
        except OSError as error:
            if error.errno in DISK_FULL:
                part.unlink(missing_ok=True)
                raise _disk_full(part) from error
            raise
    if whole is not None and _size(part) < whole:
        raise _Again(f"the connection broke off after {_size(part)} of {whole} bytes")


def _answer(address: str, part: Path, bar: tqdm) -> http.client.HTTPResponse:
    had = _size(part)
    headers = {"User-Agent": "srtheory"} | ({"Range": f"bytes={had}-"} if had else {})
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - fetch lets http and https pass only
    try:
        return _opener().open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            _drop(part, bar)
        elif error.code < 500 and error.code not in PASSING:
            raise ConnectionError(f"the server answers {error.code} {error.reason}") from error
        raise _Again(f"the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        host = urllib.parse.urlsplit(address).hostname
        raise _Again(f"no connection to {host} ({error.reason}): no network, or no such server") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Again(f"the connection failed ({error or type(error).__name__})") from error


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _Again(f"the connection broke off ({error or type(error).__name__})") from error


@cache
def _opener() -> urllib.request.OpenerDirector:
    """An opener that knows http and https and nothing else, so that no redirect leads to a file or to ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def _is_there(file: Remote, path: Path) -> bool:
    if not path.exists():
        return False
    if wrong := _wrong(file, path):
        raise FileExistsError(f"{path} is there, but {wrong}; move it away, and run again to download it")
    return True


def _wrong(file: Remote, path: Path) -> str:
    """Say how a file differs from what it must be; "" if it does not."""
    if file.bytes is not None and _size(path) != file.bytes:
        return f"it has {_size(path)} bytes, not {file.bytes}"
    if file.digest is not None:
        kind = HASHES[len(file.digest)]
        found = digest_of(path, kind)
        if found != file.digest:
            return f"its {kind} is {found}, not {file.digest}{file.digest_from}"
    return ""


def _pictures(archive: Path, inside: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and content of the pictures in one folder of an archive."""
    seen: set[str] = set()
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                plain = stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
                name = _picture(archive, info.filename, plain, inside, seen)
                if name and not info.is_dir():
                    with opened.open(info) as stream:
                        yield name, stream
    else:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                plain = member.isreg() or member.isdir()
                name = _picture(archive, member.name, plain, inside, seen)
                if name and (content := tar.extractfile(member)):
                    yield name, content


def _picture(archive: Path, member: str, plain: bool, inside: str, seen: set[str]) -> str:
    """Return the name under which to save a member of an archive; "" if it is none of the pictures."""
    path = PureWindowsPath(member)  # takes / and \ for separators, and knows drives
    if path.anchor or ".." in path.parts or not plain:
        reason = "leads out of its folder" if plain else "is a link or a device"
        raise ValueError(f"{archive} holds {member!r}, which {reason}; nothing was unpacked. Do not trust this archive")
    if path.parent.name != inside or path.suffix.lower() not in ENDINGS or path.name.startswith("."):
        return ""
    if path.name.lower() in seen:
        raise ValueError(f"{archive} holds two pictures named {path.name}; nothing was unpacked")
    seen.add(path.name.lower())
    return path.name


def _copy(stream: IO[bytes], path: Path, limit: int, archive: Path) -> int:
    copied = 0
    with path.open("wb") as out:
        while chunk := stream.read(CHUNK):
            copied += len(chunk)
            if copied > limit:
                raise ValueError(
                    f"{archive} unpacks to more than twice its size; nothing was unpacked. Do not trust it"
                )
            out.write(chunk)
    return copied


def _bar(total: int | None, unit: str, label: str, progress: bool | None, done: int = 0) -> tqdm:
    show = sys.stderr.isatty() if progress is None else progress
    return tqdm(total=total, initial=done, unit=unit, unit_scale=unit == "B", desc=label, disable=not show)


def _move(bar: tqdm, steps: int) -> None:
    with bar.get_lock():
        bar.update(steps)


def _drop(part: Path, bar: tqdm) -> None:
    _move(bar, -_size(part))
    part.unlink(missing_ok=True)


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _disk_full(path: Path) -> OSError:
    return OSError(errno.ENOSPC, f"the disk is full: {path} was not written; make room, and run again")


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
