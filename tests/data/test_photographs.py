"""The photographs that are always at hand."""

import socket

import numpy as np
import pytest
import skimage.data
import torch

from srtheory.data import PHOTOGRAPHS, photograph


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_pixels_are_those_of_scikit_image_without_the_network(name):
    pixels = getattr(skimage.data, name)()
    picture = photograph(name)
    assert picture.dtype == torch.float64
    assert picture.is_contiguous()
    assert picture.shape == (3, *pixels.shape[:2])
    expected = pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1)
    np.testing.assert_array_equal((picture * 255).round().movedim(0, -1).numpy(), expected)
    assert picture.min() >= 0
    assert 0.5 < picture.max() <= 1


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_gray_is_the_luma_of_the_colors(name):
    red, green, blue = photograph(name).numpy()
    gray = photograph(name, gray=True)
    assert gray.shape == (1, *red.shape)
    assert gray.dtype == torch.float64
    assert gray.is_contiguous()
    np.testing.assert_allclose(gray[0].numpy(), 0.299 * red + 0.587 * green + 0.114 * blue, atol=1e-12)
    assert gray.min() >= 0
    assert gray.max() <= 1


def test_some_have_color_and_some_do_not():
    colored = {name for name in PHOTOGRAPHS if not torch.equal(photograph(name)[0], photograph(name)[1])}
    assert colored == {"astronaut", "chelsea", "coffee"}


@pytest.mark.parametrize("name", ["camera", "astronaut"])
def test_each_call_gives_memory_of_its_own(name):
    first = photograph(name)
    expected = first.clone()
    first.zero_()
    assert torch.equal(photograph(name), expected)


def test_channels_of_a_gray_photograph_can_be_changed_alone():
    picture = photograph("camera")
    before = picture[1].clone()
    picture[0] = 0
    assert torch.equal(picture[1], before)


def test_every_photograph_states_its_terms():
    assert all(terms.strip() for terms in PHOTOGRAPHS.values())
