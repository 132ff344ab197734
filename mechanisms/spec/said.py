"""What all that is said in a theory has in common: numbers and terms read from text, a place, refusals in our words."""

import math
import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mechanisms.errors import NOWHERE, Place, SpecError, did_you_mean
from mechanisms.spec.terms import Term, parse_term

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read_number(text: str) -> float | None:
    """The finite number that a text is, or None; `nan`, `inf` and `1_000` are words, not numbers."""
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    return number if math.isfinite(number) else None


def _scalar(value: Any) -> Any:
    """Numbers written as text become numbers; everything else (`cbt`, `mean`, `+1 sd`, `90%`) stays text."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        number = read_number(value.strip())
        return value.strip() if number is None else number
    return value


Number = Annotated[float, Field(allow_inf_nan=False)]
Scalar = Annotated[Number | str, BeforeValidator(_scalar)]


def _term(value: Any) -> Any:
    return parse_term(value) if isinstance(value, str) else value


def _question_term(value: Any) -> Any:
    return parse_term(value, question=True) if isinstance(value, str) else value


def _term_text(value: Any) -> Any:
    return str(parse_term(value, question=True)) if isinstance(value, str) else value


SomeTerm = Annotated[Term, BeforeValidator(_term)]
QuestionTerm = Annotated[Term, BeforeValidator(_question_term)]
TermText = Annotated[str, BeforeValidator(_term_text)]  # `m`, `m(2)`, `m(client)`, in canonical words


_FORMS = {  # how arguments that are often mistaken are written in Python
    "at": "at={'dx': 'ptsd'}, or at={'dx': ['anxiety', 'ptsd']} for a row each",
    "set": "set={'m': 4}",
    "contrast": "contrast=(from, to), such as (0, 1) or ('mean', '+1 sd')",
    "path": "through='x -> m -> y'",
    "through": "through='m', ('m1', 'm2') or 'x -> m -> y'",
    "adjust": "adjust=('sex', 'age')",
}


class Said(BaseModel):
    """Something said in a theory. `place` is the line it stands on; it takes no part in equality."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    place: Place = Field(default=NOWHERE, exclude=True, repr=False)

    def __init__(self, **said: Any) -> None:
        try:
            super().__init__(**said)
        except ValidationError as error:
            raise self._refusal(error, said) from None

    @classmethod
    def _refusal(cls, error: ValidationError, said: dict[str, Any]) -> SpecError:
        """Pydantic's first complaint as ours; nothing of pydantic escapes."""
        first = error.errors(include_url=False, include_context=False)[0]
        key = str(first["loc"][0]) if first["loc"] else cls.__name__.lower()
        place = said.get("place", NOWHERE)
        place = place if isinstance(place, Place) else NOWHERE
        if first["type"] == "extra_forbidden":
            return SpecError(f"unknown key '{key}'.{did_you_mean(key, cls.model_fields)}", place)
        if first["type"] == "missing":
            return SpecError(f"'{key}' is missing", place)
        if key in _FORMS and first["type"] in (
            "tuple_type",
            "union_error",
            "too_short",
            "too_long",
            "missing_argument",
        ):
            return SpecError(f"{key}: {said.get(key)!r} is not of its form: {_FORMS[key]}", place)
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "literal_error" and isinstance(said.get(key), str):
            message += f".{did_you_mean(said[key], re.findall(r"'([^']+)'", message))}"
        if message.startswith("Input should be ") and key in said:
            message = message.replace("Input", repr(said[key]), 1)
        return SpecError(f"{key}: {message}", place)
