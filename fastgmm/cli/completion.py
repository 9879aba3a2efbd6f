"""Completion of the command in shells: scripts that are made of the parser itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from fastgmm.cli.parser import Parser
from fastgmm.cli.terminal import open_results

SHELLS = ("bash", "zsh", "fish")
"""There is a script for each of these."""


class Option(NamedTuple):
    """An option as a shell needs it.

    Parameters
    ----------
    words : list of str
        As ``-k`` and ``--components``.
    takes_value : bool
    choices : list of str
        The values that it may have; none where it may have any.
    is_path : bool
        Whether the value is the name of a file.
    text : str
        The first sentence of its help.
    """

    words: list[str]
    takes_value: bool
    choices: list[str]
    is_path: bool
    text: str


PATHS = {"--output", "--plot", "--table", "--checkpoint"}
"""The values of these are names of files."""


def print_script(commands: Mapping[str, Parser], arguments: argparse.Namespace) -> None:
    """Print the script of the shell that was asked for."""
    with open_results(None) as stream:
        stream.write(script(arguments.shell, commands))


def _options_of(parser: Parser) -> list[Option]:
    found = []
    for action in parser.options:
        words = list(action.option_strings)
        choices = [] if action.choices is None else [str(one) for one in action.choices]
        text = (action.help or "").split(" (")[0].split(";")[0]
        is_path = bool(PATHS & set(words))
        found.append(Option(words, action.nargs != 0, choices, is_path, text))
    return found


def script(shell: str, commands: Mapping[str, Parser]) -> str:
    """The script that a shell reads to complete the command.

    Parameters
    ----------
    shell : {"bash", "zsh", "fish"}
    commands : mapping of str to Parser
        The parsers of the commands.

    Returns
    -------
    str
    """
    options = {name: _options_of(parser) for name, parser in commands.items()}
    free = {name: parser.words for name, parser in commands.items() if parser.words}
    if shell == "fish":
        texts = {name: (parser.description or "") for name, parser in commands.items()}
        return "\n".join(_fish(options, texts, free)) + "\n"
    begin = "autoload -U +X bashcompinit && bashcompinit\n" if shell == "zsh" else ""
    return begin + "\n".join(_bash(options, free)) + "\n"


def _bash(options: Mapping[str, list[Option]], free: Mapping[str, list[str]]) -> Iterator[str]:
    """A function for bash, which zsh runs as well."""
    yield "_fastgmm() {"
    yield '  local now="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"'
    yield '  local command="${COMP_WORDS[1]}" words=""'
    yield "  COMPREPLY=()"
    yield '  if [ "$COMP_CWORD" -eq 1 ]; then'
    yield f'    words="{" ".join([*options, "--help", "--version"])}"'
    yield '    COMPREPLY=($(compgen -W "$words" -- "$now"))'
    yield "    return"
    yield "  fi"
    yield '  case "$command:$before" in'
    for name, known in options.items():
        for option in known:
            if not option.takes_value:
                continue
            patterns = "|".join(f"{name}:{word}" for word in option.words)
            if option.choices:
                reply = _reply(option.choices)
            elif option.is_path:
                reply = 'COMPREPLY=($(compgen -f -- "$now"))'
            else:
                reply = ":"
            yield f"    {patterns}) {reply}; return ;;"
    yield "  esac"
    yield '  case "$command" in'
    for name, known in options.items():
        words = " ".join(word for option in known for word in option.words)
        yield f'    {name}) words="{words}" ;;'
    yield "  esac"
    for name, values in free.items():
        reply = _reply(values)
        yield f'  case "$command:$now" in {name}:[!-]*|{name}:) {reply}; return ;; esac'
    yield '  case "$now" in'
    yield '    -*) COMPREPLY=($(compgen -W "$words" -- "$now")) ;;'
    yield '    *) COMPREPLY=($(compgen -f -- "$now")) ;;'
    yield "  esac"
    yield "}"
    yield "complete -o filenames -o bashdefault -F _fastgmm fastgmm"


def _reply(words: list[str]) -> str:
    return f'COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$now"))'


def _fish(
    options: Mapping[str, list[Option]],
    texts: Mapping[str, str],
    free: Mapping[str, list[str]],
) -> Iterator[str]:
    names = " ".join(options)
    for name in options:
        text = _quoted(texts[name].split(".")[0].replace("\n", " "))
        first = f"-f -n 'not __fish_seen_subcommand_from {names}'"
        yield f"complete -c fastgmm {first} -a {name} -d {text}"
    for name, known in options.items():
        for option in known:
            line = f"complete -c fastgmm -n '__fish_seen_subcommand_from {name}'"
            for word in option.words:
                line += f" -l {word[2:]}" if word.startswith("--") else f" -s {word[1:]}"
            if option.choices:
                line += f" -x -a {_quoted(' '.join(option.choices))}"
            elif option.is_path:
                line += " -r"
            elif option.takes_value:
                line += " -x"
            yield f"{line} -d {_quoted(option.text)}"
    for name, values in free.items():
        where = f"-n '__fish_seen_subcommand_from {name}'"
        yield f"complete -c fastgmm -f {where} -a {_quoted(' '.join(values))}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
