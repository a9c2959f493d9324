"""What a chapter prints compares as text with numbers in it, so that every processor agrees with what is stored.

Text and whole numbers must be equal; a number with decimals, or with an exponent, may differ by one unit of its last
printed place. Runs of blanks count as one, since the width of a number may change with it. As a plugin of pytest
(chapters/conftest.py) it lets nbval compare that way.
"""

import re
from decimal import Decimal
from pathlib import Path

NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d[\d,]*\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)(?!\w|\.\d)")


def agree(stored: str, fresh: str) -> bool:
    """Whether two outputs say the same."""
    (stored_text, stored_numbers), (fresh_text, fresh_numbers) = taken_apart(stored), taken_apart(fresh)
    return stored_text == fresh_text and all(map(near, stored_numbers, fresh_numbers))


def taken_apart(text: str) -> tuple[str, list[str]]:
    """The text with a mark for each number, which tells its decimals, and the numbers."""
    marked = NUMBER.sub(lambda found: f"#{decimals(found[0])}#", text)
    return re.sub(r"[ \t]+", " ", marked), NUMBER.findall(text)


def decimals(number: str) -> str:
    digits = re.split("[eE]", number)[0].partition(".")[2]
    return f"{len(digits)}e" if "e" in number.lower() else f"{len(digits)}"


def near(stored: str, fresh: str) -> bool:
    a, b = Decimal(stored.replace(",", "")), Decimal(fresh.replace(",", ""))
    unit = max(Decimal((0, (1,), value.as_tuple().exponent)) for value in (a, b))
    return abs(a - b) <= unit


class Printed(str):
    """A text that equals another if they agree."""

    def __eq__(self, other: object) -> bool:
        return agree(str(self), str(other)) if isinstance(other, str) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def pytest_configure(config):
    """Let nbval compare numbers as numbers, and leave out times and the bytes of pictures, unless told otherwise."""
    if not config.pluginmanager.hasplugin("nbval"):
        return
    from nbval.plugin import IPyNbCell

    if config.option.nbval_sanitize_with is None:
        config.option.nbval_sanitize_with = str(Path(__file__).with_name("sanitize.cfg"))
    plain = getattr(IPyNbCell.sanitize, "plain", IPyNbCell.sanitize)

    def sanitize(self, text):
        made = plain(self, text)
        return Printed(made) if isinstance(made, str) else made

    sanitize.plain = plain
    IPyNbCell.sanitize = sanitize
