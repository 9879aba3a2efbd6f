"""The command ``fastgmm``: fit mixtures to a file, score rows, draw samples, describe a model.

Results go to standard output, all else to standard error. The exit code is 0 when all went well,
1 when the data, the model or the fit is at fault (one sentence says how), 2 for a wrong command
line, 3 for a doubtful fit with ``--strict``, 130 after Ctrl-C and 143 after SIGTERM.
"""

import argparse
from collections.abc import Sequence

from fastgmm import __version__
from fastgmm.cli.inputs import STANDARD_INPUT, name_of
from fastgmm.cli.options import add_commands
from fastgmm.cli.parser import Parser
from fastgmm.cli.places import OUTPUTS
from fastgmm.cli.shared_options import NOTHING
from fastgmm.cli.signals import Terminated, terminable
from fastgmm.cli.terminal import (
    abandon_full_output,
    abandon_output,
    say,
    sentence,
    warnings_in_one_line,
)
from fastgmm.cli.usage import UsageError
from fastgmm.errors import CollapseWarning, ConvergenceWarning, InvalidParameterError

DOUBTFUL = 3
"""The exit code of a fit in doubt, with ``--strict``."""


ROW_COMMANDS = ("score", "impute", "sample")
"""These write a line per row, to standard output if nothing else is said."""
FILES = {name: option for name, option in OUTPUTS.items() if name != "table"}
"""What is written to these is for no terminal and no pipe."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``fastgmm``; those of this process by default.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    SystemExit
        With code 2 for a wrong command line, and with 0 after ``--help`` and ``--version``.
    """
    arguments = _read_words(argv)
    try:
        with terminable(), warnings_in_one_line() as caught:
            sound = arguments.run(arguments)
    except BrokenPipeError:  # Whoever read the output has seen enough.
        abandon_output()
        return 0
    except Terminated:
        say("terminated.")
        return 143
    except KeyboardInterrupt:
        say("interrupted.")
        return 130
    except MemoryError:
        name = f"{name_of(arguments)}: " if hasattr(arguments, "data") else ""
        say(f"error: {name}there is not enough memory for these rows.")
        return 1
    except (UsageError, InvalidParameterError) as error:
        say(f"error: {sentence(error)}")
        abandon_full_output()
        return 2
    except (ValueError, OSError, ImportError) as error:
        say(f"error: {sentence(error)}")
        abandon_full_output()
        return 1
    if sound is None:  # Then the warnings say it.
        kinds = (CollapseWarning, ConvergenceWarning)
        sound = not any(issubclass(one.category, kinds) for one in caught)
    return DOUBTFUL if getattr(arguments, "strict", False) and not sound else 0


def _read_words(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; files may stand behind options, which argparse does not expect."""
    parser, commands = make_parser()
    arguments, left = parser.parse_known_args(argv)
    known = hasattr(arguments, "data") and all(word == "-" or word[0] != "-" for word in left)
    if left and not known:
        unknown = [word for word in left if word[:1] == "-" and word != "-"] or left
        commands[arguments.command].refuse(unknown[0])
    if arguments.command in ROW_COMMANDS and arguments.output == STANDARD_INPUT:
        arguments.output = None
    for name, option in FILES.items():
        if getattr(arguments, name, None) == STANDARD_INPUT:
            commands[arguments.command].error(
                f"{option} wants the name of a file, and - stands for standard output"
            )
    if left:
        arguments.data = left if arguments.data is NOTHING else [*arguments.data, *left]
    return arguments


def make_parser() -> tuple[Parser, dict[str, Parser]]:
    """Make the parser of the whole command line, and those of the commands by their names.

    The arguments that the first gives hold ``run``.
    """
    parser = Parser(
        prog="fastgmm",
        description="Fit and use Gaussian mixture models.",
        epilog="'fastgmm COMMAND --help' explains a command, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"fastgmm {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    add_commands(commands)
    return parser, commands.choices
