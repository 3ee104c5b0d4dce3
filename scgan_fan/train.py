"""``python -m scgan_fan.train -opt FILE``: BasicSR's own training, from any folder, with the flags of its train.py.

The options are checked before anything else; ``--check`` does only that, and prints them with all defaults.
Experiments and logs land in the working directory, not beside the installed BasicSR. Exit status: 0 when training is
done, 1 after an error, 143 or 130 when SIGTERM or SIGINT has stopped it and ``--auto_resume`` continues it.
"""
import os
import sys

from scgan_fan.command_line import check_command_line, parser
from scgan_fan.options import text_of


def main() -> int:
    """Run BasicSR's training pipeline in the working directory, or only check; returns the exit status."""
    checks = parser(trains=True).parse_args().check
    import basicsr.train

    from scgan_fan import compat, plugin  # noqa: F401  (registers everything)
    compat.mend_train_script(basicsr.train)
    if checks:
        print(text_of(check_command_line(trains=True)), end='')
    else:
        basicsr.train.train_pipeline(os.getcwd())
    return 0


if __name__ == '__main__':
    sys.exit(main())
