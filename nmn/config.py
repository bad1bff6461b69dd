"""Configurations: frozen, validated, and every unknown key named with its neighbours.

Each part of the system keeps its own `Config` subclass beside it, with all defaults; a preset is
a TOML file that says only what differs.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from nmn.errors import ConfigError, listing, nearest
from nmn.resources import read_text


class Config(BaseModel):
    """Base of all configuration classes: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


C = TypeVar("C", bound=Config)


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as nested dictionaries.

    Raises:
        DataError: the file cannot be read.
        ConfigError: it is not TOML.
    """
    text = read_text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), f"not valid TOML: {error}") from error


def build(config: type[C], values: Any, source: str) -> C:
    """Validate `values` as a `config`; `source` is named in the error.

    Raises:
        ConfigError: one line with the key, what was wanted and what came.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(source, f"wanted a table of settings, got {type(values).__name__}")
    try:
        return config.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(source, _first_problem(config, error)) from error


def with_overrides(values: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """`values` with `key.sub=value` texts applied; values are read as TOML, else as plain text.

    Raises:
        ConfigError: an override without `=`, or below a key that is not a table.
    """
    result = {key: _copy(value) for key, value in values.items()}
    for override in overrides:
        path, found, text = override.partition("=")
        if not found or not path.strip():
            raise ConfigError(f"--set {override}", "wanted key=value, as in training.steps=500")
        target = result
        *parents, last = path.strip().split(".")
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                raise ConfigError(f"--set {override}", f"'{parent}' is a value, not a table")
        target[last] = _toml_value(text.strip())
    return result


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _copy(value: Any) -> Any:
    return {k: _copy(v) for k, v in value.items()} if isinstance(value, dict) else value


def _first_problem(config: type[BaseModel], error: ValidationError) -> str:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _keys_at(config, first["loc"][:-1])
        choices = listing(nearest(str(first["loc"][-1]), known))
        hint = f"; nearest: {choices}" if choices else ""
        return f"unknown key '{path}'{hint}"
    got = "" if first["type"] == "missing" else f", got {first['input']!r}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"'{path}': {message}" if path else message
    return f"'{path}': {message[:1].lower()}{message[1:]}{got}"


def _keys_at(config: type[BaseModel], path: tuple[int | str, ...]) -> tuple[str, ...]:
    for part in path:
        field = config.model_fields.get(str(part))
        inner = field.annotation if field is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return ()
        config = inner
    return tuple(config.model_fields)
