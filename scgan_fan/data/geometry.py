"""Whether the sharp and the small faces of a training are cut alike: of one size, in one place, equally bright.

Unpaired training compares distributions alone. Where the faces of one set lie lower in their crops than those of the
other, the degraders learn to move them and the restorer learns to move them back: eyes on foreheads. So the mean faces
of both sets are registered, and what differs is said in numbers and shown.
"""
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass

import cv2
import numpy as np
from scipy.optimize import minimize
from tqdm import tqdm

from scgan_fan.data.augment import middle_crop
from scgan_fan.data.sizes import centre_square
from scgan_fan.faces.paste import resize_square
from scgan_fan.pictures import comparison

# How mean faces are compared; lengths are shares of the side. On real faces of one crop rule, from six sources of sharp
# ones and three of small ones, place and size of the sources agreed better with DETAIL and WINDOW than without.
SIDE = 16  # pixels that faces are reduced to, the size of small ones, so that sharpness makes no difference
DETAIL = 3 / SIDE  # what varies more slowly (backdrop, side light) is taken out; eyes, nose and mouth stay
WINDOW = 1 / 4  # standard deviation of the weight around the middle: caps, hair and backdrop say less
FINE = 64  # pixels that mean faces are enlarged to for the last steps, and for people to look at
SHIFTS = np.arange(-5, 6) / SIDE
SCALES = np.geomspace(0.7, 1 / 0.7, 5)
PARTS = 8  # that a set is divided into, to see how much depends on which faces are in it

# Beyond these two sets count as different. Half a pixel of 16 in place, nearly one in size; in brightness and contrast
# more than real small faces that training works on (11 to 15 grey levels darker than the sharp ones, contrast divided
# by 1.3 to 1.4): as much as single faces differ in brightness (standard deviation 27 to 38), twice as much in contrast.
MOST_SHIFT = 0.03
MOST_SCALING = 0.05
MOST_BRIGHTNESS = 30  # grey levels
MOST_CONTRAST = 1.6  # ratio
LEAST_CORRELATION = 0.75  # of registered mean faces: below, one is not of faces as the other shows them
CERTAIN = 1.645  # standard errors that a difference must be away from none: one-sided 95 %

REMEDY = ('networks learn to move and resize faces that are cut differently; cut both sets by one rule: scgan-fan '
          'prepare')
LOOK = 'look at the picture, and at the crops: turned every way, too few, or not of faces?'


@dataclass(frozen=True)
class MeanFace:
    """The mean of a set of crops.

    ``details``: for each part of the set the sum of its grey faces, each without its slow changes and normalized to
    variance 1. Not symmetrized: mirroring would hide a shift to the side.
    """

    picture: np.ndarray  # the mean as it is, ``uint8`` RGB (64, 64, 3)
    details: np.ndarray  # float32 (PARTS, 16, 16)
    brightness: float  # mean grey level, 0 to 255
    contrast: float  # standard deviation of the grey levels within a crop of 16 pixels (RMS contrast), mean of all
    count: int  # of crops
    side: float  # of the crops, pixels, their median


def mean_face(images: Iterable[np.ndarray]) -> MeanFace:
    """The mean of one or more crops, ``uint8`` RGB of any size; of one that is not square the middle counts."""
    total, details, greys, sides = np.zeros((FINE, FINE, 3)), [], [], []
    for image in images:
        image = centre_square(image).astype(np.float32)
        sides.append(len(image))
        total += resize_square(image, FINE)
        grey = resize_square(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), SIDE)
        detail = grey - cv2.GaussianBlur(grey, (0, 0), DETAIL * SIDE)
        details.append((detail - detail.mean()) / max(detail.std(), 1))  # at least a grey level: a crop may be empty
        greys.append((grey.mean(), grey.std()))
    brightness, contrast = np.mean(greys, axis=0).tolist()
    parts = [part.sum(0) for part in np.array_split(np.array(details, np.float32), PARTS)]
    return MeanFace((total / len(greys)).round().clip(0, 255).astype(np.uint8), np.array(parts), brightness, contrast,
                    len(greys), float(np.median(sides)))


def read_evenly(source, most: int, title: str, room: float = 1) -> Iterator[np.ndarray]:
    """At most so many images of a source (see ``image_source``), evenly over its listing, with a progress bar; of
    images with ``room`` (see ``augment``) the crop in their middle.
    """
    for index in tqdm(evenly(len(source), most), desc=title, unit='face', leave=False):
        image = source.read(index)
        yield image if room == 1 else middle_crop(image, room)


def evenly(count: int, most: int) -> list[int]:
    """At most ``most`` of the numbers 0 to ``count`` - 1, evenly spread."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()


@dataclass(frozen=True)
class Placing:
    """How the faces of a second set lie: what is at ``middle + p`` in the first is at ``middle + scale p + (x, y)``."""

    scale: float  # above 1: they are larger
    x: float  # to the right, share of the side
    y: float  # down, likewise
    correlation: float  # normalized, of the registered mean faces, -1 to 1, weighted towards the middle


def place(first: np.ndarray, second: np.ndarray) -> Placing:
    """Register two mean faces, float32 (16, 16): the similarity without rotation of the largest correlation.

    All shifts and scales of a coarse grid are tried, because far from the best place the correlation does not lead
    there (it may be negative). From the best of them the search of Nelder and Mead goes on at 64 pixels.
    """
    grid = np.stack(np.meshgrid(np.log(SCALES), SHIFTS, SHIFTS), -1).reshape(-1, 3)
    correlation = _Correlation(first, second)
    start = max(grid, key=correlation)
    steps = np.diag([np.log(SCALES[1] / SCALES[0]), 1 / SIDE, 1 / SIDE])
    fine = _Correlation(resize_square(first, FINE), resize_square(second, FINE))
    found = minimize(lambda similarity: -fine(similarity), start, method='Nelder-Mead',
                     options={'initial_simplex': np.vstack([start, start + steps]), 'xatol': 1e-3, 'fatol': 1e-4})
    log_scale, x, y = found.x.tolist()
    return Placing(float(np.exp(log_scale)), x, y, -float(found.fun))


class _Correlation:
    """NCC of one image with another moved back by a similarity (log scale, x, y), over what lies in both crops."""

    def __init__(self, first: np.ndarray, second: np.ndarray):
        # lightly blurred, because interpolation blurs too, and more between the pixels than on them
        self.first, self.second = (cv2.GaussianBlur(image, (0, 0), 0.7 / SIDE * len(image))
                                   for image in (first, second))
        profile = np.exp(-(((np.arange(len(first)) + 0.5) / len(first) - 0.5) / WINDOW) ** 2 / 2)
        self.window = np.outer(profile, profile).astype(np.float32)

    def __call__(self, similarity) -> float:
        moved = move_back(self.second, similarity)
        inside = np.isfinite(moved)
        weight, a, b = self.window[inside], self.first[inside], moved[inside]
        weight = weight / weight.sum()
        a, b = a - weight @ a, b - weight @ b
        return float(weight @ (a * b) / np.sqrt(weight @ (a * a) * (weight @ (b * b)) + 1e-20))


def move_back(image: np.ndarray, similarity) -> np.ndarray:
    """A float32 image (size, size) as a crop in the first set's place would show it; NaN where that is beyond it."""
    (log_scale, *shift), size = similarity, len(image)
    scale, middle = np.exp(log_scale), (len(image) - 1) / 2
    x, y = middle - scale * middle + size * np.array(shift)
    return cv2.warpAffine(image, np.array([[scale, 0, x], [0, scale, y]]), (size, size), borderValue=np.nan,
                          flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


@dataclass(frozen=True)
class Finding:
    """A comparison in numbers, and what to do about it: empty where nothing needs to be done."""

    text: str
    advice: str = ''


class Geometry:
    """How the small faces (LR) of a training lie in their crops and look, compared with the sharp ones (HR).

    Attributes:
        hr, lr: MeanFace of each.
        placing: of LR.
        error: the standard errors of its values, by the jackknife: in turn a part of each set is left out.
    """

    def __init__(self, hr: MeanFace, lr: MeanFace):
        self.hr, self.lr = hr, lr
        sums = hr.details.sum(0), lr.details.sum(0)
        self.unmoved = _Correlation(*sums)((0, 0, 0))
        self.placing = place(*sums)
        without = np.array([astuple(place(sums[0] - a, sums[1] - b)) for a, b in zip(hr.details, lr.details)])
        self.error = Placing(*np.sqrt((PARTS - 1) * without.var(0)).tolist())

    def findings(self) -> list[Finding]:
        """Likeness, place, size, brightness and contrast; lengths in percent of the side, errors behind +-."""
        it, error, hr, lr = self.placing, self.error, self.hr, self.lr
        least, most = sorted((hr.contrast, lr.contrast))
        return [
            *self._sides(),
            self._likeness(),
            self._judge(f'place of LR: {100 * it.x:+.1f} +-{100 * error.x:.1f} % of the side to the right, '
                        f'{100 * it.y:+.1f} +-{100 * error.y:.1f} % down',
                        np.hypot(it.x, it.y), np.hypot(error.x, error.y), MOST_SHIFT),
            self._judge(f'size of LR: {it.scale:.3f} +-{error.scale:.3f} times that of HR',
                        abs(it.scale - 1), error.scale, MOST_SCALING),
            _judge_light(f'brightness: HR {hr.brightness:.0f}, LR {lr.brightness:.0f} of 255',
                         abs(hr.brightness - lr.brightness) > MOST_BRIGHTNESS, str(MOST_BRIGHTNESS)),
            _judge_light(f'contrast: HR {hr.contrast:.0f}, LR {lr.contrast:.0f} (standard deviation)',
                         most > MOST_CONTRAST * least, f'a factor of {MOST_CONTRAST}')]

    def advised(self) -> list[Finding]:
        """Those findings about which something should be done."""
        return [finding for finding in self.findings() if finding.advice]

    def _sides(self) -> list[Finding]:
        """Nothing where they are as they should be."""
        if self.hr.side >= self.lr.side:
            return []
        return [Finding(f'crops of HR: {self.hr.side:.0f} pixels, smaller than those of LR, {self.lr.side:.0f}',
                        'HR are the sharp faces, LR the small ones; exchange the two')]

    def _likeness(self) -> Finding:
        text = (f'mean faces of {self.hr.count} HR and {self.lr.count} LR crops: correlation {self.unmoved:.2f}, '
                f'registered {self.placing.correlation:.2f}')
        if self.placing.correlation < LEAST_CORRELATION:
            return Finding(f'{text}, less than {LEAST_CORRELATION}: cannot tell whether they lie alike', LOOK)
        return Finding(text)

    def _judge(self, text: str, difference: float, error: float, limit: float) -> Finding:
        if self.placing.correlation < LEAST_CORRELATION:
            return Finding(text)  # means nothing, as is said already
        if difference > max(limit, CERTAIN * error):
            return Finding(f'{text}; differs by more than {limit:.0%}', REMEDY)
        if max(difference, error) > limit:
            return Finding(f'{text}; cannot tell whether it differs by more than {limit:.0%}', LOOK)
        return Finding(text)

    def picture(self) -> np.ndarray:
        """Both mean faces, and their greys laid over each other as they lie and registered: ``uint8`` RGB."""
        similarity = np.log(self.placing.scale), self.placing.x, self.placing.y
        greys = (cv2.cvtColor(face.picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for face in (self.hr, self.lr))
        hr, lr = (cv2.normalize(grey, None, 0, 255, cv2.NORM_MINMAX) for grey in greys)
        registered = np.nan_to_num(move_back(lr, similarity))
        return comparison([{'mean HR': self.hr.picture, 'mean LR': self.lr.picture,
                            'HR red, LR cyan': _lay_over(hr, lr), 'registered': _lay_over(hr, registered)}])


def _judge_light(text: str, differs: bool, limit: str) -> Finding:
    if not differs:
        return Finding(text)
    return Finding(f'{text}; differs by more than {limit}', 'networks learn to change it; were the photographs of one '
                   'set converted differently, or taken in another light?')


def _lay_over(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.dstack([first, second, second]).round().astype(np.uint8)
