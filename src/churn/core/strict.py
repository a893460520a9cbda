"""Strict settings: what every class of settings is made of, and how all problems are said at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from churn.core.errors import ConfigRefused
from churn.core.suggestions import did_you_mean

MISSING = "???"
Days = Annotated[int, Field(ge=0, le=3660)]
PositiveDays = Annotated[int, Field(ge=1, le=3660)]
Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what every generator of random numbers takes
Version = Annotated[str, BeforeValidator(str)]


def _stated(value: Any) -> Any:
    if value == "":  # below nothing begins the top of the disk, and MLflow at no address is one in the present folder
        raise ValueError("must not be empty")
    return value


StatedPath = Annotated[Path, BeforeValidator(_stated)]
StatedText = Annotated[str, BeforeValidator(_stated)]


class StrictSettings(BaseModel):
    """Base of all settings: frozen, no coercion, no unknown keys, no numbers that are none."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=(), allow_inf_nan=False)


S = TypeVar("S", bound=BaseModel)


def build_settings(kind: type[S], values: Mapping[str, Any], problems: tuple[str, ...] = ()) -> S:
    """Return the settings, or refuse with every problem at once.

    Parameters
    ----------
    kind
        The settings class to build.
    values
        Plain values as composed: mappings, lists, text, numbers; `???` where a value must be given.
    problems
        What was already found wrong, to be said together.

    Raises
    ------
    ConfigRefused
        With one line per unknown key, wrong type, value out of range or missing value.
    """
    found = list(problems)
    missing = _missing_keys(values)
    found += [f"{key}: a value must be given ({key}=...)" for key in missing]
    try:
        settings = kind.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        found += _texts(kind, error, missing)
    if found:
        raise ConfigRefused(list(dict.fromkeys(found)))
    return settings


def _missing_keys(values: Any, prefix: str = "") -> list[str]:
    if isinstance(values, Mapping):
        return [key for name, value in values.items() for key in _missing_keys(value, f"{prefix}{name}.")]
    if isinstance(values, list):
        return [key for at, value in enumerate(values) for key in _missing_keys(value, f"{prefix}{at}.")]
    return [prefix.rstrip(".")] if values == MISSING else []


def _texts(kind: type[BaseModel], error: ValidationError, missing: list[str]) -> list[str]:
    texts = []
    for item in error.errors(include_url=False):
        place = [str(part) for part in item["loc"]]
        key = ".".join(place)
        if any(key.startswith(name) for name in missing):
            continue
        if item["type"] == "extra_forbidden":
            texts.append(f"{key}: unknown key{did_you_mean(place[-1], _fields_at(kind, place[:-1]))}")
        elif item["type"] == "missing":
            texts.append(f"{key}: required, but not set")
        else:
            shown = item.get("input")
            given = f" (found {shown!r})" if isinstance(shown, str | int | float | bool) else ""
            message = item["msg"].removeprefix("Value error, ")
            texts.append(f"{key or 'settings'}: {message[0].lower()}{message[1:]}{given}")
    return texts


def _fields_at(kind: type[BaseModel], place: list[str]) -> list[str]:
    current: Any = kind
    for part in place:
        if not (isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields):
            break
        current = current.model_fields[part].annotation
        current = next((a for a in get_args(current) if isinstance(a, type) and issubclass(a, BaseModel)), current)
    is_model = isinstance(current, type) and issubclass(current, BaseModel)
    return list(current.model_fields) if is_model else []
