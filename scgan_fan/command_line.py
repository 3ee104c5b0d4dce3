"""The command line of training and testing: BasicSR's flags, and what they name checked before anything is built."""
import argparse
import os

from scgan_fan.errors import InputError
from scgan_fan.options import force, read_options

STARTED_BY = {'pytorch': ('RANK', 'torchrun'), 'slurm': ('SLURM_PROCID', 'srun')}  # launcher -> what it sets


def parser(trains: bool) -> argparse.ArgumentParser:
    """BasicSR's flags and, for training, ``--check``."""
    found = argparse.ArgumentParser(
        description=f'{"Train" if trains else "Test"} by an option file.',
        epilog=f'example: scgan-fan {"train -opt options/train_scgan_fan.yml" if trains else "test -opt FILE"}')
    found.add_argument('-opt', required=True, metavar='FILE', help='the option file')
    if trains:
        found.add_argument('--check', action='store_true', help='only check the options, and print them, defaults too')
    found.add_argument('--force_yml', nargs='+', default=[], metavar='BLOCK:KEY=VALUE',
                       help='change options: train:optim_g:lr=1e-4')
    found.add_argument('--auto_resume', action='store_true', help='continue from the newest checkpoint')
    found.add_argument('--launcher', choices=['none', 'pytorch', 'slurm'], default='none', help='of several processes')
    found.add_argument('--local_rank', type=int, default=0, help=argparse.SUPPRESS)  # of old launchers
    found.add_argument('--debug', action='store_true', help='BasicSR\'s: validate and save each 8 iterations')
    return found


def check_command_line(trains: bool) -> dict:
    """What ``sys.argv`` asks for; returns the options with all defaults.

    Raises:
        InputError: an option is wrong, or the launcher has not started this process.
    """
    arguments = parser(trains).parse_args()
    from scgan_fan import plugin  # noqa: F401  (registers everything; takes seconds, which --help need not)
    from scgan_fan.models.schema import check_options
    variable, starter = STARTED_BY.get(arguments.launcher, (None, None))
    if variable and variable not in os.environ:
        raise InputError(f'--launcher {arguments.launcher}: {variable} is not set, as it is by {starter}; start with '
                         'that, or leave --launcher out')
    options = read_options(arguments.opt)
    for entry in arguments.force_yml:
        force(options, entry)
    try:
        checked = check_options(options, trains)
    except InputError as error:
        raise InputError(f'{arguments.opt}: {error}') from error
    if checked.get('num_gpu') == 0:
        from scgan_fan.device import use_device
        use_device('cpu')  # before processes are started, which are other ones on GPUs
    return checked
