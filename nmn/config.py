"""Configurations: frozen, validated, and every unknown key named with its neighbours.

Each part of the system keeps its own `Config` subclass beside it, with all defaults; a preset is
a TOML file that says only what differs.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError, PydanticKnownError

from nmn.errors import ConfigError, listing, nearest
from nmn.resources import read_text


class Config(BaseModel):
    """Base of all configuration classes: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


C = TypeVar("C", bound=Config)

_KIND = "kind"
"""What tells apart tables that have other keys."""

_BELOW = "below"
"""The type of an error that has another one, of a table within."""


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
        value = _toml_value(text.strip())
        if last == _KIND and _other_kind(target, {_KIND: value}):
            target.clear()  # what was said is about another kind
        target[last] = value
    return result


def merged(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `values` say otherwise, table by table; one of another kind is replaced."""
    result = {key: _copy(value) for key, value in base.items()}
    for key, value in values.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and not _other_kind(old, value):
            result[key] = merged(old, value)
        else:
            result[key] = _copy(value)
    return result


def by_kind(default: str) -> Discriminator:
    """Tells configurations apart by `kind`; where none is said it is the default."""

    def kind(values: Any) -> Any:
        if isinstance(values, Mapping):
            return values.get(_KIND, default)
        return getattr(values, _KIND, None)

    return Discriminator(kind)


def known_by_kind(known: Callable[[], Mapping[str, type[Config]]], default: str) -> PlainValidator:
    """Reads a table by its `kind`, of those that are known by the time that it is read.

    Args:
        known: gives the class of each kind.
        default: the kind where none is said.
    """

    def read(values: Any) -> Config:
        tables = known()
        if isinstance(values, Config) and isinstance(values, tuple(tables.values())):
            return values
        if not isinstance(values, Mapping):
            raise PydanticKnownError("dict_type")
        kind = values.get(_KIND, default)
        if kind not in tables:
            said = {"discriminator": _KIND, "tag": kind, "expected_tags": ", ".join(tables)}
            raise PydanticKnownError("union_tag_invalid", said)
        try:
            return tables[kind].model_validate(dict(values))
        except ValidationError as error:
            below = {"config": tables[kind], "error": error}
            raise PydanticCustomError(_BELOW, "in a table of {config}", below) from error

    return PlainValidator(read)


def _other_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two tables say that they are of different kinds."""
    return _KIND in old and old[_KIND] != new.get(_KIND, old[_KIND])


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _copy(value: Any) -> Any:
    return {k: _copy(v) for k, v in value.items()} if isinstance(value, dict) else value


def _first_problem(config: type[BaseModel], error: ValidationError, above: str = "") -> str:
    first = error.errors()[0]
    path, _ = _place(config, first["loc"])
    path = ".".join(filter(None, (above, path)))
    if first["type"] == _BELOW:
        return _first_problem(first["ctx"]["config"], first["ctx"]["error"], path)
    if first["type"] == "extra_forbidden":
        _, table = _place(config, first["loc"][:-1])
        choices = listing(nearest(str(first["loc"][-1]), table.model_fields if table else ()))
        hint = f"; nearest: {choices}" if choices else ""
        return f"unknown key '{path}'{hint}"
    if first["type"] == "union_tag_invalid":
        known = first["ctx"]["expected_tags"].replace("'", "").split(", ")
        return f"'{path}': wanted kind {listing(known)}, got '{first['ctx']['tag']}'"
    got = "" if first["type"] == "missing" else f", got {first['input']!r}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"'{path}': {message}" if path else message
    return f"'{path}': {message[:1].lower()}{message[1:]}{got}"


def _place(
    config: type[BaseModel], steps: tuple[int | str, ...]
) -> tuple[str, type[BaseModel] | None]:
    """The keys that an error is at, and the class that is there.

    Where a value is of one of several classes, the error has the kind of it as one more step.
    """
    keys: list[str] = []
    here: Any = config
    for step in steps:
        kinds = {} if _is_table(here) else _kinds(here)
        if step in kinds:
            here = kinds[step]
            continue
        keys.append(str(step))
        field = here.model_fields.get(step) if _is_table(here) else None
        here = None if field is None else field.annotation
    return ".".join(keys), here if _is_table(here) else None


def _kinds(annotation: Any) -> dict[int | str, type[BaseModel]]:
    """The classes of a union that are told apart by their `kind`."""
    if _is_table(annotation):
        known = annotation.model_fields.get("kind")
        return {} if known is None else {known.default: annotation}
    return {kind: table for part in get_args(annotation) for kind, table in _kinds(part).items()}


def _is_table(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
