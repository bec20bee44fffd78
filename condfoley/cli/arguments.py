"""Parses the command line into typed options, with one-line errors.

Built on jsonargparse, with these conventions: option names have dashes, a switch takes no value, an unknown name gets a
suggestion, and every error is an InputError of one line.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_type_hints

from jsonargparse import ActionYesNo, ArgumentParser, set_parsing_settings

from condfoley.errors import InputError, flag

set_parsing_settings(docstring_parse_attribute_docstrings=True)

T = TypeVar("T")

REPEATED = (tuple[str, ...], str | tuple[str, ...], str | tuple[str, ...] | None)
"""Types of options that may be given again."""
TYPE_NAMES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "tuple": "a list like [1, 2]",
}


class Parser(ArgumentParser):
    """jsonargparse's parser that raises InputError where the original prints the usage and exits."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)
        self.nonempty_options: dict[str, str] = {}  # field name -> option whose value must not be empty
        # cli.main looks for it in argv itself, since parsing may be what fails.
        self.add_argument("--debug", action="store_true", help="Show the traceback when something goes wrong.")

    def parse_args(self, *args: Any, **kwargs: Any) -> Any:
        """The parsed options. Raises InputError for an empty value, which would be taken for a missing one."""
        parsed = super().parse_args(*args, **kwargs)
        for name, option in self.nonempty_options.items():
            values = parsed[name] if isinstance(parsed[name], list) else [parsed[name]]
            if any(value is not None and not value.strip() for value in values):
                raise InputError(f"{option} is empty; see `{self.prog} --help`")
        return parsed

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise InputError with the error explained in one line."""
        raise InputError(explain_error(message, self.prog, self.names())) from ex

    def names(self) -> list[str]:
        """All option strings, such as --top-p."""
        return [option for action in self._actions for option in action.option_strings]


def option_parser(prog: str, options: type) -> Parser:
    """Parser for a flat dataclass: `--dashed-name` for each field, switches for booleans."""
    import docstring_parser

    docs = [docstring_parser.parse_from_object(c) for c in reversed(options.__mro__) if is_dataclass(c)]
    helps = {item.arg_name: item.description or "" for doc in docs for item in doc.params}
    hints = get_type_hints(options)
    parser = Parser(prog, docs[-1].short_description or "")
    hints = {name: str if hint == (str | None) else hint for name, hint in hints.items()}  # or "null" would be None
    for field in sorted(fields(options), key=lambda f: f.default is not MISSING):  # required options first
        option = flag(field.name)
        help_text = helps[field.name].replace("\n", " ")
        if hints[field.name] in (str, *REPEATED) and field.default != "":
            parser.nonempty_options[field.name] = option
        if hints[field.name] is bool and field.default is True:
            action = ActionYesNo(yes_prefix="", no_prefix="no-")
            parser.add_argument(option, action=action, default=True, help=help_text)
        elif hints[field.name] is bool:
            parser.add_argument(option, action="store_true", help=help_text)
        elif hints[field.name] in REPEATED:  # given any number of times
            needed: dict[str, Any] = (
                {"required": True} if field.default is MISSING else {"default": None if field.default is None else []}
            )
            parser.add_argument(option, action="append", type=str, help=help_text, **needed)
        elif field.default is MISSING:
            parser.add_argument(option, type=hints[field.name], required=True, help=help_text)
        else:
            parser.add_argument(option, type=hints[field.name], default=field.default, help=help_text)
    return parser


def parse_options(prog: str, options: type[T], argv: list[str]) -> T:
    """An `options` object from command-line arguments. Raises InputError for anything that does not fit."""
    return from_parsed(option_parser(prog, options).parse_args(argv), options)


def parse_with_folder(prog: str, options: type[T], argv: list[str], name: str = "project") -> tuple[Path, T]:
    """The folder of the result that a command works on, and its `options`.

    name: of the folder's argument. Raises InputError for anything that does not fit.
    """
    parser = option_parser(prog, options)
    parser.add_argument(name, help="Folder that `condfoley generate` wrote.")
    parsed = parser.parse_args(argv)
    return Path(getattr(parsed, name)), from_parsed(parsed, options)


def from_parsed(parsed: Any, options: type[T]) -> T:
    """An `options` object from what a parser of it returned. Raises InputError for values that do not go together."""
    values = {field.name: getattr(parsed, field.name) for field in fields(options)}  # type: ignore[arg-type]
    return options(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def parse_config(prog: str, config: type[T], argv: list[str]) -> T:
    """A nested `config` dataclass from YAML files and command-line arguments; later ones override earlier ones.

    `--config FILE`, `key=value`, `--key value` and `--key=value` may be mixed and repeated.
    Raises InputError for an unknown key, a value of the wrong type or an unreadable file.
    """
    parser = Parser(prog, (config.__doc__ or "").strip().splitlines()[0])
    parser.usage = f"{prog} [--config FILE] [key=value ...]"
    parser.add_argument("--config", action="config", help="YAML file with settings; may be given again.")
    parser.add_class_arguments(config)
    parsed = parser.parse_args(_dashed(argv))
    parsed.pop("config")
    parsed.pop("debug")
    see = f"see `{prog} --help`"
    try:
        return config(**parser.instantiate(parsed).as_dict())
    except TypeError as error:  # jsonargparse's own message names its functions, not the user's keys
        raise InputError(f"a group of settings takes keys of its own, not a value; {see}") from error
    except ValueError as error:
        raise InputError(f"the settings do not go together: {error}; {see}") from error


def _dashed(argv: list[str]) -> list[str]:
    """The arguments with each `key=value` as `--key=value`, unless it is the value of the option before it."""
    out: list[str] = []
    for word in argv:
        follows_option = bool(out) and out[-1].startswith("--") and "=" not in out[-1]
        plain = re.match(r"[A-Za-z_][\w.]*=", word) and not follows_option
        out.append("--" + word if plain else word)
    return out


def explain_error(message: str, prog: str, known: list[str]) -> str:
    """jsonargparse's error message in the user's terms: what is wrong and what to do."""
    text = " ".join(message.split())
    see = f"see `{prog} --help`"
    if match := re.match(r"unrecognized arguments: (\S+)", text, re.IGNORECASE):
        word = match[1].split("=")[0]
        kind = "option" if word.startswith("-") else "argument"
        return f"unknown {kind} {word}; {suggest(word, known) or see}"
    if match := re.match(r"(?:Option|Group '(.+?)' does not accept option) '(.+?)'", text):
        key = f"{match[1]}.{match[2]}" if match[1] else match[2]
        return f"unknown config key {key}; {suggest(key, [name.lstrip('-') for name in known]) or see}"
    if match := re.match(r'Parser key "(.+?)": Expected an? (.+?)\. Got value: (.*)', text):
        return f"{_as_option(match[1], known)} must be {_describe_type(match[2])}, not {match[3]!r}; {see}"
    if match := re.match(r'Parser key "(.+?)": Does not validate .*Expected an? (.+?) - .*Given value: (.*)', text):
        return f"{_as_option(match[1], known)} must be {_describe_type(match[2])}, not {match[3]!r}; {see}"
    if match := re.match(r"argument (\S+): expected one argument", text):
        return f"{match[1]} needs a value (one that begins with a dash is written {match[1]}=-...); {see}"
    if match := re.match(r'Parser key "config": (.*)', text):
        return f"the config file cannot be read: {match[1]}; give a YAML file"
    if re.match(r"(Unexpected|Problems parsing) config", text):
        return f"the config file is not a YAML file of settings like `steps: 1000` ({text}); {see}"
    if match := re.match(r"the following arguments are required: (.*)", text):
        names = ", ".join(_as_option(name.strip(), known) for name in match[1].split(","))
        return f"missing: {names}; {see}"
    return f"{text}; {see}"


def suggest(word: str, known: Iterable[str]) -> str:
    """`did you mean ...?` with the most similar name, or an empty string when none is similar."""
    known = list(known)
    inside = [name for name in known if name.endswith("." + word.lstrip("-"))]
    near = inside or difflib.get_close_matches(word, known, n=1, cutoff=0.7)
    return f"did you mean {near[0]}?" if near else ""


def _as_option(key: str, known: list[str]) -> str:
    option = flag(key.lstrip("-"))
    return option if option in known else key


def _describe_type(type_text: str) -> str:
    if "Literal[" in type_text:
        return "one of " + type_text.split("Literal[")[1].split("]")[0].replace("'", "")
    names = [noun for name, noun in TYPE_NAMES.items() if re.search(rf"\b{name}\b", type_text)]
    return names[0] if names else type_text
