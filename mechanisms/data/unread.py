"""What stands for the values of a column whose rows are not in memory: whoever needs them gets one clear error."""

from typing import Any, NoReturn

from mechanisms.errors import DataError


class Unread:
    """No values. Every use of them raises, so that none can be mistaken for data."""

    def __init__(self, name: str) -> None:
        self._name = name

    def refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Raise `DataError`."""
        raise DataError(
            f"this needs {self._name} row by row, but the rows were summed while they were read and are not in memory. "
            "Collect the source, if memory holds it, and bind that: mx.bind(theory, frame.collect())"
        )

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)  # a protocol that asks whether it is there
        self.refuse()

    __array__ = __float__ = __len__ = __getitem__ = __iter__ = __bool__ = __invert__ = __neg__ = refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = refuse
    __hash__ = object.__hash__
