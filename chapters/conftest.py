"""Chapters compare by what they print, numbers as numbers: see tests/book/printed.py."""

from printed import pytest_configure  # noqa: F401 - a hook
