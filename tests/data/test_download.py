"""Downloads against a server on this machine: what is whole is kept, what is not never looks as if it were."""

import errno
import hashlib
import io
import re
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from srtheory.data import download
from srtheory.data.download import Remote, digest_of, fetch, require_space, unpack

from .files import random_bytes
from .server import Server, serving

CONTENT = random_bytes(300_000).tobytes()
CUT = len(CONTENT) // 2


@pytest.fixture(autouse=True)
def no_proxy_no_waiting(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "WAITS", (0, 0, 0))
    monkeypatch.setattr(download, "TIMEOUT", 5.0)


@pytest.fixture
def server():
    with serving() as server:
        server.files["a.png"] = CONTENT
        yield server


def remote(server: Server, name: str = "a.png", content: bytes = CONTENT, **changes: object) -> Remote:
    facts = {"bytes": len(content), "digest": hashlib.sha256(content).hexdigest()} | changes
    return Remote(name, f"{server.address}/{name}", **facts)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def check_whole(folder: Path) -> None:
    assert names(folder) == ["a.png"]
    assert (folder / "a.png").read_bytes() == CONTENT


def test_files_arrive_whole_in_parallel_and_once(tmp_path, server):
    contents = {f"{i}.png": random_bytes(1000 + i, seed=i).tobytes() for i in range(30)}
    server.files |= contents
    files = [remote(server, name, content) for name, content in contents.items()]
    together = threading.Barrier(2)  # breaks, and the test with it, unless two requests are under way at once
    server.during = lambda: together.wait(5)
    fetch(files, tmp_path / "new" / "set")
    assert {
        name: (tmp_path / "new" / "set" / name).read_bytes() for name in names(tmp_path / "new" / "set")
    } == contents
    assert server.agents == {"srtheory"}
    assert sorted(server.log) == sorted((name, None) for name in contents)
    fetch(files, tmp_path / "new" / "set")
    assert len(server.log) == 30


def test_only_what_is_missing_is_asked_for(tmp_path, server):
    server.files["b.png"] = b"b"
    (tmp_path / "a.png").write_bytes(CONTENT)
    fetch([remote(server), remote(server, "b.png", b"b")], tmp_path)
    assert server.log == [("b.png", None)]


@pytest.mark.parametrize("digest", [hashlib.md5(CONTENT).hexdigest(), None], ids=["MD5", "no hash"])  # noqa: S324
@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_md5_and_unknown_size_or_hash(tmp_path, server, digest, size):
    fetch([remote(server, bytes=size, digest=digest)], tmp_path)
    check_whole(tmp_path)


SCRIPTS = [  # the answers, the length of an earlier .part (-1: of wrong bytes, as long as the file), what is asked for
    ("503 first", ["503", "429"], 0, [None, None, None]),
    ("cut once", ["cut"], 0, [None, CUT]),
    ("cut without Range", ["cut", "no range"], 0, [None, CUT]),
    ("cut, cut again", ["cut", "cut"], 0, [None, CUT, CUT + CUT // 2]),
    ("progress forgives", ["cut"] * 9, 0, 10),
    ("resumed", [], 1000, [1000]),
    ("resumed without Range", ["no range"], 1000, [1000]),
    ("another range", ["other range"], 1000, [1000, None]),
    ("416", ["416"], 1000, [1000, None]),
    ("complete .part", [], len(CONTENT), []),
    ("complete .part of wrong bytes", [], -1, [None]),
    ("overlong .part", [], len(CONTENT) + 1, [len(CONTENT) + 1, None]),
]


@pytest.mark.parametrize(("script", "earlier", "asked"), [row[1:] for row in SCRIPTS], ids=[row[0] for row in SCRIPTS])
def test_goes_on_after(tmp_path, server, script, earlier, asked):
    server.script["a.png"] = list(script)
    if earlier:
        (tmp_path / "a.png.part").write_bytes((CONTENT + b"!")[:earlier] if earlier > 0 else bytes(len(CONTENT)))
    fetch([remote(server)], tmp_path)
    check_whole(tmp_path)
    ranges = [value and int(value.removeprefix("bytes=").removesuffix("-")) for value in server.asked("a.png")]
    assert ranges == asked if isinstance(asked, list) else len(ranges) == asked


def test_wrong_beginning_of_a_part_is_found_and_replaced(tmp_path, server):
    (tmp_path / "a.png.part").write_bytes(b"wrong")
    fetch([remote(server)], tmp_path)
    check_whole(tmp_path)
    assert server.asked("a.png") == ["bytes=5-", None]


def test_another_range_is_seen_without_a_size(tmp_path, server):
    (tmp_path / "a.png.part").write_bytes(CONTENT[:1000])
    server.script["a.png"] = ["other range"]
    fetch([remote(server, bytes=None, digest=None)], tmp_path)
    check_whole(tmp_path)


def test_endless_content_is_not_read_to_its_end(tmp_path, server):
    server.script["a.png"] = ["endless"]
    with pytest.raises(ValueError, match="nothing of it was kept") as caught:
        fetch([remote(server)], tmp_path)
    received = int(re.search(r"it has (\d+) bytes, not 300000", str(caught.value))[1])
    assert len(CONTENT) < received <= len(CONTENT) + download.CHUNK
    assert names(tmp_path) == []


def test_redirect_is_followed(tmp_path, server):
    server.files["moved.png"] = CONTENT
    server.script["a.png"] = [f"{server.address}/moved.png"]
    fetch([remote(server)], tmp_path)
    check_whole(tmp_path)


WRONG = "0" * 64
FAILURES = [  # the answers, changes of what is expected, the error, what it says, the requests made, what is left
    ("404", ["404"], {}, ConnectionError, "the server answers 404", 1, []),
    ("403", ["403"], {}, ConnectionError, "the server answers 403", 1, []),
    ("503 for good", ["503"] * 9, {}, ConnectionError, "the server answers 503", 4, []),
    ("416 for good", ["416"] * 9, {}, ConnectionError, "the server answers 416", 4, []),
    ("cut, then 503", ["cut"] + ["503"] * 9, {}, ConnectionError, "the server answers 503", 5, ["a.png.part"]),
    ("wrong bytes", [], {"digest": WRONG}, ValueError, f"is {hashlib.sha256(CONTENT).hexdigest()}, not {WRONG}", 1, []),
    ("wrong MD5", [], {"digest": "0" * 32}, ValueError, "its MD5 is", 1, []),
    ("other size", [], {"bytes": 5}, ValueError, "the server offers 300000 bytes, not 5", 1, []),
    ("to a file", ["file:///etc/passwd"], {}, ConnectionError, "is not allowed", 1, []),
    ("to ftp", ["ftp://127.0.0.1/a.png"] * 9, {}, ConnectionError, "unknown url type: ftp", 4, []),
]


@pytest.mark.parametrize(
    ("script", "changes", "error", "fragment", "requests", "left"),
    [row[1:] for row in FAILURES],
    ids=[row[0] for row in FAILURES],
)
def test_failure_is_named_with_a_way_out(tmp_path, server, script, changes, error, fragment, requests, left):
    server.script["a.png"] = list(script)
    with pytest.raises(error) as caught:
        fetch([remote(server, **changes)], tmp_path)
    for expected in (fragment, f"a.png from {server.address}/a.png", f"by hand and put it at {tmp_path / 'a.png'}"):
        assert expected in str(caught.value)
    assert len(server.log) == requests
    assert names(tmp_path) == left


def test_a_server_that_always_cuts_at_one_place_is_given_up(tmp_path, server):
    def hang_up():
        raise OSError("the line is dead")

    server.script["a.png"] = ["no range"] * 9
    server.during = hang_up
    with pytest.raises(ConnectionError, match=f"broke off after {CUT} of {len(CONTENT)} bytes"):
        fetch([remote(server)], tmp_path)
    assert len(server.log) == 5  # one that came further than before, one and three that did not
    assert (tmp_path / "a.png.part").read_bytes() == CONTENT[:CUT]


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_no_network(tmp_path):
    address = f"http://127.0.0.1:{closed_port()}/a.png"
    with pytest.raises(ConnectionError, match=r"no connection to 127\.0\.0\.1 .*no network, or no such server"):
        fetch([Remote(f"{i}.png", address, 5) for i in range(20)], tmp_path)
    assert names(tmp_path) == []


def test_silent_server_is_given_up(tmp_path, server, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.05)
    server.script["a.png"] = ["no range"] * 9
    quiet = threading.Event()
    server.during = lambda: quiet.wait(10)
    try:
        with pytest.raises(ConnectionError, match="broke off"):
            fetch([remote(server)], tmp_path)
    finally:
        quiet.set()


def test_one_failure_stops_the_others(tmp_path, server):
    server.files |= {f"{i}.png": CONTENT for i in range(100)}
    with pytest.raises(ConnectionError, match="404"):
        fetch([remote(server, "none.png"), *(remote(server, f"{i}.png") for i in range(100))], tmp_path)
    assert len(server.log) < 100


def wait_for_half(folder: Path, deadline: float) -> None:
    """Wait until the file is half here, as far as its buffer lets one see."""
    while sum(path.stat().st_size for path in folder.glob("*.part")) < 100_000:
        assert time.monotonic() < deadline, "it never came so far"
        time.sleep(0.02)


def check_resumed(server: Server) -> None:
    first, second = server.asked("a.png")
    assert first is None
    assert int(second.removeprefix("bytes=").removesuffix("-")) >= 100_000


@pytest.mark.usefixtures("signals_as_on_a_terminal")
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_leaves_only_parts_and_the_next_run_continues(tmp_path, server):
    def press():
        wait_for_half(tmp_path, time.monotonic() + 30)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # as the terminal does
        time.sleep(1)  # the other half must not be faster than the signal

    server.during = press
    with pytest.raises(KeyboardInterrupt):
        fetch([remote(server)], tmp_path)
    assert names(tmp_path) == ["a.png.part"]
    server.during = lambda: None
    fetch([remote(server)], tmp_path)
    check_whole(tmp_path)
    check_resumed(server)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="sends SIGKILL")
def test_killed_process_leaves_only_parts_and_the_next_run_continues(tmp_path, server):
    code = (
        "from pathlib import Path; from srtheory.data.download import Remote, fetch; "
        f"fetch([Remote('a.png', '{server.address}/a.png', {len(CONTENT)})], Path(r'{tmp_path}'))"
    )
    over = threading.Event()
    server.during = lambda: over.wait(30)
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_for_half(tmp_path, time.monotonic() + 60)
    finally:
        process.kill()
        process.wait()
        over.set()
    assert names(tmp_path) == ["a.png.part"]
    fetch([remote(server)], tmp_path)
    check_whole(tmp_path)
    check_resumed(server)


def test_other_file_of_that_name_is_left_alone(tmp_path, server):
    (tmp_path / "a.png").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"a\.png is there, but it has 4 bytes, not 300000; move it away"):
        fetch([remote(server)], tmp_path)
    assert (tmp_path / "a.png").read_bytes() == b"mine"
    assert server.log == []


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/a.png", "file:///etc/passwd", "a.png", "FILE:/etc/passwd"])
def test_only_web_addresses(tmp_path, address):
    with pytest.raises(ValueError, match="must begin with http:// or https://"):
        fetch([Remote("a.png", address)], tmp_path / "new")
    assert names(tmp_path) == []


def little_space(monkeypatch, free: int) -> None:
    usage = namedtuple("usage", "total used free")(10**9, 10**9 - free, free)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: usage)


def test_space_is_asked_for_before_anything_comes(tmp_path, server, monkeypatch):
    little_space(monkeypatch, 250_000)
    with pytest.raises(OSError, match=r"needs 0\.3 MB, and the disk has 0\.2 MB free") as caught:
        fetch([remote(server)], tmp_path)
    assert caught.value.errno == errno.ENOSPC
    assert server.log == []
    (tmp_path / "a.png.part").write_bytes(CONTENT[:60_000])  # what is here need not come
    with pytest.raises(OSError, match="needs"):
        fetch([remote(server)], tmp_path, beside=10_001)
    fetch([remote(server)], tmp_path, beside=10_000)
    check_whole(tmp_path)


def test_space_is_asked_for_when_only_the_server_knows_the_size(tmp_path, server, monkeypatch):
    little_space(monkeypatch, 250_000)
    with pytest.raises(OSError, match=r"needs 0\.3 MB, and the disk has 0\.2 MB free"):
        fetch([remote(server, bytes=None)], tmp_path)
    assert names(tmp_path) == []
    require_space(tmp_path, 250_000)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_said_and_nothing_left(tmp_path, server):
    (tmp_path / "a.png.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"the disk is full: .*make room, and run again") as caught:
        fetch([remote(server)], tmp_path)
    assert caught.value.errno == errno.ENOSPC
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("progress", "terminal", "shown"), [(None, False, False), (None, True, True), (True, False, True)]
)
def test_bar_is_for_terminals(tmp_path, server, monkeypatch, capsys, progress, terminal, shown):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    fetch([remote(server, bytes=None)], tmp_path, progress=progress)
    written = capsys.readouterr()
    assert written.out == ""
    assert ("300k/300k" in written.err) == shown
    assert bool(written.err) == shown


@pytest.mark.parametrize("answer", ["fine", "no range", "other range", "416"])
def test_bar_counts_each_byte_once(tmp_path, server, capsys, answer):
    (tmp_path / "a.png.part").write_bytes(CONTENT[:50_000])
    server.script["a.png"] = [answer]
    fetch([remote(server)], tmp_path, progress=True)
    assert "300k/300k" in capsys.readouterr().err.split("\r")[-1]


def test_digest(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert digest_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180
    assert digest_of(tmp_path / "abc", "MD5") == "900150983cd24fb0d6963f7d28e17f72"  # RFC 1321


# Archives

PICTURE = random_bytes(500).tobytes()


def zipped(path: Path, members: dict[str, bytes], mode: int = stat.S_IFREG | 0o644, **options: int) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.filename = name  # as given, with its backslashes
            info.compress_type = archive.compression
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


def tarred(path: Path, members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(content) if kind == tarfile.REGTYPE else 0
            info.linkname = "/etc/passwd"
            archive.addfile(info, io.BytesIO(content))
    return path


MEMBERS = {
    "set/": b"",
    "set/HR/1.png": PICTURE,
    "set/HR/2.PNG": PICTURE + b"2",
    "set/HR/notes.txt": b"no picture",
    "set/HR/.hidden.png": b"no picture",
    "set/HR/folder.png/": b"",
    "__MACOSX/set/HR/._1.png": b"no picture",
    "set/LR/1.png": b"of another folder",
    "set/HR/deep/3.png": b"of another folder",
}


@pytest.mark.parametrize("packed", [zipped, tarred])
def test_pictures_of_one_folder_are_unpacked(tmp_path, packed):
    archive = packed(
        tmp_path / "a", MEMBERS if packed is zipped else {k: v for k, v in MEMBERS.items() if k[-1] != "/"}
    )
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / "9.png").write_bytes(b"left by a killed run")
    (tmp_path / "out").mkdir()
    unpack(archive, tmp_path / "out", "HR", 2)
    assert {name: (tmp_path / "out" / name).read_bytes() for name in names(tmp_path / "out")} == {
        "1.png": PICTURE,
        "2.PNG": PICTURE + b"2",
    }
    assert names(tmp_path) == ["a", "out"]


GOOD = {"HR/0.png": PICTURE}
ARCHIVES = [  # how it is packed, what is in it, what the message says
    (
        "absolute",
        lambda path: zipped(path, GOOD | {"/HR/1.png": PICTURE}),
        "'/HR/1.png', which leads out of its folder",
    ),
    ("absolute tar", lambda path: tarred(path, GOOD | {"/HR/1.png": PICTURE}), "'/HR/1.png', which leads out"),
    ("dots", lambda path: zipped(path, GOOD | {"../HR/1.png": PICTURE}), "'../HR/1.png', which leads out"),
    ("dots inside", lambda path: tarred(path, GOOD | {"HR/../../HR/1.png": PICTURE}), "which leads out"),
    ("dots of a text", lambda path: tarred(path, GOOD | {"../notes.txt": PICTURE}), "which leads out"),
    ("backslashes", lambda path: zipped(path, GOOD | {"..\\HR\\1.png": PICTURE}), "which leads out"),
    ("drive", lambda path: zipped(path, GOOD | {"C:\\HR\\1.png": PICTURE}), "which leads out"),
    ("zip link", lambda path: zipped(path, {"HR/1.png": b"/etc/passwd"}, stat.S_IFLNK | 0o777), "a link or a device"),
    ("zip device", lambda path: zipped(path, {"HR/1.png": b""}, stat.S_IFCHR | 0o666), "a link or a device"),
    ("tar link", lambda path: tarred(path, {"HR/1.png": b""}, tarfile.SYMTYPE), "a link or a device"),
    ("tar hard link", lambda path: tarred(path, {"HR/1.png": b""}, tarfile.LNKTYPE), "a link or a device"),
    ("tar device", lambda path: tarred(path, {"HR/1.png": b""}, tarfile.CHRTYPE), "a link or a device"),
    ("tar pipe", lambda path: tarred(path, {"HR/1.png": b""}, tarfile.FIFOTYPE), "a link or a device"),
    ("tar link elsewhere", lambda path: tarred(path, {"x": b""}, tarfile.SYMTYPE), "a link or a device"),
    ("one name twice", lambda path: zipped(path, {"a/HR/1.png": b"a", "b/HR/1.PNG": b"b"}), "two pictures named 1.PNG"),
    (
        "bomb",
        lambda path: zipped(path, {"HR/1.png": bytes(10**6)}, compression=zipfile.ZIP_DEFLATED),
        "unpacks to more than twice its size",
    ),
    (
        "bomb of many",
        lambda path: zipped(path, {f"HR/{i}.png": bytes(300) for i in range(99)}, compression=zipfile.ZIP_DEFLATED),
        "unpacks to more than twice its size",
    ),
    ("too few", lambda path: zipped(path, {}), "must hold 1 pictures in a folder HR, and holds 0"),
    (
        "too many",
        lambda path: zipped(path, GOOD | {"HR/1.png": b"1"}),
        "must hold 1 pictures in a folder HR, and holds 2",
    ),
    ("text", lambda path: path.write_text("<html>404 Not Found</html>") and path, "damaged or not an archive"),
    ("empty", lambda path: path.touch() or path, "damaged or not an archive"),
]


@pytest.mark.parametrize(("make", "fragment"), [row[1:] for row in ARCHIVES], ids=[row[0] for row in ARCHIVES])
def test_bad_archive_is_named_and_nothing_left(tmp_path, make, fragment):
    archive = make(tmp_path / "archive")
    with pytest.raises(ValueError, match="archive") as caught:
        unpack(archive, tmp_path / "out", "HR", 1)
    assert fragment in str(caught.value)
    assert str(archive) in str(caught.value)
    assert names(tmp_path) == ["archive"]


@pytest.mark.parametrize("packed", [zipped, tarred])
def test_archive_cut_or_changed_anywhere_is_refused(tmp_path, packed):
    whole = packed(tmp_path / "archive", {f"HR/{i}.png": PICTURE for i in range(3)}).read_bytes()
    archive = tmp_path / "archive"
    for length in range(0, whole.rfind(PICTURE) + len(PICTURE), 97):
        archive.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="archive"):
            unpack(archive, tmp_path / "out", "HR", 3)
        assert names(tmp_path) == ["archive"]
    if packed is zipped:  # it has checksums of the contents; a tar has none
        for place in (whole.find(PICTURE), whole.rfind(PICTURE) + 400):
            archive.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(ValueError, match=r"damaged or not an archive .*Bad CRC"):
                unpack(archive, tmp_path / "out", "HR", 3)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_unpacking_that_stops_leaves_the_archive_only(tmp_path, monkeypatch, error):
    archive = zipped(tmp_path / "archive", {"HR/1.png": PICTURE, "HR/2.png": PICTURE})
    copy, copied = download._copy, []

    def fail(*arguments):
        copied.append(copy(*arguments))
        assert names(tmp_path / "out.part") != []
        raise error

    monkeypatch.setattr(download, "_copy", fail)
    with pytest.raises(type(error)) as caught:
        unpack(archive, tmp_path / "out", "HR", 2)
    assert copied == [500]
    assert names(tmp_path) == ["archive"]
    if isinstance(error, OSError):
        assert "the disk is full" in str(caught.value)


def test_unpacking_into_a_folder_with_content_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(OSError, match="out"):
        unpack(zipped(tmp_path / "archive", GOOD), tmp_path / "out", "HR", 1)
    assert names(tmp_path) == ["archive", "out"]
    assert names(tmp_path / "out") == ["mine"]
