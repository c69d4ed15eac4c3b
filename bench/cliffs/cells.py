"""What a cell of the map is, and by what name."""

from __future__ import annotations

from dataclasses import dataclass

LENGTHS = (1, 2, 3, 4, 8, 16, 31, 32, 64, 100, 128, 196, 333, 768, 1000, 4096, 10007)
DTYPES = ("float32", "float64", "float16", "bfloat16")
HOT, COLD, BEYOND, CALL = PLACES = ("hot", "cold", "beyond L2", "call")
CHANNELS_LAST = "channels-last"
LAYOUTS = ("C", "Fortran", "every second", CHANNELS_LAST)
USUAL_LENGTH, SMALL_LENGTH = 768, 64
USUAL_OFFSET = 16  # bytes past a cache line: where NumPy's arrays begin more often than not


@dataclass(frozen=True, order=True)
class Cell:
    """A call of a function on rows of a length.

    `option` is an argument beside the plain call's, by its label. `place`: hot in L2, cold (in no cache),
    beyond L2, or a call on one row of 64. Arrays that are given begin `offset` bytes past a cache line.
    """

    function: str
    option: str = ""
    length: int = USUAL_LENGTH
    dtype: str = "float32"
    layout: str = "C"
    offset: int = USUAL_OFFSET
    place: str = HOT

    @property
    def series(self) -> str:
        """All but function and length."""
        parts = [self.dtype, self.option, "" if self.layout == "C" else self.layout]
        parts += ["" if self.offset == USUAL_OFFSET else f"{self.offset} bytes past a line"]
        parts += ["" if self.place == HOT else self.place]
        return ", ".join(part for part in parts if part)

    def __str__(self) -> str:
        return f"{self.function} {self.length}, {self.series}"
