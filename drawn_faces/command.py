"""Draw faces with exact landmarks: sets to try the training on, without a photograph of anyone.

    scgan-fan draw OUT --hr 2000 --lr 1000 --val 16
"""
import argparse
from pathlib import Path

import cv2
import numpy as np

from drawn_faces import draw_dataset
from scgan_fan.commands.line import ends_in_one_line
from scgan_fan.images import read_image, write_image

COLUMNS = 10
TILE = 128


def row(images: list[np.ndarray]) -> np.ndarray:
    """Tiles side by side, in black up to the width of the sheet."""
    tiles = [cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_CUBIC) for image in images[:COLUMNS]]
    tiles += [np.zeros((TILE, TILE, 3), np.uint8)] * (COLUMNS - len(tiles))
    return np.hstack(tiles)


def dotted(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The image at the size of a tile with its landmarks as dots."""
    tile = cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    for point in landmarks * (TILE / image.shape[0]):
        cv2.circle(tile, [int(c) for c in point], 1, (0, 255, 0), -1)
    return tile


def contact_sheet(folder: Path) -> np.ndarray:
    """Rows: HR faces, the same with landmarks, LR faces, validation HR, validation LR."""
    sets = {name: [read_image(path) for path in sorted((folder / name).glob('*.png'))[:COLUMNS]]
            for name in ('hr', 'lr', 'val_hr', 'val_lr')}
    with np.load(folder / 'hr_landmarks.npz') as known:
        with_dots = [dotted(*pair) for pair in zip(sets['hr'], known['landmarks'])]
    return np.vstack([row(images) for images in (sets['hr'], with_dots, sets['lr'], sets['val_hr'], sets['val_lr'])])


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path, help='folder to write')
    parser.add_argument('--hr', type=int, default=2000, help='high-resolution training faces (default: %(default)s)')
    parser.add_argument('--lr', type=int, default=1000, help='low-resolution training faces (default: %(default)s)')
    parser.add_argument('--val', type=int, default=16, help='validation pairs (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='another seed draws other faces (default: %(default)s)')
    parser.add_argument('--size', type=int, default=64, help='side of the HR images in pixels (default: %(default)s)')
    parser.add_argument('--scale', type=int, default=4, help='HR side / LR side (default: %(default)s)')
    parser.add_argument('--workers', type=int, help='processes (default: one per core)')
    return parser.parse_args()


@ends_in_one_line(stopped='the same command begins again')
def main() -> int:
    """Draw what the command line says, and a sheet to look at; returns the exit status."""
    args = parse_arguments()
    draw_dataset(args.out, args.hr, args.lr, args.val, args.seed, args.size, args.scale, args.workers)
    sheet = args.out / 'contact_sheet.png'
    write_image(sheet, contact_sheet(args.out))
    print(sheet)
    return 0
