"""The book's figures and sliders. Every helper returns the arrays that it drew, as an object that shows the figure."""

import base64
import html
import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

__all__ = ["Drawn", "Slider", "curves", "pictures", "slider"]

Array = np.ndarray
INK, GRID = "#333333", "#dddddd"
# The first six are Okabe and Ito's: safe for all eyes.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#333333", "#7f3c8d", "#8c6d31")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h")
DPI = 110


class Drawn(dict[str, Array]):
    """Arrays by name, together with the figure that shows them.

    A notebook shows the figure. `repr` gives a digest of the arrays, so that comparing a notebook's stored outputs with
    fresh ones also compares what its figures show.
    """

    def __init__(self, arrays: Mapping[str, Array], figure: Figure) -> None:
        super().__init__(arrays)
        self.figure = figure
        self._bytes = b""

    def _repr_png_(self) -> bytes:
        if not self._bytes:  # drawn once: laying a figure out again moves it a little
            buffer = io.BytesIO()
            self.figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
            self._bytes = buffer.getvalue()
        return self._bytes

    def __repr__(self) -> str:
        return "\n".join(["figure of", *(f"  {name}: {_digest(array)}" for name, array in self.items())])


class Slider(dict[str, Array]):
    """Frames by label, shown one at a time with a slider that works without a server and without a network."""

    def __init__(self, frames: Mapping[str, Array], markup: str) -> None:
        super().__init__(frames)
        self._markup = markup

    def _repr_html_(self) -> str:
        return self._markup

    def __repr__(self) -> str:
        return "\n".join(["slider over", *(f"  {label}: {_digest(frame)}" for label, frame in self.items())])


def pictures(
    images: Mapping[str, Tensor | Array],
    columns: int | None = None,
    signed: Sequence[str] = (),
    gain: float = 1.0,
    width: float = 6.0,
) -> Drawn:
    """Show pictures side by side, their titles above.

    Args:
        images: by title: (H, W), (1, H, W) or (3, H, W) in [0, 1]; what is outside is clipped, NaN is black.
        columns: how many to a row; by default all.
        signed: titles of pictures that hold differences; they are shown as 0.5 + gain * value.
        gain: see `signed`.
        width: inches.

    Returns:
        The pictures before clipping, by title.

    Raises:
        TypeError: not a mapping of titles to pictures, or a picture of whole numbers.
        ValueError: no picture, a shape that is none of the three, or a name in `signed` that is no title.
    """
    _check_mapping("images", images)
    if not images:
        raise ValueError("images is empty")
    unknown = set(signed) - set(images)
    if unknown:
        raise ValueError(f"signed names {sorted(unknown)}, which are not among the titles {list(images)}")
    arrays = {title: _picture(title, image) for title, image in images.items()}
    columns = columns or len(arrays)
    rows = math.ceil(len(arrays) / columns)
    tallest = max(array.shape[0] / array.shape[1] for array in arrays.values())
    figure = Figure(figsize=(width, rows * (width / columns * tallest + 0.32)), layout="constrained")
    for place, (title, array) in enumerate(arrays.items()):
        axes = figure.add_subplot(rows, columns, place + 1)
        shown = 0.5 + gain * array if title in signed else array
        axes.imshow(_shown(shown), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(title, fontsize=10, color=INK)
        axes.set_axis_off()
    return Drawn(arrays, figure)


def curves(
    series: Mapping[str, tuple[Sequence[float] | Array | Tensor, Sequence[float] | Array | Tensor]],
    xlabel: str,
    ylabel: str,
    logx: bool = False,
    logy: bool = False,
    markers: bool = False,
    reference: Sequence[str] = (),
    dots: Sequence[str] = (),
    size: tuple[float, float] = (6.0, 4.0),
) -> Drawn:
    """Draw named curves in one frame, told apart by color and by marker or line.

    Args:
        series: by name: x and y, each (n,).
        xlabel: the quantity and its unit.
        ylabel: likewise.
        logx: logarithmic x axis.
        logy: logarithmic y axis.
        markers: mark the points; where there are at most eight different x, these are the ticks.
        reference: names of curves to compare with; they are drawn black and dashed.
        dots: names of series that are points and no curve.
        size: inches.

    Returns:
        y, (n,), by name, and x, (n,), by name + " (x)".

    Raises:
        ValueError: no curve, x and y of different lengths, a name that ends in " (x)", or a reference or dots that are
            no name.
    """
    _check_mapping("series", series)
    if not series:
        raise ValueError("series is empty")
    for argument, names in (("reference", reference), ("dots", dots)):
        if set(names) - set(series):
            raise ValueError(f"{argument} names {sorted(set(names) - set(series))}, not among {list(series)}")
    arrays: dict[str, Array] = {}
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    colored = 0
    for name, (given_x, given_y) in series.items():
        x, y = _array(given_x), _array(given_y)
        if name.endswith(" (x)"):
            raise ValueError(f"series {name!r}: a name may not end in ' (x)', which marks the x of a curve")
        if x.ndim != 1 or x.shape != y.shape:
            raise ValueError(f"series {name!r}: x has shape {x.shape} and y {y.shape}; both must be (n,)")
        arrays |= {name: y, f"{name} (x)": x}
        if name in reference:
            axes.plot(x, y, label=name, color="black", linestyle="--", linewidth=2.2)
            continue
        color, mark = COLORS[colored % len(COLORS)], MARKERS[colored % len(MARKERS)]
        colored += 1
        if name in dots:
            axes.plot(x, y, mark, label=name, color=color, markersize=4.5, alpha=0.75, markeredgewidth=0)
            continue
        line = "-" if markers else LINES[(colored - 1) % len(LINES)]
        axes.plot(x, y, label=name, color=color, linestyle=line, marker=mark if markers else None, markersize=5)
    axes.set_xlabel(xlabel, fontsize=11)
    axes.set_ylabel(ylabel, fontsize=11)
    axes.set_xscale("log" if logx else "linear")
    axes.set_yscale("log" if logy else "linear")
    ticks = np.unique(np.concatenate([array for name, array in arrays.items() if name.endswith(" (x)")]))
    if markers and len(ticks) <= 8:
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    axes.grid(True, color=GRID, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if len(series) > 4:
        figure.legend(frameon=False, fontsize=10, loc="outside lower center", ncols=3)
    elif len(series) > 1:
        axes.legend(frameon=False, fontsize=10)
    return Drawn(arrays, figure)


def slider(frames: Mapping[str, Tensor | Array], alt: str, zoom: int = 1) -> Slider:
    """Show one picture at a time, chosen with a slider: mouse, finger or arrow keys.

    The pictures are in the page, and the slider's script is one line in it, so it works offline, on the site and in
    notebooks that you trust. Where scripts are removed, the first picture shows.

    Args:
        frames: by label: (H, W), (1, H, W) or (3, H, W) in [0, 1]; all of one size.
        alt: what the pictures show, for those who cannot see them; the label is added.
        zoom: size of a pixel on the page.

    Returns:
        The pictures before clipping, by label.

    Raises:
        ValueError: fewer than two pictures, different sizes, or an empty alt text.
    """
    _check_mapping("frames", frames)
    if len(frames) < 2:
        raise ValueError(f"a slider needs at least two pictures, not {len(frames)}")
    if not alt.strip():
        raise ValueError("alt is empty; say in words what the pictures show")
    arrays = {label: _picture(label, frame) for label, frame in frames.items()}
    if len({array.shape for array in arrays.values()}) > 1:
        raise ValueError(f"frames have different sizes: { {label: array.shape for label, array in arrays.items()} }")
    labels = [html.escape(label, quote=True) for label in arrays]
    quoted = html.escape(alt, quote=True)
    shown = [
        f'<img src="data:image/png;base64,{base64.b64encode(_png(array)).decode()}" alt="{quoted}: {label}" '
        f'data-label="{label}" width="{array.shape[1] * zoom}" '
        f'style="max-width:100%;margin:auto{";display:none" if place else ""}">'
        for place, (label, array) in enumerate(zip(labels, arrays.values(), strict=True))
    ]
    action = (
        "const box=this.closest('.srtheory-slider'),images=box.querySelectorAll('img');"
        "images.forEach((image,place)=>{image.style.display=place==this.value?'':'none'});"
        "const label=images[this.value].dataset.label;"
        "box.querySelector('output').textContent=label;this.setAttribute('aria-valuetext',label)"
    )
    markup = (
        f'<div class="srtheory-slider" style="text-align:center">{"".join(shown)}'
        f'<div><input type="range" min="0" max="{len(labels) - 1}" value="0" step="1" '
        f'style="width:min(100%,24rem)" aria-label="{quoted}" aria-valuetext="{labels[0]}" '
        f'oninput="{html.escape(action, quote=True)}"></div><output>{labels[0]}</output></div>'
    )
    return Slider(arrays, markup)


def _check_mapping(name: str, x: object) -> None:
    if not isinstance(x, Mapping):
        raise TypeError(f"{name} must be a mapping of names, as in {{'truth': hr}}, not {type(x).__name__}")


def _array(x: Sequence[float] | Array | Tensor) -> Array:
    return np.array(x.detach().double().cpu().numpy() if isinstance(x, Tensor) else x, dtype=np.float64)


def _picture(name: str, image: Tensor | Array) -> Array:
    array = _array(image)
    whole = not image.is_floating_point() if isinstance(image, Tensor) else np.asarray(image).dtype.kind != "f"
    if whole:
        raise TypeError(f"{name!r} holds whole numbers; pictures are floats in [0, 1]: divide 8-bit pictures by 255")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[0] not in (1, 3)) or 0 in array.shape:
        raise ValueError(f"{name!r} has shape {array.shape}; a picture is (H, W), (1, H, W) or (3, H, W)")
    if array.ndim == 2:
        return array
    return array[0] if array.shape[0] == 1 else np.moveaxis(array, 0, -1)


def _shown(array: Array) -> Array:
    """Clip to what a screen shows; what is not a number shows black."""
    return np.clip(np.nan_to_num(array), 0, 1)


def _png(array: Array) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.round(_shown(array) * 255).astype(np.uint8)).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _digest(array: Array) -> str:
    """Give shape, mean, spread, range and center, to four digits of the largest: stable across machines."""
    finite = np.where(np.isfinite(array), array, 0)
    largest = np.abs(finite).max(initial=0)
    if largest == 0:
        return f"{array.shape}, mean 0, sd 0, from 0 to 0"
    digits = 3 - math.floor(math.log10(largest * (1 + 1e-6)))  # 1 and a bit less than 1 have as many
    numbers = (round(float(value), digits) + 0.0 for value in (finite.mean(), finite.std(), finite.min(), finite.max()))
    mean, spread, low, high = (f"{number:.{max(digits, 0)}f}" for number in numbers)
    weight = np.abs(finite) / np.abs(finite).sum()
    places = (
        np.linspace(0, 1, side).reshape([-1 if axis == k else 1 for k in range(array.ndim)])
        for axis, side in enumerate(array.shape[:2])
    )
    center = ", ".join(f"{(weight * place).sum():.4f}" for place in places)
    return f"{array.shape}, mean {mean}, sd {spread}, from {low} to {high}, center {center}"
