"""Which faces are good enough to train on, which are the same again, and which are kept for validation."""
import hashlib

import cv2
import numpy as np

SHARP = 0.065  # of ``sharpness``, for crops of 64 pixels
HASH_SIDE = 16  # rows and columns of frequencies: 256 bits
NEAR_BITS = 40


def sharpness(image: np.ndarray) -> float:
    """How much of an image is lost at half its size: standard deviation of the loss, relative to the image's own.

    It tells a face that was enlarged from one that has as many details as pixels, whatever its contrast. Measured at
    64 pixels: 1,500 sharp faces of UTKFace and CelebA have 0.074 or more (median 0.13); the same ones reduced to 16 and
    enlarged again 0.050 or less, 0.055 after JPEG of quality 60; from 24 pixels 0.075, from 32 pixels 0.068 or less,
    0.091 by Lanczos. The variance of the Laplacian does not part them: 84 or more against 120 or less. Noise counts as
    sharp: of standard deviation 3 it brings one enlarged face in ten over ``SHARP``.

    Of a ``uint8`` RGB image (side, side, 3): 0 (nothing is lost) to about 0.3.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    side = len(grey)
    half = cv2.resize(grey, (side // 2, side // 2), interpolation=cv2.INTER_AREA)
    lost = grey - cv2.resize(half, (side, side), interpolation=cv2.INTER_CUBIC)
    return float(lost.std() / max(grey.std(), 1))  # 1: an image of one colour has nothing to lose


def perceptual_hash(image: np.ndarray) -> str:
    """64 hexadecimal digits that hardly change when a ``uint8`` RGB image is compressed or resized (pHash).

    One bit for each of the 256 lowest frequencies of the cosine transform at 32 pixels: is it above their median?
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (2 * HASH_SIDE, 2 * HASH_SIDE), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small.astype(np.float32))[:HASH_SIDE, :HASH_SIDE]
    return np.packbits(low > np.median(low)).tobytes().hex()


class NearDuplicates:
    """Remembers faces by their ``perceptual_hash`` and recognises one that it has seen.

    Two are the same where no more than ``NEAR_BITS`` of the 256 bits differ. Of 13,652 faces of UTKFace and CelebA, 362
    pairs differ by 40 bits or less, the same photograph in all that were looked at; 24 more by up to 52, one in nine of
    them another one; pairs of different faces begin there. JPEG of quality 30 changes up to 24 bits, a shift by a whole
    pixel of 64 about 48. Of 4,353 faces of 16 pixels from WIDER FACE no two differ by less than 69.

    Each face is compared with all before it: a second or two for 20,000 faces, minutes for 200,000.
    """

    def __init__(self):
        self._names = []
        self._hashes = np.zeros((4, 1024), np.uint64)

    def find(self, image_hash: str) -> str | None:
        """The name of the nearest face that is the same, or None."""
        if not self._names:
            return None
        seen = self._hashes[:, :len(self._names)]
        different = np.bitwise_count(seen ^ _words(image_hash)).sum(axis=0)
        nearest = int(different.argmin())
        return self._names[nearest] if different[nearest] <= NEAR_BITS else None

    def add(self, name: str, image_hash: str) -> None:
        """Remember a face."""
        if len(self._names) == self._hashes.shape[1]:
            self._hashes = np.hstack([self._hashes, np.zeros_like(self._hashes)])
        self._hashes[:, len(self._names), None] = _words(image_hash)
        self._names.append(name)


def _words(image_hash: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(image_hash), np.uint64)[:, None]


def in_validation(group: str, share: float) -> bool:
    """Whether the faces of this ``group``, a person, photograph or film, are for validation, as this share of all are.

    Decided by the name alone: it stays so when images are added, in another order, on another machine.
    """
    return int.from_bytes(hashlib.sha256(group.encode(errors='surrogateescape')).digest()[:8], 'big') < share * 2**64
