"""The catalogue is right and leaks nothing; a set comes whole, or not at all and with a reason."""

import csv
import hashlib
import re
import sys
from pathlib import Path

import pytest

from srtheory.data import CATALOGUE, PictureSet, download, get_set, list_pictures
from srtheory.data.catalogue import FOLDERS
from srtheory.data.download import Remote
from srtheory.data.pictures import ENDINGS

from .files import random_bytes
from .server import serving
from .test_download import closed_port, names, tarred, zipped

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "srtheory" / "data" / "catalogue.csv"
SHARED = ROOT.parent / "shared"
PICTURES = {f"{i}.png": random_bytes(1000 + i, seed=i).tobytes() for i in range(3)}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def there(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    return path


def test_every_row_is_well_formed():
    for row in rows(TABLE):
        assert row["set"] in FOLDERS
        assert re.fullmatch(r"[0-9a-f]{64}", row["sha256"]), row
        assert int(row["bytes"]) > 0
        for name in (row["name"], row["file"]):
            assert re.fullmatch(r"\w+\.(png|jpg)", name), row
        assert Path(row["name"]).suffix == Path(row["file"]).suffix


@pytest.mark.parametrize("columns", [("sha256",), ("set", "name"), ("set", "file")])
def test_no_row_comes_twice(columns):
    values = [tuple(row[column] for column in columns) for row in rows(TABLE)]
    assert len(values) == len(set(values)) == 719


def test_sets_are_whole():
    for name, item in CATALOGUE.items():
        assert item.name == name
        assert item.kind in ("test", "training")
        assert item.terms
        assert re.search(r", \w.* \d{4}$", item.citation), item
        assert len({file.name for file in item.files}) == len(item.files)
        if item.inside:
            assert len(item.files) == 1
        else:
            assert len(item.files) == item.pictures
            assert item.bytes == sum(file.bytes for file in item.files)
            assert {Path(file.name).suffix for file in item.files} <= ENDINGS
        for file in item.files:
            assert file.address.startswith("https://")
            assert ".." not in file.address
    assert CATALOGUE["flickr2k"].bytes is None


def test_training_pictures_are_not_test_pictures():
    """BSDS500 val is B100, and one photograph of BSDS500 train is Set5's woman.png."""
    numbers = {
        name: {Path(file.name).stem for file in CATALOGUE[name].files}
        for name in ("b100", "bsds500", "bsds500-train", "bsds500-test", "bsds500-val")
    }
    assert numbers["b100"] == numbers["bsds500-val"]
    assert numbers["bsds500"] == (numbers["bsds500-train"] | numbers["bsds500-test"]) - {"302003"}
    assert "302003" in numbers["bsds500-train"]
    assert not numbers["bsds500"] & numbers["b100"]


def test_agrees_with_the_reference():
    files = {
        (name, file.address, file.bytes, file.digest)
        for name, item in CATALOGUE.items()
        if name in FOLDERS
        for file in item.files
    }
    assert files == {
        (
            row["set"],
            f"https://raw.githubusercontent.com/{row['repository']}/{row['commit']}/{row['path']}",
            int(row["bytes"]),
            row["sha256"],
        )
        for row in rows(there(SHARED / "reference" / "catalogue.csv"))
    }
    text = (SHARED / "reference" / "catalogue.md").read_text(encoding="utf-8")
    for name in ("div2k-train", "div2k-valid", "flickr2k"):
        (file,) = CATALOGUE[name].files
        assert file.address.split("://")[1] in text
        assert file.digest is None or f"{file.name} | " in text.replace(f"{file.bytes:,}", "")
        assert file.digest is None or file.digest in text


@pytest.mark.parametrize(("name", "folder"), [("set5", "set5"), ("b100", "b100"), ("bsds500", "bsds399")])
def test_names_agree_with_the_pictures_at_hand(name, folder):
    held = list_pictures(there(SHARED / "data" / folder))
    files = {file.name: file for file in CATALOGUE[name].files}
    assert sorted(files) == [path.name for path in held]
    if name == "bsds500":  # these are the published files, byte for byte; the others are packed anew
        for path in held:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == files[path.name].digest
    else:
        for row in rows(SHARED / "data" / folder / "index.csv"):
            assert files[row["file"]].address.endswith(f"{row['source_commit']}/{row['source_path']}")


def test_the_page_lists_every_set():
    page = (ROOT / "book" / "api" / "data.md").read_text(encoding="utf-8")
    for name, item in CATALOGUE.items():
        size = f"{item.bytes / 1e6:.1f} MB" if item.bytes else "not known"
        assert f"| `{name}` | {item.kind} | {item.pictures} | {size} | " in page


# Getting a set, from a server on this machine


@pytest.fixture(autouse=True)
def no_proxy_no_waiting(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "WAITS", (0, 0, 0))


@pytest.fixture
def server(tmp_path_factory, monkeypatch):
    """Serve three sets of three pictures: "plain" by file, "zip" and, without a hash, "tar"."""
    packed = tmp_path_factory.mktemp("packed")
    members = {f"top/HR/{name}": content for name, content in PICTURES.items()} | {"top/LR/0.png": b"small"}
    with serving() as server:
        server.files = {f"img_{name}": content for name, content in PICTURES.items()}
        server.files["a.zip"] = zipped(packed / "a.zip", members).read_bytes()
        server.files["a.tar"] = tarred(packed / "a.tar", members).read_bytes()
        plain = tuple(
            Remote(name, f"{server.address}/img_{name}", len(content), hashlib.sha256(content).hexdigest())
            for name, content in PICTURES.items()
        )
        archive = server.files["a.zip"]
        md5 = hashlib.md5(archive, usedforsecurity=False).hexdigest()
        one_zip = (Remote("a.zip", f"{server.address}/a.zip", len(archive), md5),)
        one_tar = (Remote("a.tar", f"{server.address}/a.tar"),)
        for name, files, inside in (("plain", plain, ""), ("zip", one_zip, "HR"), ("tar", one_tar, "HR")):
            monkeypatch.setitem(CATALOGUE, name, PictureSet(name, "test", 3, "terms", "citation", "", files, inside))
        yield server


def check_pictures(folder: Path) -> None:
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == PICTURES


@pytest.mark.parametrize("root", ["sets", Path("deep/er/sets")])
@pytest.mark.parametrize("name", ["plain", "zip"])
def test_a_set_comes_whole_and_once(tmp_path, monkeypatch, server, capsys, name, root):
    monkeypatch.chdir(tmp_path)
    folder = get_set(name, root)
    assert folder == Path(root) / name
    check_pictures(folder)
    assert names(folder.parent) == [name]
    requests = len(server.log)
    assert get_set(name, root) == folder
    assert len(server.log) == requests
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["plain", "zip"])
def test_a_bar_on_a_terminal(tmp_path, server, capsys, monkeypatch, name):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    get_set(name, tmp_path)
    shown = capsys.readouterr().err
    assert "100%" in shown
    assert ("unpack a.zip" in shown) == (name == "zip")


def test_a_set_that_broke_off_is_continued(tmp_path, server):
    server.script["img_1.png"] = ["404"]
    with pytest.raises(ConnectionError, match=r"1\.png from .*404"):
        get_set("plain", tmp_path)
    assert all(name in PICTURES or name.endswith(".part") for name in names(tmp_path / "plain"))
    assert "1.png" not in names(tmp_path / "plain")
    check_pictures(get_set("plain", tmp_path))


def test_an_archive_that_broke_off_is_continued(tmp_path, server):
    server.script["a.zip"] = ["cut", "404"]
    with pytest.raises(ConnectionError, match=r"a\.zip"):
        get_set("zip", tmp_path)
    assert names(tmp_path) == ["a.zip.part"]
    check_pictures(get_set("zip", tmp_path))
    assert server.asked("a.zip")[-1] == f"bytes={len(server.files['a.zip']) // 2}-"


def test_an_archive_put_there_by_hand_is_used_and_kept(tmp_path, server):
    (tmp_path / "a.zip").write_bytes(server.files["a.zip"])
    check_pictures(get_set("zip", tmp_path))
    assert names(tmp_path) == ["a.zip", "zip"]
    assert server.log == []


def test_first_checksum_is_recorded_and_later_ones_compared(tmp_path, server):
    digest = hashlib.sha256(server.files["a.tar"]).hexdigest()
    with pytest.warns(UserWarning, match=r"a\.tar has no agreed checksum.*recorded in .*a\.tar\.sha256"):
        folder = get_set("tar", tmp_path)
    check_pictures(folder)
    assert names(tmp_path) == ["a.tar.sha256", "tar"]
    assert (tmp_path / "a.tar.sha256").read_text(encoding="utf-8") == f"{digest}  a.tar\n"  # as sha256sum writes it

    folder.rename(tmp_path / "away")
    check_pictures(get_set("tar", tmp_path))  # warnings are errors: nothing is recorded again
    folder.rename(tmp_path / "away too")
    server.files["a.tar"] = server.files["a.tar"].replace(PICTURES["0.png"], PICTURES["0.png"][::-1])
    with pytest.raises(ValueError, match=f"not {digest}, recorded at the first download in .*a.tar.sha256"):
        get_set("tar", tmp_path)
    assert names(tmp_path) == ["a.tar.sha256", "away", "away too"]


def test_nothing_is_recorded_of_an_archive_that_lacks_pictures(tmp_path, server):
    server.files["a.tar"] = tarred(tmp_path / "few.tar", {"top/HR/0.png": b"one"}).read_bytes()
    root = tmp_path / "root"
    with pytest.raises(ValueError, match="must hold 3 pictures in a folder HR, and holds 1"):
        get_set("tar", root)
    assert names(root) == ["a.tar"]


# Bad input


def file_as_root(path):
    (path / "root").touch()
    get_set("plain", path / "root")


def file_as_folder(path):
    (path / "plain").touch()
    get_set("plain", path)


def other_picture(path):
    (path / "plain").mkdir()
    (path / "plain" / "0.png").write_bytes(bytes(1000))
    get_set("plain", path)


def picture_of_another_set(path):
    (path / "plain").mkdir()
    (path / "plain" / "holiday.PNG").touch()
    get_set("plain", path)


def folder_that_lacks_pictures(path):
    (path / "zip").mkdir()
    (path / "zip" / "0.png").touch()
    get_set("zip", path)


def other_archive(path):
    (path / "a.zip").write_bytes(b"another")
    get_set("zip", path)


def unreadable_record(path):
    (path / "a.tar.sha256").write_text("<html>", encoding="utf-8")
    get_set("tar", path)


ROWS = [
    ("unknown name", lambda path: get_set("set6", path), ValueError, "not 'set6'"),
    ("name with the way out", lambda path: get_set("set6", path), ValueError, ", ".join(CATALOGUE)),
    ("capitals", lambda path: get_set("Set5", path), ValueError, "must be one of set5, set14"),
    ("no name", lambda path: get_set(None, path), ValueError, "not None"),
    ("path as name", lambda path: get_set("../set5", path), ValueError, "not '../set5'"),
    ("no root", lambda path: get_set("plain", None), TypeError, "root must be the path of a folder, not NoneType"),
    ("file as root", file_as_root, NotADirectoryError, "root is not a folder"),
    ("file as folder", file_as_folder, NotADirectoryError, "plain is not a folder"),
    ("another picture", other_picture, FileExistsError, "0.png is there, but its SHA-256 is"),
    ("picture of another set", picture_of_another_set, FileExistsError, "are not of plain, as holiday.PNG"),
    ("folder that lacks pictures", folder_that_lacks_pictures, FileExistsError, "zip is there, but holds 1 pictures"),
    ("another archive", other_archive, FileExistsError, "a.zip is there, but it has 7 bytes"),
    ("unreadable record", unreadable_record, ValueError, "a.tar.sha256 must begin with a SHA-256"),
]


@pytest.mark.parametrize(("call", "error", "fragment"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_bad_input(tmp_path, server, call, error, fragment):
    with pytest.raises(error) as caught:
        call(tmp_path)
    assert fragment in str(caught.value)
    assert server.log == []  # said before anything is downloaded


def test_no_network(tmp_path, server, monkeypatch):
    file = Remote("0.png", f"http://127.0.0.1:{closed_port()}/0.png", 5, "0" * 64)
    monkeypatch.setitem(CATALOGUE, "plain", PictureSet("plain", "test", 1, "", "", "", (file,)))
    with pytest.raises(ConnectionError) as caught:
        get_set("plain", tmp_path)
    for fragment in (
        file.address,
        "no network, or no such server",
        f"by hand and put it at {tmp_path / 'plain' / '0.png'}",
    ):
        assert fragment in str(caught.value)


def test_space_for_the_archive_and_its_pictures_is_asked_for_first(tmp_path, server, monkeypatch):
    size = len(server.files["a.zip"])
    usage = type("usage", (), {"free": 2 * size - 1})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(OSError, match="make room or take another"):
        get_set("zip", tmp_path)
    assert server.log == []
    usage.free = 2 * size
    check_pictures(get_set("zip", tmp_path))
