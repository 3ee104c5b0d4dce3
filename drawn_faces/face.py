"""One face, painted where the control points of a head in three dimensions fall (``head``)."""
import functools
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import CubicSpline

from drawn_faces.head import AXIS_Z, RADIUS, Face, head
from scgan_fan.faces.mean_face import mirrored

_SKIN = np.array([(72, 45, 34), (104, 68, 50), (141, 96, 70), (183, 131, 100), (211, 160, 130), (233, 190, 165),
                  (246, 212, 194)], np.float32)
_HAIR = np.array([(22, 19, 18), (36, 27, 23), (62, 43, 31), (98, 66, 42), (146, 104, 63), (196, 160, 106),
                  (128, 58, 32), (150, 148, 146), (214, 211, 206)], np.float32)
_IRIS = np.array([(52, 32, 20), (84, 53, 30), (118, 88, 48), (96, 112, 72), (92, 124, 150), (120, 140, 152)],
                 np.float32)


@dataclass
class _Look:
    skin: np.ndarray  # colours: RGB, 0 to 255
    hair: np.ndarray
    iris: np.ndarray
    lips: np.ndarray
    hair_style: str
    beard: tuple[float, float]  # density on cheeks and chin, and under the nose, 0 to 1
    age: float  # 0 to 1: depth of the folds

    @classmethod
    def sample(cls, rng: np.random.Generator) -> '_Look':
        tone = rng.beta(1.3, 0.9) * (len(_SKIN) - 1)
        skin = np.array([np.interp(tone, range(len(_SKIN)), channel) for channel in _SKIN.T], np.float32)
        skin *= rng.normal(1, (0.02, 0.025, 0.04))
        dark = tone < 3
        hair = _HAIR[rng.integers(3 if dark and rng.random() < 0.85 else len(_HAIR))]
        iris = _IRIS[rng.integers(2 if dark else len(_IRIS))]
        bearded = rng.random() < 0.35
        beard = rng.uniform(0.2, 0.95) * np.array([(0.6, 0.6), (0, 1), (1, 1)])[rng.integers(3)] * bearded
        style = rng.choice(['short', 'bald', 'receding'] if bearded else ['short', 'long', 'long', 'bangs', 'receding'])
        painted = 0 if bearded or rng.random() < 0.6 else rng.uniform(0.3, 1)
        lips = skin * rng.normal((0.86, 0.68, 0.68), 0.04) * (1 - painted)
        lips += painted * rng.uniform((130, 40, 50), (185, 85, 90)) * (skin[0] / 250)
        return cls(skin, hair * rng.uniform(0.85, 1.15), iris * rng.uniform(0.8, 1.2), lips, str(style), tuple(beard),
                   rng.beta(1.2, 2))


@dataclass
class _Light:
    direction: np.ndarray  # unit vector from the face to the light, seen from the camera
    ambient: float  # strength
    key: np.ndarray  # strength of the directed light by colour channel
    gloss: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> '_Light':
        azimuth, elevation = np.radians(np.clip(rng.normal((0, 30), (42, 18)), (-80, -15), (80, 70)))
        direction = np.array((np.sin(azimuth) * np.cos(elevation), -np.sin(elevation),
                              np.cos(azimuth) * np.cos(elevation)), np.float32)
        ambient, warmth = rng.uniform(0.18, 0.5), rng.normal(0, 0.04)
        key = rng.uniform(0.8, 1.45) * (1 - 0.5 * ambient) * np.array((1 + warmth, 1, 1 - warmth))
        return cls(direction, ambient, key.astype(np.float32), rng.uniform(0.005, 0.06))

    def shade(self, face: Face, turned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Light on the unrolled head: diffuse (U, V, 3), and the gloss to add (U, V, 1), both linear."""
        along, down = np.gradient(cv2.GaussianBlur(turned, (0, 0), 0.8), axis=(0, 1))
        normal = np.cross(along, down)
        normal /= np.linalg.norm(normal, axis=2, keepdims=True) + 1e-6
        lambert = np.clip((normal @ self.direction + 0.25) / 1.25, 0, 1)
        half = self.direction + (0, 0, 1)
        gloss = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** 22 * self.gloss
        depth = np.hypot(face.grid[..., 0], face.grid[..., 2] - AXIS_Z)
        hollow = np.clip(1 - 0.09 * (cv2.GaussianBlur(depth, (0, 0), 4) - depth), 0.4, 1.2)  # surrounded by skin
        diffuse = (self.ambient * hollow)[..., None] + (lambert * (0.4 + 0.6 * hollow))[..., None] * self.key
        return diffuse.astype(np.float32), gloss[..., None]


def _to_light(colour: np.ndarray) -> np.ndarray:
    """Display values in [0, 255] -> linear light in [0, 1], with gamma 2 for speed."""
    return np.square(np.asarray(colour, np.float32) / 255)


def _to_display(light: np.ndarray) -> np.ndarray:
    return np.sqrt(np.clip(light, 0, 1)) * 255


@functools.cache
def _curve_weights(count: int, closed: bool) -> np.ndarray:
    steps = np.linspace(0, count - (not closed), 6 * count)
    through = np.eye(count)[list(range(count)) + [0] * closed]
    return CubicSpline(range(len(through)), through, bc_type='periodic' if closed else 'natural')(steps)


def _curve(points: np.ndarray, closed: bool = False) -> np.ndarray:
    """A smooth curve through all points."""
    return _curve_weights(len(points), closed) @ points


def _smoothstep(values: np.ndarray) -> np.ndarray:
    values = np.clip(values, 0, 1)
    return values * values * (3 - 2 * values)


def _streaks(rng: np.random.Generator, shape: tuple[int, int], across: int, along: int) -> np.ndarray:
    """Noise stretched along the second axis, about -1 to 1: hair."""
    coarse = rng.normal(0, 0.5, (across, along)).astype(np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _window(mask: np.ndarray) -> tuple[slice, slice]:
    x, y, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
    return slice(y, y + height), slice(x, x + width)


class _Canvas:
    """A float32 RGB canvas in [0, 255]. Features multiply what lies below, so they keep its light and shade.

    Masks are (H, W) in [0, 1]; lengths are millimetres.
    """

    def __init__(self, pixels: np.ndarray, scale: float) -> None:
        self.pixels = pixels.astype(np.float32)
        self.scale = scale  # pixels per millimetre
        # mask: where nose or hair stand before the features painted next
        self.hidden: np.ndarray | np.float32 = np.float32(0)

    def region(self, polygon: np.ndarray, soft: float) -> np.ndarray:
        """The mask of a filled polygon with an edge ``soft`` wide."""
        return self._mask(lambda *place: cv2.fillPoly(*place, 255, cv2.LINE_AA, 4), polygon, soft)

    def stroke(self, line: np.ndarray, width: float, soft: float) -> np.ndarray:
        """The mask of a line."""
        width = max(1, round(width * self.scale))
        return self._mask(lambda *place: cv2.polylines(*place, False, 255, width, cv2.LINE_AA, 4), line, soft)

    def _mask(self, draw, points: np.ndarray, soft: float) -> np.ndarray:
        mask = np.zeros(self.pixels.shape[:2], np.uint8)
        draw(mask, [np.round((points - 0.5) * 16).astype(np.int32)])  # whole numbers at pixel centres, 4 binary digits
        side = 2 * round(1.15 * soft * self.scale) + 1
        for _ in range(2):  # nearly a Gaussian, and the same with any threads
            mask = cv2.blur(mask, (side, side))
        return mask / np.float32(255) * (1 - self.hidden)

    def lay(self, patch: np.ndarray, seen: np.ndarray) -> None:
        """Lay colours (h, w, 3) of any resolution over the canvas where they are ``seen``, with a soft edge."""
        patch, seen = self.enlarged(patch * seen[..., None]), self.enlarged(seen)
        self.pixels += patch - seen[..., None] * self.pixels

    def enlarged(self, plane: np.ndarray) -> np.ndarray:
        """A plane of any resolution at that of the canvas."""
        return cv2.resize(plane.astype(np.float32), self.pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    def tint(self, mask: np.ndarray, ratio, strength: float = 1) -> None:
        """Multiply by ``ratio``, a number or RGB."""
        window = _window(mask)
        self.pixels[window] *= 1 + strength * mask[window][..., None] * (np.asarray(ratio, np.float32) - 1)

    def cover(self, mask: np.ndarray, colour) -> None:
        """Lay ``colour`` over it, RGB or an image."""
        window = _window(mask)
        colour = np.broadcast_to(np.asarray(colour, np.float32), self.pixels.shape)
        self.pixels[window] += mask[window][..., None] * (colour[window] - self.pixels[window])

    def lit(self, mask: np.ndarray, skin: np.ndarray) -> float:
        """How brightly the skin is lit there, for what is not skin and lies there."""
        seen = mask > 0.1
        return float(np.clip((self.pixels[seen] / skin).mean(), 0.2, 1.05)) if seen.any() else 1.0


def _muted(rng: np.random.Generator) -> np.ndarray:
    return np.clip(rng.uniform(5, 240) + rng.normal(0, 22, 3), 0, 255)


def _paint_backdrop(rng: np.random.Generator, side: int) -> np.ndarray:
    colours = _muted(rng) + rng.normal(0, 12, (4, 4, 3)) * rng.uniform(0.3, 2.5)
    pixels = cv2.resize(colours.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    for _ in range(rng.integers(0, 6)):  # furniture, windows, people, all out of focus
        corner, size = rng.uniform(-0.2, 1, 2) * side, rng.uniform(0.1, 0.7, 2) * side
        near, far = (place.astype(int).tolist() for place in (corner, corner + size))
        cv2.rectangle(pixels, near, far, _muted(rng).tolist(), -1)
    return cv2.blur(pixels, (side // 12, side // 12))


def _paint_behind(canvas: _Canvas, face: Face, look: _Look, light: _Light, rng: np.random.Generator) -> None:
    """What the face stands before: long hair, neck, the back of the head."""
    hair = _to_display(_to_light(look.hair) * (light.ambient + 0.4 * light.key))
    if look.hair_style in ('long', 'bangs'):
        width = rng.uniform(88, 115)
        outline = mirrored([(width, 160, -100), (width, 40, -100), (86, -40, -95)])
        place = canvas.region(_curve(face.project(np.concatenate([outline, mirrored(outline[::-1])]))), 2)
        canvas.cover(place, hair * (0.75 + 0.3 * _streaks(rng, place.shape, 8, 50)[..., None]))
    middle, radius = face.project([(0, 60, -60)])[0], 49 * face.scale
    neck = middle + np.array([(-radius, 0), (radius, 0), (1.15 * radius, face.side), (-1.15 * radius, face.side)])
    neck_light = 0.4 * light.ambient + 0.3 * light.key
    canvas.cover(canvas.region(neck, 1), _to_display(_to_light(look.skin) * neck_light))
    spread = face.rotation @ np.diag(np.square((75.0, 100.0, 92.0))) @ face.rotation.T
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    skull = np.c_[np.cos(angle), np.sin(angle)] @ np.linalg.cholesky(spread[:2, :2]).T * face.scale
    bald = _to_display(_to_light(look.skin) * (light.ambient + 0.3 * light.key))
    canvas.cover(canvas.region(face.project([(0, -22, -92)]) + skull, 1), bald if look.hair_style == 'bald' else hair)


@functools.cache
def _skin_regions() -> tuple[np.ndarray, ...]:
    """(U, V) in [0, 1] on the unrolled head: redder skin, beard on cheeks and chin, moustache."""
    mean = head()
    across, front = np.abs(mean.x), np.abs(mean.longitude) < 1.7

    def spot(x: float, y: float, width: float, height: float) -> np.ndarray:
        return front * np.exp(-((across - x) / width) ** 2 - ((mean.y - y) / height) ** 2)

    red = spot(40, 34, 17, 14) + 0.8 * spot(0, 36, 13, 10) + 0.4 * spot(0, 98, 16, 10)
    line = np.interp(across, (0, 18, 27, 33, 46, 62, 72, 80), (88, 87, 80, 58, 55, 38, 6, 0))
    moustache = 1.6 - ((across - 8) / 21) ** 4 - ((mean.y - 55 - 0.006 * across ** 2) / 5.5) ** 4
    return red, _smoothstep((mean.y - line) / 7 + 0.5), _smoothstep(moustache)


def _skin_map(look: _Look, rng: np.random.Generator) -> np.ndarray:
    """Colour of the unrolled face before light, (U, V, 3), linear."""
    red, cheeks, moustache = _skin_regions()
    colour = look.skin * (1 - red[..., None] * rng.uniform(0, 0.2) * np.array((0.1, 1, 0.9)))
    blotches = cv2.resize(rng.normal(0, 1, (36, 25)), red.shape[::-1])
    grain = rng.normal(0, 1, red.shape)
    colour *= (1 + rng.uniform(0.005, 0.03) * (blotches + grain))[..., None]
    beard = np.maximum(look.beard[0] * cheeks, look.beard[1] * moustache) * np.clip(1 + 0.25 * grain, 0, 1)
    return _to_light(colour + beard[..., None] * (0.9 * look.hair - colour))


# By style, how high (mm) the hairline lies at these longitudes.
_HAIR_AT = (0, 0.5, 0.8, 1.0, 1.2, 1.38, 1.5, 1.8)
_HAIRLINES = {'bald': (-150,) * 8, 'short': (-60, -58, -48, -26, -4, 14, -20, 10),
              'receding': (-72, -82, -66, -34, -6, 10, -20, 10), 'long': (-66, -60, -44, -20, 20, 75, 150, 150),
              'bangs': (-25, -22, -14, 8, 50, 80, 150, 150)}


def _hair_region(style: str, rng: np.random.Generator) -> np.ndarray:
    """(U, V): above 0 where hair grows on the unrolled head, 1 at 2 cm from the hairline."""
    mean = head()
    line = np.interp(np.abs(mean.longitude), _HAIR_AT, _HAIRLINES[style]) + rng.normal(0, 3)
    line += rng.normal(0, 4) * np.sin(2 * mean.longitude) + 4 * _streaks(rng, mean.grid_shape, 60, 3)
    return (line - mean.height * RADIUS) / 20


def _paint_head(canvas: _Canvas, face: Face, look: _Look, light: _Light, rng: np.random.Generator) -> None:
    """Skin, beard and hair, shaded in three dimensions."""
    mean = head()
    region = _hair_region(look.hair_style, rng)
    outwards = face.grid - (0, -10, AXIS_Z)
    outwards /= np.linalg.norm(outwards, axis=2, keepdims=True)
    thickness = rng.uniform(5, 13) * _smoothstep(region + 0.1)
    turned = face.turn((face.grid + thickness[..., None] * outwards).astype(np.float32))
    diffuse, gloss = light.shade(face, turned)
    # Light that travels through skin comes out redder, most visibly in the half shade.
    skin = _to_display(_skin_map(look, rng) * diffuse ** np.array((0.94, 1.02, 1.04), np.float32) + gloss)
    streaks = (_streaks(rng, mean.grid_shape, 70, 5) + 0.7 * _streaks(rng, mean.grid_shape, 24, 4))[..., None]
    hair = _to_display(_to_light(look.hair) * diffuse * np.clip(1 + 0.55 * streaks, 0.2, 2)
                       + 0.5 * gloss * np.clip(streaks, 0, 1))
    nose = (np.abs(mean.x) < 11) & (mean.y > 2) & (mean.y < 45) & (np.abs(mean.longitude) < 1)
    colours = skin + _smoothstep(4 * region + 0.5)[..., None] * (hair - skin)
    patch, seen, before = _splat(face, turned, colours, nose | (region > 0))
    canvas.lay(patch, seen)
    canvas.hidden = canvas.enlarged(before)


def _splat(face: Face, turned: np.ndarray, colours: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, ...]:
    """The grid of the unrolled head, ``turned``, as it is seen: colours, where any are, and where it is ``before``.

    At half the resolution of the canvas, so that vertices leave no gaps where the surface is stretched.
    """
    side, fine = face.side // 2, round(face.side / 64)
    # Later vertices cover earlier ones, so the far side comes first.
    order = slice(None, None, 1 if face.yaw < 0 else -1), slice(None, None, 1 if face.pitch < 0 else -1)
    planes = np.dstack([face.to_canvas(turned) / 2, head().inside, colours, before]).astype(np.float32)[order]
    planes = cv2.resize(planes, None, fx=fine, fy=fine)
    column, row = np.floor(planes[..., 0]), np.floor(planes[..., 1])
    chosen = (planes[..., 2] > 0.5) & (column >= 0) & (row >= 0) & (column < side) & (row < side)
    place = (row * side + column)[chosen].astype(int)
    flat = np.zeros((side * side, 5), np.float32)
    flat[place, 0] = 1
    flat[place, 1:] = planes[..., 3:][chosen]
    seen = flat.reshape(side, side, 5)
    return seen[..., 1:4], seen[..., 0], seen[..., 4] > 0.5


def _paint_eye(canvas: _Canvas, face: Face, look: _Look, light: _Light, first: int, gaze: np.ndarray) -> None:
    """The eye whose landmarks are ``first`` to ``first`` + 5."""
    lids, scale = face.landmarks[first:first + 6], face.scale
    upper, lower = _curve(lids[:4]), _curve(lids[[3, 4, 5, 0]])
    place = canvas.region(np.concatenate([upper, lower]), 0.25)
    pupil = face.project([face.points[first:first + 6].mean(0) - (0, 0, 12) + 12 * gaze])[0]
    narrow = max(abs(float((face.rotation @ gaze)[2])), 0.5)
    image = np.full(canvas.pixels.shape, (214, 204, 198), np.uint8)
    for radius, colour in ((6.2, 0.45 * look.iris), (5.4, look.iris), (2.4, np.array((12, 10, 10)))):
        axes = int(16 * radius * scale * narrow), int(16 * radius * scale)
        cv2.ellipse(image, np.round((pupil - 0.5) * 16).astype(int).tolist(), axes, 0, 0, 360, colour.tolist(), -1,
                    cv2.LINE_AA, 4)
    canvas.cover(place, cv2.GaussianBlur(image, (0, 0), 0.35 * scale) * canvas.lit(place, look.skin))
    canvas.tint(canvas.stroke(upper + (0, 0.6 * scale), 2.2, 0.8), 0.62)  # shadow of the lid
    if face.expression.lids < 0.4:
        glint = pupil + 2.2 * scale * light.direction[:2]
        canvas.cover(canvas.region(glint + 0.9 * scale * np.array([(-1, 0), (0, -1), (1, 0), (0, 1)]), 0.25),
                     (235, 235, 235))
    canvas.tint(canvas.stroke(upper, 1.2, 0.3), 0.28)
    canvas.tint(canvas.stroke(lower, 0.8, 0.5), 0.66)
    canvas.tint(canvas.stroke(upper - 4.5 * face.down, 1.0, 0.9), 0.66)


def _paint_brow(canvas: _Canvas, face: Face, look: _Look, points: np.ndarray, bushy: float, dark: float) -> None:
    """``points``: the five landmarks from the temple to the nose; the brow lies around and under them."""
    over, under = np.array([(0.5, 1.0, 1.3, 1.5, 1.3), (0.8, 2.0, 3.2, 4.0, 3.8)])[..., None] * bushy * face.down
    outline = np.concatenate([_curve(points - over), _curve((points + under)[::-1])])
    canvas.tint(canvas.region(outline, 0.9), np.minimum(0.85 * look.hair / look.skin, 0.85), dark)


def _paint_nose(canvas: _Canvas, face: Face, look: _Look) -> None:
    """With the folds beside it."""
    shade = (0.66, 0.58, 0.56)
    canvas.tint(canvas.stroke(_curve(face.landmarks[31:36]), 1.0, 1.2), 0.7)
    for side in (-1, 1):
        facing = float(np.clip(1.3 - 1.5 * face.yaw * side, 0, 1))
        nostril = face.places((side * 10.5, 45.2), (side * 7, 44), (side * 3.5, 46), (side * 7, 47.2))
        shown = facing * float(np.clip(0.75 - 1.5 * face.pitch, 0.2, 1))
        canvas.tint(canvas.region(_curve(nostril, closed=True), 0.7), (0.28, 0.2, 0.18), shown)
        wing = face.places((side * 14, 34), (side * 18, 38), (side * 18, 43), (side * 14, 46))
        canvas.tint(canvas.stroke(_curve(wing), 1.0, 1.2), shade, facing)
        fold = face.places((side * 20, 43), (side * 27, 52), (side * 33, 62), (side * 35, 70))
        depth = np.clip(look.age + face.expression.smile, 0, 1)
        canvas.tint(canvas.stroke(_curve(fold), 1.2, 1.6), shade, facing * depth)


def _paint_mouth(canvas: _Canvas, face: Face, look: _Look) -> None:
    mark, ratio = face.landmarks, look.lips / look.skin
    lit = canvas.lit(canvas.region(mark[48:60], 0.3), look.skin)
    inner_upper, inner_lower = _curve(mark[60:65]), _curve(mark[[64, 65, 66, 67, 60]])
    for outer, inner, dark in ((mark[48:55], inner_upper, 0.84), (mark[[*range(54, 60), 48]], inner_lower, 1)):
        canvas.tint(canvas.region(np.concatenate([_curve(outer), inner[::-1]]), 0.6), dark * ratio)
    canvas.tint(canvas.stroke((mark[56:59] + mark[[65, 66, 67]]) / 2, 2.0, 1.6), 1.18)  # gloss
    if face.expression.open:
        inside = canvas.region(np.concatenate([inner_upper, inner_lower]), 0.3)
        canvas.cover(inside, lit * np.array((62, 24, 22)))
        drop = (mark[66] - mark[62]) * min(0.95, 7.6 / face.expression.open)
        teeth = canvas.region(np.concatenate([inner_upper, (inner_upper + drop)[::-1]]), 0.4)
        canvas.cover(teeth * inside, 0.8 * lit * np.array((226, 217, 203)))
    canvas.tint(canvas.stroke(inner_upper, 0.9, 0.5), (0.5, 0.42, 0.42))


def _finish(pixels: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Camera: softness, exposure, colour, reduction to ``size``, a little noise."""
    pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.5, 1.6) * pixels.shape[0] / 256)
    pixels = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)
    grey = pixels @ np.array((0.299, 0.587, 0.114), np.float32)
    vivid = 0 if rng.random() < 0.04 else rng.normal(1, 0.12)
    pixels = grey[..., None] + vivid * (pixels - grey[..., None])
    pixels = 128 + rng.normal(1.05, 0.08) * (pixels - 128) + rng.normal(0, 8)
    pixels += rng.normal(0, rng.uniform(0, 2.5), pixels.shape)
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


def draw_face(rng: np.random.Generator, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Draw a face of random identity, look, pose, expression and light.

    Args:
        rng: decides everything.
        size: side of the image in pixels.

    Returns:
        ``uint8`` RGB image (size, size, 3), and its ``float32`` landmarks (68, 2) in iBUG order, x then y, in pixels
        (pixel i covers i to i + 1). The image is cropped by ``crop_box``.
    """
    side = max(256, 4 * size)
    face = Face(rng, side)
    look, light = _Look.sample(rng), _Light.sample(rng)
    canvas = _Canvas(_paint_backdrop(rng, side), face.scale)
    _paint_behind(canvas, face, look, light, rng)
    _paint_head(canvas, face, look, light, rng)
    gaze = np.array((rng.normal(0, 0.15) - 0.4 * np.sin(face.yaw) * rng.random(), rng.normal(0, 0.08), 1))
    bushy, dark = rng.uniform(0.6, 1.4), rng.uniform(0.45, 0.95)
    _paint_nose(canvas, face, look)
    _paint_mouth(canvas, face, look)
    for first, brow in ((36, face.landmarks[17:22]), (42, face.landmarks[26:21:-1])):
        _paint_eye(canvas, face, look, light, first, gaze / np.linalg.norm(gaze))
        _paint_brow(canvas, face, look, brow, bushy, dark)
    return _finish(canvas.pixels, rng, size), (face.landmarks * (size / side)).astype(np.float32)
