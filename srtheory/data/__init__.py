"""Pictures in: files, folders, photographs that are always at hand, and public sets with checked download."""

from srtheory.data.catalogue import CATALOGUE, PictureSet, get_set
from srtheory.data.crops import Pictures, Places
from srtheory.data.photographs import PHOTOGRAPHS, photograph
from srtheory.data.pictures import list_pictures, read_picture

__all__ = [
    "CATALOGUE",
    "PHOTOGRAPHS",
    "PictureSet",
    "Pictures",
    "Places",
    "get_set",
    "list_pictures",
    "photograph",
    "read_picture",
]
