"""Pictures in: files and folders with every format's quirks defined, and photographs that are always at hand."""

from srtheory.data.photographs import PHOTOGRAPHS, photograph
from srtheory.data.pictures import list_pictures, read_picture

__all__ = ["PHOTOGRAPHS", "list_pictures", "photograph", "read_picture"]
