"""How wide text is, and in which ink: measured from a table, so that a picture needs no drawing library.

The widths are those of DejaVu Sans, a wide face: in a narrower one text stays inside its box.
"""

from unicodedata import combining, east_asian_width

INK, GREY, PALE = "#1b1f24", "#6b737c", "#aab2ba"
FONT = "DejaVu Sans"
LINE = 1.32  # height of a line of text, in sizes of its letters
_GROUPS = {
    0.30: "'ijlIJ", 0.34: " ,./:;\\|", 0.38: "f-()[]t·", 0.42: "!r²³", 0.50: '"*_`–',
    0.54: "sz?c", 0.60: "LFkvxyPTYao", 0.65: "eESbdghnpqu$0123456789{}", 0.70: "KAVBRXZC∩",
    0.77: "UHNDG&OQ", 0.85: "w#+<=>^~M→↔×−≤σ∼ω", 1.0: "%mW@…",
}  # fmt: skip
_WIDTHS = {letter: width for width, letters in _GROUPS.items() for letter in letters}
_ANY, _WIDE = 0.75, 1.05  # other alphabets


def measure(lines: tuple[str, ...], size: float) -> tuple[float, float]:
    """Width and height of lines of text in inches."""
    return max((_width(line) for line in lines), default=0.0) * size / 72, len(lines) * size * LINE / 72


def _width(line: str) -> float:
    return sum(_letter(letter) for letter in line)


def _letter(letter: str) -> float:
    if letter in _WIDTHS:
        return _WIDTHS[letter]
    if combining(letter):
        return 0.0
    return _WIDE if east_asian_width(letter) in "WF" or letter.isupper() else _ANY
