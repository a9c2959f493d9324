"""Public sets of pictures: what they are, on which terms, and how to get them whole."""

import csv
import re
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

from srtheory.data.download import Remote, digest_of, fetch, unpack
from srtheory.data.pictures import ENDINGS

GITHUB = "https://raw.githubusercontent.com"
SELFEXSR = f"{GITHUB}/jbhuang0604/SelfExSR/8f6dd8c1d20cb7e8792a7177b4f6fd677633f598/data"
BSDS500 = f"{GITHUB}/BIDS/BSDS500/a04b7c6c3a9f0ace74bf205c72a43d32e1c72722/BSDS500/data/images"
FOLDERS = {  # where the files of catalogue.csv are
    "set5": f"{SELFEXSR}/Set5/image_SRF_4",
    "set14": f"{SELFEXSR}/Set14/image_SRF_4",
    "b100": f"{SELFEXSR}/BSD100/image_SRF_4",
    "urban100": f"{SELFEXSR}/Urban100/image_SRF_4",
    "bsds500-train": f"{BSDS500}/train",
    "bsds500-test": f"{BSDS500}/test",
    "bsds500-val": f"{BSDS500}/val",
}
DIV2K = "https://data.vision.ee.ethz.ch/cvl/DIV2K"
WOMAN = "302003.jpg"  # of BSDS500 train: the photograph of Set5's woman.png


@dataclass(frozen=True)
class PictureSet:
    """A public set of pictures: its name, what it is for ("test" or "training"), terms, citation, and what to know."""

    name: str
    kind: str
    pictures: int
    terms: str
    citation: str
    note: str
    files: tuple[Remote, ...] = field(repr=False)
    inside: str = ""  # the one file is an archive, and the pictures are in this folder of it

    @property
    def bytes(self) -> int | None:
        """Size of the download; None where it is not known."""
        sizes = [file.bytes for file in self.files if file.bytes is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None


def get_set(name: str, root: str | Path, *, progress: bool | None = None) -> Path:
    """Download a public set of pictures into a folder of its name, and check every file.

    What is there and right is not downloaded again; what was interrupted is continued. A file has its name only once it
    is whole: until then it is NAME.part. Archives are unpacked, then removed, unless they were there before. Flickr2K
    has no agreed checksum: the SHA-256 of the first download is recorded beside it, and later ones are compared.

    Args:
        name: one of `CATALOGUE`.
        root: the folder of all sets; made if missing.
        progress: show a bar; None: if stderr is a terminal.

    Returns:
        The folder root/name, which holds the pictures.

    Raises:
        TypeError: root is no path.
        ValueError: there is no set of that name; what came is not what the catalogue says; an archive is damaged or
            not safe to unpack.
        NotADirectoryError: root, or root/name, is a file.
        FileExistsError: a file or folder is there and is not what the catalogue says; it is left as it is.
        ConnectionError: no network, or the server fails; it says where to put a file that was downloaded by hand.
        OSError: the disk is full, or cannot be written to.
    """
    if name not in CATALOGUE:
        raise ValueError(f"name must be one of {', '.join(CATALOGUE)}, not {name!r}")
    if not isinstance(root, str | Path):
        raise TypeError(f"root must be the path of a folder, not {type(root).__name__}")
    root = Path(root)
    picked, folder = CATALOGUE[name], root / name
    for path in (root, folder):
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(f"{path} is not a folder")
    held = {path.name for path in folder.iterdir() if path.suffix.lower() in ENDINGS} if folder.exists() else set()
    if picked.inside:
        if len(held) != picked.pictures:
            if folder.exists() and any(folder.iterdir()):
                raise FileExistsError(
                    f"{folder} is there, but holds {len(held)} pictures, not {picked.pictures}; move it away"
                )
            _get_archive(picked, folder, progress)
    else:
        if strangers := sorted(held - {file.name for file in picked.files}):
            raise FileExistsError(f"{folder} holds pictures that are not of {name}, as {strangers[0]}; move them away")
        fetch(picked.files, folder, progress)
    return folder


def _get_archive(picked: PictureSet, folder: Path, progress: bool | None) -> None:
    (file,) = picked.files
    archive = folder.with_name(file.name)
    record = folder.with_name(f"{file.name}.sha256")
    was_there = archive.exists()
    if file.digest is None and record.exists():
        file = replace(file, digest=_recorded(record), digest_from=f", recorded at the first download in {record}")
    fetch([file], folder.parent, progress, beside=file.bytes or 0)
    unpack(archive, folder, picked.inside, picked.pictures, progress)
    if file.digest is None:
        record.write_text(f"{digest_of(archive)}  {archive.name}\n", encoding="utf-8")
        warnings.warn(
            f"{archive.name} has no agreed checksum: it holds {picked.pictures} pictures, as it must, and its SHA-256 "
            f"is now recorded in {record}; later downloads are compared with it",
            stacklevel=3,
        )
    if not was_there:
        archive.unlink()


def _recorded(record: Path) -> str:
    text = record.read_text(encoding="utf-8")
    if not (found := re.match(r"[0-9a-f]{64}\b", text)):
        raise ValueError(
            f"{record} must begin with a SHA-256 in 64 digits, not {text[:20]!r}; delete it to record anew"
        )
    return found.group()


def _listed() -> dict[str, tuple[Remote, ...]]:
    """Read the files of each set from catalogue.csv."""
    files: dict[str, list[Remote]] = {name: [] for name in FOLDERS}
    with Path(__file__).with_name("catalogue.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            address = f"{FOLDERS[row['set']]}/{row['file']}"
            files[row["set"]].append(Remote(row["name"], address, int(row["bytes"]), row["sha256"]))
    return {name: tuple(rows) for name, rows in files.items()}


FILES = _listed()
NOT_STATED = "none stated by the source, which asks to cite"
BERKELEY = "non-commercial research and education"
ARBELAEZ = "Arbelaez, Maire, Fowlkes, Malik, Contour Detection and Hierarchical Image Segmentation, TPAMI 2011"
AGUSTSSON = "Agustsson, Timofte, NTIRE 2017 Challenge on Single Image Super-Resolution, CVPR Workshops 2017"
CROPPED = "sides cropped to multiples of 4"
SETS = (
    PictureSet(
        "set5",
        "test",
        5,
        NOT_STATED,
        "Bevilacqua, Roumy, Guillemot, Alberi-Morel, Low-Complexity Single-Image Super-Resolution, BMVC 2012",
        CROPPED,
        FILES["set5"],
    ),
    PictureSet(
        "set14",
        "test",
        14,
        NOT_STATED,
        "Zeyde, Elad, Protter, On Single Image Scale-Up Using Sparse-Representations, Curves and Surfaces 2010",
        CROPPED,
        FILES["set14"],
    ),
    PictureSet(
        "b100",
        "test",
        100,
        BERKELEY,
        "Martin, Fowlkes, Tal, Malik, A Database of Human Segmented Natural Images, ICCV 2001",
        f"{CROPPED}; the pictures of bsds500-val",
        FILES["b100"],
    ),
    PictureSet(
        "urban100",
        "test",
        100,
        NOT_STATED,
        "Huang, Singh, Ahuja, Single Image Super-Resolution From Transformed Self-Exemplars, CVPR 2015",
        CROPPED,
        FILES["urban100"],
    ),
    PictureSet(
        "bsds500",
        "training",
        399,
        BERKELEY,
        ARBELAEZ,
        f"train and test, which share no picture with b100; {WOMAN} is left out, for it is woman.png of set5",
        tuple(file for file in FILES["bsds500-train"] + FILES["bsds500-test"] if file.name != WOMAN),
    ),
    PictureSet(
        "bsds500-train",
        "training",
        200,
        BERKELEY,
        ARBELAEZ,
        f"{WOMAN} is woman.png of set5: bsds500 is without it",
        FILES["bsds500-train"],
    ),
    PictureSet("bsds500-test", "training", 200, BERKELEY, ARBELAEZ, "part of bsds500", FILES["bsds500-test"]),
    PictureSet(
        "bsds500-val", "test", 100, BERKELEY, ARBELAEZ, "the pictures of b100: not for training", FILES["bsds500-val"]
    ),
    PictureSet(
        "div2k-train",
        "training",
        800,
        "academic research",
        AGUSTSSON,
        "one archive, checked by MD5",
        (Remote("DIV2K_train_HR.zip", f"{DIV2K}/DIV2K_train_HR.zip", 3530603713, "bdc2d9338d4e574fe81bf7d158758658"),),
        "DIV2K_train_HR",
    ),
    PictureSet(
        "div2k-valid",
        "test",
        100,
        "academic research",
        AGUSTSSON,
        "one archive, checked by MD5",
        (Remote("DIV2K_valid_HR.zip", f"{DIV2K}/DIV2K_valid_HR.zip", 448993893, "9fcdda83005c5e5997799b69f955ff88"),),
        "DIV2K_valid_HR",
    ),
    PictureSet(
        "flickr2k",
        "training",
        2650,
        "none stated by the source; the photographs are those of Flickr's users",
        "Lim, Son, Kim, Nah, Lee, Enhanced Deep Residual Networks for Single Image SR, CVPR Workshops 2017",
        "one archive without an agreed checksum: recorded at the first download, compared afterwards",
        (Remote("Flickr2K.tar", "https://cv.snu.ac.kr/research/EDSR/Flickr2K.tar"),),
        "Flickr2K_HR",
    ),
)
CATALOGUE = {item.name: item for item in SETS}
