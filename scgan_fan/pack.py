"""What a training leaves, in few small files: for machines that give little back."""
import glob
import io
import json
import platform
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

import torch

from scgan_fan.checkpoint import read_checkpoint, save_atomically
from scgan_fan.convert import convert, halved
from scgan_fan.errors import InputError
from scgan_fan.files import written_whole

PIECE = 15 * 2**20  # bytes
PACKAGES = ('torch', 'basicsr', 'numpy')


def pack(run: Path, target: Path, piece: int = PIECE) -> list[Path]:
    """Archive the main network (the average, in half precision), options, logs, pictures and versions of a run.

    Args:
        run: its folder, ``experiments/NAME``.
        target: folder of the pieces ``NAME.zip.00``, ``.01`` ...; ``cat NAME.zip.* > NAME.zip`` joins them. Those of
            an earlier archive are removed.
        piece: their size in bytes.

    Raises:
        InputError: the run has no ``net_g_latest.pth``, or it or the pieces cannot be read or written.
    """
    run = run.resolve()  # a name for '.', too
    weights = run / 'models' / 'net_g_latest.pth'
    if not weights.is_file():
        raise InputError(f'{weights}: is not there; a run is packed when it has trained a network_g to its end')
    archive = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(archive, 'w', zipfile.ZIP_DEFLATED) as file:
        network = _shrink(weights, Path(folder), run.name)
        file.write(network, network.name)
        for path in sorted([*run.glob('*.yml'), *run.glob('*.log'), *run.glob('visualization/**/*.png')]):
            file.write(path, path.relative_to(run))
        file.writestr('versions.json', json.dumps(versions(), indent=1))
    content = archive.getvalue()
    _remove_pieces(target, run.name)
    pieces: list[Path] = []
    for start in range(0, len(content), piece):
        pieces.append(target / f'{run.name}.zip.{len(pieces):02d}')
        with written_whole(pieces[-1]) as file:
            file.write(content[start:start + piece])
    return pieces


def _shrink(weights: Path, folder: Path, name: str) -> Path:
    """The average in half precision: a face alignment network as option files take it, all others as ``restore`` does.
    """
    content = read_checkpoint(weights)
    if content.get('network', {}).get('type') != 'FAN':
        convert(weights, path := folder / f'{name}.safetensors', half=True)
        return path
    tensors = halved(content.get('params_ema', content['params']), weights)
    save_atomically({'params': tensors, 'network': content['network']}, path := folder / f'{name}.pth')
    return path


def _remove_pieces(target: Path, name: str) -> None:
    """Those of a larger archive would be joined to the new ones."""
    for piece in target.glob(f'{glob.escape(name)}.zip.[0-9]*'):
        try:
            piece.unlink()
        except OSError as error:
            raise InputError(f'{piece}: this earlier piece cannot be removed ({error.strerror}); name another folder'
                             ) from error


def versions() -> dict:
    """What computed: packages, Python, system, and the processor or GPU."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {'python': platform.python_version(), 'system': platform.platform(), 'gpu': gpu,
            'processor': torch.backends.cpu.get_cpu_capability(), **{name: metadata.version(name) for name in PACKAGES}}
