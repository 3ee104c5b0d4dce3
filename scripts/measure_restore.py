"""What restore does to faces of each size, tilt and fault, against bicubic enlargement and against a former restore.

Portraits (one sharp face of about 100 pixels or more in each) are pasted into scenes of scikit-image, twenty in a
photograph, and the photograph is blurred, made noisy or compressed. The region of each face's true crop, levelled and
enlarged to 128 pixels, is compared with the portrait's: LPIPS, PSNR, and the cosine of dlib's embeddings. A face that
is not found counts as it came out. Intervals: 95 %, bootstrap over the faces, of the difference to bicubic enlargement.

    pip install '.[measure]'
    python scripts/measure_restore.py PORTRAITS --lpips lpips_alex_full.pth --save now.json -o table.md
    python scripts/measure_restore.py PORTRAITS --lpips lpips_alex_full.pth --former former.json ...   # a third column
    python scripts/measure_restore.py PORTRAITS --lpips lpips_alex_full.pth --largest   # of changed networks

``former.json`` is what ``--save`` of this script wrote with the former package on the PYTHONPATH. ``--largest``
measures up to which side of the crop each shipped restorer (or ``--weights`` alone) is better than bicubic enlargement
by LPIPS, and writes it beside the weights: scgan_fan/weights/largest.json.
"""
import argparse
import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from tqdm import tqdm

from scgan_fan.benchmark.statistics import Estimate, bootstrap
from scgan_fan.faces.alignment import find_landmarks
from scgan_fan.faces.crop import crop_box
from scgan_fan.faces.detection import find_faces
from scgan_fan.images import read_image
from scgan_fan.inference import restore_photo
from scgan_fan.metrics.perceptual import calculate_lpips
from scgan_fan.metrics.recognition import calculate_identity
from scgan_fan.network_loader import Restorer, face_size, load_restorer
from scgan_fan.shipped import DEFAULT_RESTORERS, FOLDER, RESTORERS

SIZES = (12, 16, 20, 24, 32, 48, 64)  # side of the crop, pixels
TILTS = (0, 15, 30, 45, 90)  # degrees
FAULTS = ('blur', 'noise 10', 'noise 25', 'JPEG 15')  # of upright faces
SCENES = ('rocket', 'coffee', 'stereo_motorcycle')
SLOT, COLUMNS, ROWS = 128, 5, 4  # of a photograph; twice the side of larger faces
REGION = 128  # pixels
SCALE = 4
MEASURES = ('LPIPS', 'PSNR', 'identity')


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('portraits', type=Path, help='folder of portraits; at most --faces are used')
    parser.add_argument('--lpips', help='weights of LPIPS with AlexNet. Default: downloaded')
    parser.add_argument('--weights', help=f'of the restorer. Default: {" ".join(DEFAULT_RESTORERS)}')
    parser.add_argument('--largest', action='store_true', help='measure how large faces may be, and write that down')
    parser.add_argument('--faces', type=int, default=20, help='in each cell. Default: 20')
    parser.add_argument('--sizes', type=int, nargs='+', default=SIZES)
    parser.add_argument('--save', type=Path, help='JSON file of the figures of each face')
    parser.add_argument('--former', type=Path, help='such a file')
    parser.add_argument('-o', '--output', type=Path, help='Markdown file. Default: printed')
    arguments = parser.parse_args()
    faces = load_portraits(arguments.portraits, arguments.faces)
    if arguments.largest:
        write_largest(faces, [arguments.weights] if arguments.weights else list(RESTORERS), arguments.lpips)
        return
    restorer = load_restorer(arguments.weights or DEFAULT_RESTORERS)
    conditions = [('', tilt) for tilt in TILTS] + [(fault, 0) for fault in FAULTS]
    cells = {}
    for size, (fault, tilt) in tqdm(list(itertools.product(arguments.sizes, conditions)), unit='cell'):
        rows = measure_cell(faces, size, tilt, fault, restorer, arguments.lpips)
        cells[f'{size} px, {fault or f"{tilt} degrees"}'] = rows
    if arguments.save:
        arguments.save.write_text(json.dumps(cells), encoding='utf-8')
    former = json.loads(arguments.former.read_text(encoding='utf-8')) if arguments.former else {}
    text = '\n'.join(table(cells, former)) + '\n'
    print(text) if arguments.output is None else arguments.output.write_text(text, encoding='utf-8')


def write_largest(faces, names: list[str], lpips: str | None) -> None:
    """Measure the largest side of each network, print it and write it down."""
    path = FOLDER / 'largest.json'
    largest = json.loads(path.read_text(encoding='utf-8'))
    restorers = {name: load_restorer(name) for name in names}
    gains = {name: [] for name in names}  # of each side: LPIPS of bicubic enlargement less that of the restored
    sides = {name: looked_at(restorer) for name, restorer in restorers.items()}
    for side in tqdm(sorted(set().union(*sides.values())), unit='size'):
        photo, regions = paste(faces, side, 0, SCENES[0])
        found = find_faces(photo)
        truths = [true_face(portrait, square) for portrait, square in faces]
        enlarged = cv2.resize(photo, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
        plain = mean_lpips(enlarged, regions, truths, lpips)
        for name in (name for name in names if side in sides[name]):
            result = restore_photo(photo, restorers[name], SCALE, faces=found, force=True)
            gains[name].append(plain - mean_lpips(result.image, regions, truths, lpips))
    for name, gain in gains.items():
        largest[name] = last_gain(sides[name], gain)
        gained = ', '.join(f'{side}: {value:+.3f}' for side, value in zip(sides[name], gain))
        print(f'{name}: {largest[name]} pixels; {gained}')
    path.write_text(json.dumps(largest, indent=1) + '\n', encoding='utf-8')


def looked_at(restorer: Restorer) -> list[int]:
    """The sides at which the largest is looked for, pixels: from the network's faces to the restored ones."""
    size = face_size(restorer)
    return list(range(size, restorer.scale * size + 1, size // 2))


def mean_lpips(image: np.ndarray, regions, truths, lpips: str | None) -> float:
    """Of the faces in a photograph that is enlarged by ``SCALE``."""
    return float(np.mean([calculate_lpips(cut(image, region, SCALE)[..., ::-1], truth[..., ::-1], weights=lpips)
                          for region, truth in zip(regions, truths)]))


def last_gain(sides: list[int], gains: list[float]) -> int:
    """Where the gain first falls to nothing, linear between the measured sides; the last side where it does not."""
    for (side, gain), (next_side, next_gain) in itertools.pairwise(zip(sides, gains)):
        if gain > 0 >= next_gain:
            return int(side + (next_side - side) * gain / (gain - next_gain))
    return sides[-1] if gains[0] > 0 else 0


def true_face(portrait: np.ndarray, square: tuple[float, float, float]) -> np.ndarray:
    """The region that the restored one is compared with."""
    x, y, side = square
    return cut(portrait, similarity((x + side / 2, y + side / 2), side, 0, (REGION / 2, REGION / 2), REGION))


def load_portraits(folder: Path, most: int) -> list[tuple[np.ndarray, tuple[float, float, float]]]:
    """Portraits, ``uint8`` RGB, and the crop of the face in each: x, y and side."""
    portraits = [read_image(path, convert=True) for path in sorted(folder.iterdir())[:most]]
    found = [(portrait, find_faces(portrait, min_face=60)[:1]) for portrait in portraits]
    return [(portrait, crop_box(find_landmarks(portrait, [faces[0].crop()])[0][0]))
            for portrait, faces in found if faces]


def measure_cell(faces, size: int, tilt: float, fault: str, restorer, lpips: str | None) -> dict[str, list]:
    """The figures of each face: ``found``, and of each measure those of ``bicubic`` and ``restored``."""
    rows = {'found': [], 'bicubic': [], 'restored': []}
    for number, start in enumerate(range(0, len(faces), COLUMNS * ROWS)):
        part = faces[start:start + COLUMNS * ROWS]
        photo, regions = paste(part, size, tilt, SCENES[number % len(SCENES)])
        photo = spoil(photo, fault)
        result = restore_photo(photo, restorer, SCALE)
        enlarged = cv2.resize(photo, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
        for (portrait, square), region in zip(part, regions):
            truth = true_face(portrait, square)
            rows['found'].append(any(is_there(face.face.box, region, size) for face in result.faces))
            for arm, image in (('bicubic', enlarged), ('restored', result.image)):
                rows[arm].append(compare(cut(image, region, SCALE), truth, lpips))
    return rows


def similarity(middle, side: float, angle: float, new_middle, new_side: float) -> np.ndarray:
    """The map (2, 3) that takes a square around one middle to a square around another, turned by ``angle`` degrees."""
    turn = cv2.getRotationMatrix2D((0, 0), angle, new_side / side)
    turn[:, 2] = np.array(new_middle) - turn[:, :2] @ middle
    return turn


def paste(faces, size: int, tilt: float, scene: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """A photograph of ``faces`` whose crops have a side of ``size`` pixels, and the map of each crop to its region."""
    scene = getattr(skimage.data, scene)()
    scene = scene[0] if isinstance(scene, tuple) else scene
    pitch = max(SLOT, 2 * size)
    photo = cv2.resize(scene, (COLUMNS * pitch, ROWS * pitch), interpolation=cv2.INTER_AREA)
    regions = []
    for slot, (portrait, (x, y, side)) in enumerate(faces):
        middle = (slot % COLUMNS + 0.5) * pitch + slot % 3 / 3, (slot // COLUMNS + 0.5) * pitch + slot % 2 / 2
        there = similarity((x + side / 2, y + side / 2), side, tilt, middle, size)
        sharp = cv2.GaussianBlur(portrait, None, max(0.3, 0.3 * side / size))  # or reducing would alias
        height, width = portrait.shape[:2]
        mask = np.zeros((height, width), np.float32)
        radii = int(0.85 * side), int(0.95 * side)
        cv2.ellipse(mask, (int(x + side / 2), int(y + side / 2)), radii, 0, 0, 360, 1, -1)
        mask = cv2.GaussianBlur(mask, None, side / 20)
        strength = warp(mask, there, photo.shape[1::-1], cv2.BORDER_CONSTANT)[..., None]
        pasted = warp(sharp, there, photo.shape[1::-1], cv2.BORDER_REPLICATE)
        photo = np.rint(photo + strength * (pasted.astype(np.float32) - photo)).astype(np.uint8)
        regions.append(similarity(middle, size, -tilt, (REGION / 2, REGION / 2), REGION))
    return photo, regions


def warp(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], border: int) -> np.ndarray:
    """``cv2.warpAffine`` where pixel i covers i to i + 1."""
    matrix = matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border)


def cut(image: np.ndarray, region: np.ndarray, scale: int = 1) -> np.ndarray:
    """A region of a photograph that is enlarged by ``scale``."""
    region = np.hstack([region[:, :2] / scale, region[:, 2:]])
    return warp(image, region, (REGION, REGION), cv2.BORDER_REPLICATE)


def spoil(photo: np.ndarray, fault: str) -> np.ndarray:
    """The photograph with one of ``FAULTS``; '' leaves it as it is."""
    kind, _, amount = fault.partition(' ')
    if kind == 'blur':
        return cv2.GaussianBlur(photo, None, 1.0)
    if kind == 'noise':
        noise = np.random.default_rng(0).normal(0, float(amount), photo.shape)
        return (photo + noise).round().clip(0, 255).astype(np.uint8)
    if kind == 'JPEG':
        return cv2.imdecode(cv2.imencode('.jpg', photo, (cv2.IMWRITE_JPEG_QUALITY, int(amount)))[1], cv2.IMREAD_COLOR)
    return photo


def is_there(box: tuple[float, float, float, float], region: np.ndarray, size: int) -> bool:
    """Whether a detector's box is that of the face of the region: middles within half of its side, sizes within two."""
    middle = region[:, :2] @ ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) + region[:, 2]
    return np.abs(middle - REGION / 2).max() < REGION / 2 and 0.5 < max(box[2] - box[0], box[3] - box[1]) / size < 2


def compare(region: np.ndarray, truth: np.ndarray, lpips: str | None) -> list[float]:
    """``MEASURES``."""
    pair = region[..., ::-1], truth[..., ::-1]
    error = np.square(region.astype(float) - truth).mean()
    figures = calculate_lpips(*pair, weights=lpips), 10 * np.log10(255**2 / max(error, 1e-3)), calculate_identity(*pair)
    return [float(figure) for figure in figures]


def table(cells: dict, former: dict):
    """Lines of Markdown: a row for each cell."""
    arms = ['bicubic', *(['former'] if former else []), 'restored']
    yield '| faces | found | ' + ' | '.join(f'{measure}: {" / ".join(arms)}' for measure in MEASURES) + ' |'
    yield '|---' * (2 + len(MEASURES)) + '|'
    for name, rows in cells.items():
        parts = {**rows, 'former': former[name]['restored']} if name in former else rows
        found = [100 * np.mean(part['found']) for part in ([former[name]] if name in former else []) + [rows]]
        yield f'| {name} | {" / ".join(f"{value:.0f} %" for value in found)} | ' + ' | '.join(
            _figures([np.array(parts[arm])[:, column] for arm in arms if arm in parts], 1 if measure == 'PSNR' else 3)
            for column, measure in enumerate(MEASURES)) + ' |'


def _figures(arms: list[np.ndarray], places: int) -> str:
    """The means, and the interval of the last one's difference to the first."""
    difference = arms[-1] - arms[0]
    low, high = Estimate(difference.mean(), bootstrap(difference, np.mean, 1000, 0)).interval
    return f'{" / ".join(f"{arm.mean():.{places}f}" for arm in arms)} [{low:+.{places}f}, {high:+.{places}f}]'


if __name__ == '__main__':
    main()
