"""Training pictures, decoded once and kept as bytes, and batches of crops gathered from them where they lie."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srtheory.data.pictures import list_pictures, picture_size, read_picture

KEEP = ("auto", "device", "memory", "disk")
SHARE = 0.4  # of the device's free memory, or of the machine's, that keep="auto" lets the pictures take
AHEAD = 4  # batches that are made ready while one is used, where the pictures are not on the device


class Places(NamedTuple):
    """Where the crops of a batch lie: picture, upper left corner in pixels, and which of the eight symmetries, (B,)."""

    picture: Tensor
    top: Tensor
    left: Tensor
    symmetry: Tensor  # bit 0: mirrored left to right, bit 1: upside down, bit 2: then rows become columns


class Pictures:
    """Pictures of a folder, decoded once in parallel and kept as 8-bit RGB, from which batches are cropped.

    The crops of a batch are gathered by index, all in one operation, on the device where the pictures lie. What batch
    `step` holds follows from the seed and the step alone, so that a run that stops and goes on sees the same batches,
    and so that any batch can be looked at again.

    Args:
        folder: the pictures; or several folders, whose pictures are taken together.
        device: where batches are wanted.
        keep: where the pictures lie between batches: on the "device"; in "memory", from where crops are copied; or on
            the "disk", where each batch decodes what it needs, some batches ahead. "auto" takes the first that has
            room.
        workers: threads that decode.
        progress: called with the number of pictures decoded and that of all, after each.

    Raises:
        NotADirectoryError: `folder` is not a folder.
        FileNotFoundError: it holds no picture.
        ValueError: a file that is no picture, or cut off; the file is named. An unknown `keep`.
    """

    def __init__(
        self,
        folder: str | Path | Sequence[str | Path],
        device: str | torch.device = "cpu",
        keep: str = "auto",
        workers: int = 8,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if keep not in KEEP:
            raise ValueError(f"keep must be one of {', '.join(map(repr, KEEP))}, not {keep!r}")
        folders = [folder] if isinstance(folder, str | Path) else list(folder)
        self.paths = [path for one in folders for path in list_pictures(one)]
        if not folders:
            raise FileNotFoundError("folder must be one folder of pictures or several, not none")
        self.device = torch.device(device)
        self._pool = ThreadPoolExecutor(workers)
        self._ready: dict[int, Future[Tensor]] = {}
        self._asked: tuple[object, ...] = ()  # what the batches in `_ready` are
        try:
            self.sizes = torch.tensor(list(self._pool.map(picture_size, self.paths)))  # (n, 2), heights and widths
        except BaseException:
            self._pool.shutdown(cancel_futures=True)
            raise
        ends = (3 * self.sizes.prod(1)).cumsum(0)
        self._offset = ends - 3 * self.sizes.prod(1)
        self.keep = keep = _place(int(ends[-1]), self.device) if keep == "auto" else keep
        home = self.device if keep == "device" else torch.device("cpu")
        self._bytes = torch.empty(int(ends[-1]) if keep != "disk" else 0, dtype=torch.uint8, device=home)
        digest = hashlib.sha256()

        def take(number: int) -> bytes:
            pixels = self._decoded(number)
            if keep != "disk":
                self._bytes[self._offset[number] : ends[number]] = pixels.to(home)
            return hashlib.sha256(self.paths[number].read_bytes()).digest()

        try:
            for number, fingerprint in enumerate(self._pool.map(take, range(len(self.paths))), start=1):
                digest.update(fingerprint)
                if progress is not None:
                    progress(number, len(self.paths))
        except BaseException:
            self._pool.shutdown(cancel_futures=True)
            raise
        self.hash = digest.hexdigest()[:16]

    def __len__(self) -> int:
        return len(self.paths)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)

    def check_crop(self, crop: int) -> None:
        """Refuse a crop that does not fit into each picture.

        Raises:
            ValueError: a picture is smaller than the crop; it is named.
        """
        small = [number for number, size in enumerate(self.sizes.tolist()) if min(size) < crop]
        if small:
            height, width = self.sizes[small[0]].tolist()
            raise ValueError(
                f"{self.paths[small[0]]} is {height}x{width}, smaller than a crop of {crop}x{crop}"
                f"{f', and so are {len(small) - 1} more' if len(small) > 1 else ''}; take smaller crops "
                f"(the smallest side of all is {int(self.sizes.min())}), or remove what is too small"
            )

    def places(self, step: int, count: int, crop: int, seed: int, grid: int = 1) -> Places:
        """Draw where the crops of a batch lie.

        Args:
            step: number of the batch.
            count: B, crops in it.
            crop: side in pixels.
            seed: together with `step` it decides everything.
            grid: corners are at multiples of it; the scale keeps LR pixels where those of the whole picture are.

        Raises:
            ValueError: a picture is smaller than the crop.
        """
        self.check_crop(crop)
        state = int(np.random.SeedSequence([seed, step]).generate_state(1)[0])
        generator = torch.Generator().manual_seed(state)
        picture = torch.randint(len(self), (count,), generator=generator)
        corners = (self.sizes[picture] - crop) // grid + 1  # (B, 2), how many there are on each axis
        top, left = (
            (torch.rand(count, 2, generator=generator, dtype=torch.float64) * corners).long().mul_(grid).unbind(1)
        )
        return Places(picture, top, left, torch.randint(8, (count,), generator=generator))

    def crops(self, places: Places, crop: int, margin: int = 0) -> Tensor:
        """Cut out the crops of a batch, with a margin of what lies around them.

        Beyond its edges a picture is mirrored, the edge pixel repeated, as `Resize` and MATLAB take it. So what is
        computed of a crop with enough margin is what would have been computed of the whole picture.

        Args:
            places: see `places`.
            crop: side in pixels.
            margin: pixels on each side in addition.

        Returns:
            (B, 3, crop + 2 * margin, crop + 2 * margin), uint8, where the pictures are kept.
        """
        if self.keep == "disk":
            used, picture = torch.unique(places.picture, return_inverse=True)
            pixels = [self._decoded(number) for number in used.tolist()]
            source, sizes = torch.cat(pixels), self.sizes[used]
            offset = torch.tensor([0] + [len(x) for x in pixels[:-1]]).cumsum(0)
        else:
            source, sizes, offset, picture = self._bytes, self.sizes, self._offset, places.picture
        height, width = sizes[picture].unbind(1)
        table = torch.stack([offset[picture], height, width, *places[1:]])
        if source.device.type == "cuda":
            table = table.pin_memory()
        start, height, width, top, left, symmetry = table.to(source.device, non_blocking=True)[:, :, None]  # (B, 1)
        along = torch.arange(-margin, crop + margin, device=source.device)
        y = torch.where(symmetry & 2 > 0, crop - 1 - along, along) + top  # (B, side)
        x = torch.where(symmetry & 1 > 0, crop - 1 - along, along) + left
        index = start[:, :, None] + _mirrored(y, height)[:, :, None] * width[:, :, None] + _mirrored(x, width)[:, None]
        index = torch.where(symmetry[:, :, None] & 4 > 0, index.mT, index)[:, None]  # (B, 1, side, side)
        planes = torch.arange(3, device=source.device)[:, None, None] * (height * width)[:, :, None, None]
        return source[index + planes]

    def batch(
        self, step: int, count: int, crop: int, seed: int, grid: int = 1, margin: int = 0, part: slice = slice(None)
    ) -> Tensor:
        """Return the crops of batch `step` on the device; where pictures are kept elsewhere, the next are begun.

        Args:
            step: number of the batch.
            count: B, crops in the whole batch.
            crop: side in pixels.
            seed: see `places`.
            grid: see `places`.
            margin: see `crops`.
            part: which of the B crops are wanted, for processes that share a batch.

        Returns:
            (B, 3, crop + 2 * margin, crop + 2 * margin), uint8.

        Raises:
            FileNotFoundError, ValueError: a picture is smaller than the crop, or on the disk and no longer what it was.
        """

        def make(number: int) -> Tensor:
            places = self.places(number, count, crop, seed, grid)
            made = self.crops(Places(*(x[part] for x in places)), crop, margin)
            return made.pin_memory() if self.device.type == "cuda" and made.device.type == "cpu" else made

        if self.keep == "device" or (self.keep == "memory" and self.device.type == "cpu"):
            return make(step)
        asked = (count, crop, seed, grid, margin, part.start, part.stop, part.step)
        if asked != self._asked:
            for future in self._ready.values():
                future.cancel()
            self._ready, self._asked = {}, asked
        for number in range(step, step + AHEAD):
            if number not in self._ready:
                self._ready[number] = self._pool.submit(make, number)
        for number in [number for number in self._ready if not step <= number < step + AHEAD]:
            self._ready.pop(number).cancel()
        return self._ready.pop(step).result().to(self.device, non_blocking=True)

    def _decoded(self, number: int) -> Tensor:
        path, size = self.paths[number], tuple(self.sizes[number].tolist())
        pixels = read_bytes(path)
        if pixels.shape[1:] != size:
            raise ValueError(f"{path}: the file has changed, it was {size[0]}x{size[1]}; start again")
        return pixels.flatten()


def read_bytes(path: Path) -> Tensor:
    """Return a picture as (3, H, W), uint8: what `read_picture` reads, in 8 bits."""
    return (read_picture(path) * 255).round_().byte()


def _mirrored(position: Tensor, length: Tensor) -> Tensor:
    """Fold positions beyond the edges back: 0 ... L-1, L-1 ... 0, again and again."""
    folded = position % (2 * length)
    return torch.minimum(folded, 2 * length - 1 - folded)


def _place(size: int, device: torch.device) -> str:
    if device.type == "cuda":
        if size <= SHARE * torch.cuda.mem_get_info(device)[0]:
            return "device"
    elif size <= SHARE * _memory():
        return "device"
    return "memory" if size <= SHARE * _memory() else "disk"


def _memory() -> float:
    """Return the machine's memory in bytes, where the system tells."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return 8e9
