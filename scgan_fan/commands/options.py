"""Copy the option files that come with the package to a folder, to read, to run and to base your own on.

    scgan-fan options
    scgan-fan train -opt options/train_scgan_fan_cpu.yml
"""
import shutil
from pathlib import Path

from scgan_fan.commands.line import ends_in_one_line, parser_of
from scgan_fan.errors import InputError

PACKAGE = Path(__file__).parent.parent
FOLDERS = (PACKAGE / 'option_files', PACKAGE.parent / 'options')  # where they are installed, and in a source tree


def copy_options(target: Path) -> list[Path]:
    """Copy all option files, with their folders: they name what they are based on relative to themselves.

    Returns the files written. Raises InputError where one of them is there already, or the folder cannot be written.
    """
    source = next(folder for folder in FOLDERS if folder.is_dir())
    files = {path: target / path.relative_to(source) for path in sorted(source.rglob('*.yml'))}
    if there := next((path for path in files.values() if path.exists()), None):
        raise InputError(f'{there}: is there already; name another folder, nothing is overwritten')
    try:
        for path, copy in files.items():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    except OSError as error:
        raise InputError(f'{target}: cannot be written ({error.strerror}); name another folder') from error
    return list(files.values())


@ends_in_one_line()
def main() -> None:
    """Copy them."""
    parser = parser_of(__doc__)
    parser.add_argument('folder', nargs='?', type=Path, default=Path('options'), help='default: %(default)s')
    folder = parser.parse_args().folder
    print(f'{folder}: {len(copy_options(folder))} option files')
