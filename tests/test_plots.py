"""Figures and sliders: what they return, what their digests tell, what the markup says."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from srtheory.plots import curves, pictures, slider

GRAY = np.random.default_rng(0).uniform(0.05, 0.95, (6, 8))
COLOR = np.random.default_rng(1).uniform(0.05, 0.95, (3, 6, 8))
X, Y = np.linspace(1, 2, 9), np.sin(np.arange(9.0))


def png_of(drawn) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(drawn._repr_png_())).convert("RGB"))


def test_pictures_returns_what_it_drew():
    drawn = pictures({"gray": GRAY, "one channel": GRAY[None], "color": COLOR, "tensor": torch.from_numpy(COLOR)})
    assert list(drawn) == ["gray", "one channel", "color", "tensor"]
    np.testing.assert_array_equal(drawn["gray"], GRAY)
    np.testing.assert_array_equal(drawn["one channel"], GRAY)
    np.testing.assert_array_equal(drawn["color"], np.moveaxis(COLOR, 0, -1))
    np.testing.assert_array_equal(drawn["tensor"], drawn["color"])


def test_curves_returns_what_it_drew():
    drawn = curves({"a": (X, Y), "b": (list(X), torch.from_numpy(Y))}, "x", "y")
    assert set(drawn) == {"a", "a (x)", "b", "b (x)"}
    for name in ("a", "b"):
        np.testing.assert_array_equal(drawn[name], Y)
        np.testing.assert_array_equal(drawn[f"{name} (x)"], X)


def test_slider_returns_what_it_shows():
    shown = slider({"one": GRAY, "two": torch.from_numpy(GRAY)[None] + 1}, "noise")
    assert list(shown) == ["one", "two"]
    np.testing.assert_array_equal(shown["one"], GRAY)
    np.testing.assert_array_equal(shown["two"], GRAY + 1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_tensors_of_any_float_dtype(dtype):
    image = torch.from_numpy(COLOR).to(dtype).requires_grad_()
    expected = image.detach().double().movedim(0, -1).numpy()
    np.testing.assert_array_equal(pictures({"a": image})["a"], expected)
    np.testing.assert_array_equal(slider({"a": image, "b": image}, "noise")["b"], expected)
    drawn = curves({"a": (image[0, 0], image[0, 1])}, "x", "y")
    np.testing.assert_array_equal(drawn["a (x)"], expected[0, :, 0])
    np.testing.assert_array_equal(drawn["a"], expected[1, :, 0])


def test_what_was_drawn_does_not_change_with_its_source():
    image, x = torch.from_numpy(GRAY).clone(), X.copy()
    drawn = [pictures({"a": image}), slider({"a": image, "b": image}, "noise"), curves({"a": (x, Y)}, "x", "y")]
    before = list(map(repr, drawn))
    image.zero_()
    x[:] = 0
    assert list(map(repr, drawn)) == before


def test_drawing_leaves_its_input_alone():
    image = GRAY * 3 - 1
    before = image.copy()
    pictures({"a": image}, signed=["a"], gain=2)._repr_png_()
    slider({"a": image, "b": image}, "noise")
    np.testing.assert_array_equal(image, before)


def test_clipping_is_for_the_eye_only():
    image = GRAY * 10 - 5
    np.testing.assert_array_equal(pictures({"a": image})["a"], image)
    clipped = png_of(pictures({"a": image.clip(0, 1)}))
    np.testing.assert_array_equal(png_of(pictures({"a": image})), clipped)


def test_signed_pictures_are_shown_around_middle_gray():
    difference = GRAY - 0.5
    shown = png_of(pictures({"a": difference}, signed=["a"], gain=0.5))
    np.testing.assert_array_equal(shown, png_of(pictures({"a": 0.5 + 0.5 * difference})))
    assert (shown != png_of(pictures({"a": difference}))).any()
    np.testing.assert_array_equal(pictures({"a": difference}, signed=["a"], gain=0.5)["a"], difference)


def test_columns_set_the_shape_of_the_figure():
    images = {str(place): GRAY for place in range(4)}
    row, square = pictures(images).figure, pictures(images, columns=2).figure
    assert len(row.axes) == len(square.axes) == 4
    assert row.get_figwidth() == square.get_figwidth()
    assert square.get_figheight() > 2 * row.get_figheight()


def test_gray_is_shown_from_black_to_white_without_stretching():
    flat = png_of(pictures({"": np.full((40, 40), 0.5)}))
    assert (flat[flat.shape[0] // 2, flat.shape[1] // 2] == [128, 128, 128]).all()


def test_curves_are_named_and_told_apart():
    drawn = curves({"first": (X, Y), "second": (X, -Y)}, "size [pixels]", "error [dB]", logx=True)
    (axes,) = drawn.figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("size [pixels]", "error [dB]")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["first", "second"]
    first, second = axes.get_lines()
    np.testing.assert_array_equal(second.get_ydata(), -Y)
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()


def test_markers_tell_curves_apart():
    (axes,) = curves({"first": (X, Y), "second": (X, -Y)}, "x", "y", logy=False, markers=True).figure.axes
    assert len({line.get_marker() for line in axes.get_lines()} - {"None"}) == 2


def test_few_marked_points_are_the_ticks():
    drawn = curves({"first": ([2, 3, 4], Y[:3]), "second": ([2, 8], Y[:2])}, "x", "y", logx=True, markers=True)
    (axes,) = drawn.figure.axes
    assert axes.get_xticks().tolist() == [2, 3, 4, 8]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "3", "4", "8"]


def test_dots_are_not_joined():
    dots, curve = curves({"dots": (X, Y), "curve": (X, -Y)}, "x", "y", dots=["dots"]).figure.axes[0].get_lines()
    assert (dots.get_linestyle(), curve.get_linestyle()) == ("None", "--")
    assert dots.get_marker() != "None"
    assert dots.get_color() != curve.get_color()


def test_reference_is_black_and_dashed_and_takes_no_color():
    series = {"a": (X, Y), "bound": (X, -Y), "b": (X, 2 * Y)}
    with_reference = curves(series, "x", "y", reference=["bound"])
    first, bound, second = with_reference.figure.axes[0].get_lines()
    assert (bound.get_color(), bound.get_linestyle()) == ("black", "--")
    plain = curves({"a": (X, Y), "b": (X, 2 * Y)}, "x", "y").figure.axes[0].get_lines()
    assert [first.get_color(), second.get_color()] == [line.get_color() for line in plain]
    np.testing.assert_array_equal(with_reference["bound"], -Y)


@pytest.mark.parametrize("count", [2, 5, 8])
def test_every_curve_is_in_the_legend(count):
    figure = curves({str(place): (X, Y + place) for place in range(count)}, "x", "y").figure
    legend = figure.axes[0].get_legend() or figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == [str(place) for place in range(count)]
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].get_lines()}
    assert len(looks) == count


def test_one_curve_needs_no_legend():
    (axes,) = curves({"only": (X, np.exp(X))}, "x", "y", logy=True).figure.axes
    assert axes.get_legend() is None
    assert axes.get_yscale() == "log"


DRAW = {
    "pictures": lambda gray: pictures({"a": gray, "b": 2 * gray}),
    "signed": lambda gray: pictures({"a": gray - gray.mean()}, signed=["a"]),
    "curves": lambda gray: curves({"a": (gray[0], gray[1])}, "x", "y"),
    "slider": lambda gray: slider({"a": gray, "b": 2 * gray}, "noise"),
}
every_helper = pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)


@every_helper
def test_digest_repeats(draw):
    drawn = draw(GRAY)
    assert repr(drawn) == repr(drawn) == repr(draw(GRAY.copy()))


@every_helper
@pytest.mark.parametrize("factor", [1.001, 0.999, 1.5, -1])
def test_digest_changes_with_the_arrays(draw, factor):
    assert repr(draw(GRAY)) != repr(draw(factor * GRAY))


@every_helper
def test_digest_ignores_rounding_noise(draw):
    noise = 1 + 1e-12 * np.random.default_rng(2).standard_normal(GRAY.shape)
    assert repr(draw(GRAY * noise)) == repr(draw(GRAY))


@given(scale=st.integers(-12, 12), high=st.sampled_from([1.02, 2.5, 9.7]), seed=st.integers(0, 1000))
def test_digest_tells_a_thousandth_from_rounding_noise_at_any_scale(scale, high, seed):
    random = np.random.default_rng(seed)
    image = random.uniform(1.001, high, (6, 8)) * 10.0**scale
    noise = 1 + 1e-12 * random.standard_normal(image.shape)
    assert repr(pictures({"a": image})) == repr(pictures({"a": image * noise}))
    assert repr(pictures({"a": image})) != repr(pictures({"a": image * 1.001}))


@pytest.mark.parametrize("peak", [1.0, 10.0, 100.0, 0.1, 255.0])
def test_digest_ignores_rounding_noise_at_a_round_peak(peak):
    image = peak * GRAY / GRAY.max()
    below, above = image * (1 - 1e-12), image * (1 + 1e-12)
    assert repr(pictures({"a": below})) == repr(pictures({"a": image})) == repr(pictures({"a": above}))


@pytest.mark.parametrize("steps", [1.0, 1000.0, 1e6])
def test_digest_of_curves_sees_both_axes(steps):
    x, y = steps * X, 0.01 * Y
    assert repr(curves({"a": (x, y)}, "x", "y")) != repr(curves({"a": (x, 1.5 * y)}, "x", "y"))
    assert repr(curves({"a": (y, x)}, "x", "y")) != repr(curves({"a": (1.5 * y, x)}, "x", "y"))


@pytest.mark.parametrize("change", [np.fliplr, np.flipud, lambda x: np.roll(x, 1)], ids=["mirror", "flip", "shift"])
def test_digest_sees_where_pixels_lie(change):
    assert repr(pictures({"a": GRAY})) != repr(pictures({"a": change(GRAY)}))


def test_digest_tells_names_and_shapes():
    text = repr(pictures({"first": GRAY, "second": COLOR}))
    assert "first: (6, 8)" in text
    assert "second: (6, 8, 3)" in text
    assert repr(pictures({"a": np.zeros((2, 3))})) != repr(pictures({"a": np.zeros((3, 2))}))


def test_digest_by_hand():
    image = np.array([[0.0, 0.25], [0.25, 0.5]])
    text = repr(pictures({"a": image}))
    for number in ("mean 0.25", "sd 0.17", "from 0.0", "to 0.5"):
        assert number in text


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -1e-300, 1e300])
def test_digest_of_extremes(value):
    y = np.full(9, value)
    assert repr(curves({"a": (y, y)}, "x", "y")) == repr(curves({"a": (y.copy(), y.copy())}, "x", "y"))


def test_digest_has_no_negative_zero():
    image = np.array([[-1.0, 1.0 - 1e-17]])
    assert "-0.0" not in repr(pictures({"a": image, "b": -image}))


@every_helper
def test_bytes_repeat(draw):
    if draw is DRAW["slider"]:
        assert draw(GRAY)._repr_html_() == draw(GRAY.copy())._repr_html_()
    else:
        drawn = draw(GRAY)
        assert drawn._repr_png_() == drawn._repr_png_() == draw(GRAY.copy())._repr_png_()


@every_helper
def test_bytes_change_with_the_arrays(draw):
    show = (lambda x: draw(x)._repr_html_()) if draw is DRAW["slider"] else (lambda x: draw(x)._repr_png_())
    assert show(GRAY) != show(1 - GRAY)


def test_png_names_no_software():
    names = Image.open(io.BytesIO(pictures({"a": GRAY})._repr_png_())).info
    assert "Software" not in names


class Tags(HTMLParser):
    """The tags of a page with their attributes, unescaped as a browser does it, and its text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag, attributes):
        assert len({name for name, _ in attributes}) == len(attributes)
        self.tags.append((tag, dict(attributes)))
        if tag not in ("img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


LABELS = ["scale 2", '<b>"x"', "it's & co", "</div><script>alert(1)</script>", "Größe 4"]


@pytest.fixture
def page():
    return Tags(slider(dict.fromkeys(LABELS, GRAY), 'noise "<i>&', zoom=3)._repr_html_())


def test_slider_markup_is_well_formed(page):
    assert page.open == []
    assert {tag for tag, _ in page.tags} == {"div", "img", "input", "output"}


def test_every_picture_of_a_slider_has_an_alt_text(page):
    assert [image["alt"] for image in page.all("img")] == [f'noise "<i>&: {label}' for label in LABELS]


def test_slider_escapes_labels(page):
    assert [image["data-label"] for image in page.all("img")] == LABELS
    markup = slider(dict.fromkeys(LABELS, GRAY), "noise")._repr_html_()
    for raw in ("<b>", "<script", '"x"'):
        assert raw not in markup
    first = Tags(slider({LABELS[1]: GRAY, "b": GRAY}, "noise")._repr_html_())
    assert first.text == LABELS[1]
    assert first.all("input")[0]["aria-valuetext"] == LABELS[1]


def test_slider_shows_the_first_picture_only(page):
    hidden = ["display:none" in image["style"].replace(" ", "") for image in page.all("img")]
    assert hidden == [False, True, True, True, True]
    assert page.text == LABELS[0]


def test_slider_has_one_control_that_reaches_every_picture(page):
    (control,) = page.all("input")
    assert (control["type"], control["min"], control["max"], control["value"], control["step"]) == (
        "range",
        "0",
        "4",
        "0",
        "1",
    )
    assert control["aria-label"] == 'noise "<i>&'
    assert "images[this.value]" in control["oninput"]


def test_slider_needs_no_network(page):
    markup = slider({"a": GRAY, "b": COLOR[0]}, "noise")._repr_html_()
    assert not re.search(r"https?:|//[a-z]|url\(|@import|fetch|<link|<script", markup.split("base64,")[0])
    sources = [attributes.get(name) for _, attributes in page.tags for name in ("src", "href", "srcset")]
    assert all(source.startswith("data:image/png;base64,") for source in sources if source is not None)
    assert sum(source is not None for source in sources) == len(LABELS)
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert name == "src" or "//" not in (value or "")


def test_slider_pictures_hold_the_pixels():
    frames = {"gray": GRAY, "beyond": GRAY * 4 - 2}
    for image, array in zip(Tags(slider(frames, "noise")._repr_html_()).all("img"), frames.values(), strict=True):
        stored = np.asarray(Image.open(io.BytesIO(base64.b64decode(image["src"].split(",")[1]))))
        np.testing.assert_array_equal(stored, np.round(array.clip(0, 1) * 255))
    (color, _) = Tags(slider({"a": COLOR, "b": COLOR}, "noise")._repr_html_()).all("img")
    stored = np.asarray(Image.open(io.BytesIO(base64.b64decode(color["src"].split(",")[1]))))
    np.testing.assert_array_equal(stored, np.round(np.moveaxis(COLOR, 0, -1) * 255))


def test_zoom_is_the_size_of_a_pixel(page):
    assert [image["width"] for image in page.all("img")] == ["24"] * len(LABELS)


BAD = [
    ("pictures empty", lambda: pictures({}), "images is empty"),
    ("pictures signed", lambda: pictures({"a": GRAY}, signed=["b"]), "signed names ['b']"),
    ("pictures one dimension", lambda: pictures({"a": X}), "'a' has shape (9,)"),
    ("pictures two channels", lambda: pictures({"a": COLOR[:2]}), "'a' has shape (2, 6, 8)"),
    ("pictures alpha", lambda: pictures({"a": np.ones((4, 6, 8))}), "'a' has shape (4, 6, 8)"),
    ("pictures channels last", lambda: pictures({"a": np.ones((6, 8, 3))}), "'a' has shape (6, 8, 3)"),
    ("pictures batch", lambda: pictures({"a": COLOR[None]}), "'a' has shape (1, 3, 6, 8)"),
    ("pictures empty side", lambda: pictures({"a": GRAY[:0]}), "'a' has shape (0, 8)"),
    ("pictures second", lambda: pictures({"a": GRAY, "b": X}), "'b' has shape (9,)"),
    ("curves empty", lambda: curves({}, "x", "y"), "series is empty"),
    ("curves dots", lambda: curves({"a": (X, Y)}, "x", "y", dots=["b"]), "dots names ['b']"),
    ("curves reference", lambda: curves({"a": (X, Y)}, "x", "y", reference=["b"]), "reference names ['b']"),
    ("curves lengths", lambda: curves({"a": (X, Y[:-1])}, "x", "y"), "series 'a': x has shape (9,) and y (8,)"),
    ("curves two dimensions", lambda: curves({"a": (GRAY, GRAY)}, "x", "y"), "both must be (n,)"),
    ("curves a number", lambda: curves({"a": (1.0, 2.0)}, "x", "y"), "both must be (n,)"),
    ("slider empty", lambda: slider({}, "noise"), "at least two pictures, not 0"),
    ("slider one", lambda: slider({"a": GRAY}, "noise"), "at least two pictures, not 1"),
    ("slider sizes", lambda: slider({"a": GRAY, "b": GRAY[1:]}, "noise"), "different sizes"),
    ("slider sizes named", lambda: slider({"a": GRAY, "b": GRAY[1:]}, "noise"), "'b': (5, 8)"),
    ("slider gray and color", lambda: slider({"a": GRAY, "b": COLOR}, "noise"), "different sizes"),
    ("slider alt", lambda: slider({"a": GRAY, "b": GRAY}, ""), "alt is empty"),
    ("slider blank alt", lambda: slider({"a": GRAY, "b": GRAY}, " \n"), "alt is empty"),
    ("slider shape", lambda: slider({"a": X, "b": X}, "noise"), "'a' has shape (9,)"),
]


@pytest.mark.parametrize(("call", "fragment"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(call, fragment):
    with pytest.raises(ValueError, match=re.escape(fragment)):
        call()


def test_what_is_not_a_number_shows_black():
    hole = np.full((4, 4), 0.5)
    hole[1, 1] = np.nan
    assert pictures({"hole": hole})._repr_png_().startswith(b"\x89PNG")
    assert "data:image/png" in slider({"hole": hole, "again": hole}, alt="a picture with a hole in it")._repr_html_()


def test_a_name_cannot_pass_for_the_x_of_another():
    with pytest.raises(ValueError, match=r"may not end in ' \(x\)'"):
        curves({"a": (X, Y), "a (x)": (X, Y)}, "x", "y")


@pytest.mark.parametrize("whole", [np.full((4, 4), 200, dtype=np.uint8), torch.full((4, 4), 200), [[1, 2]]])
def test_whole_numbers_are_refused_not_shown_white(whole):
    with pytest.raises(TypeError, match="divide 8-bit pictures by 255"):
        pictures({"a": whole})


@pytest.mark.parametrize("draw", [pictures, lambda x: curves(x, "x", "y"), lambda x: slider(x, alt="nothing")])
def test_names_are_needed(draw):
    with pytest.raises(TypeError, match="must be a mapping of names"):
        draw([np.zeros((4, 4))])
