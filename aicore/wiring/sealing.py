"""The words of personal data under a key: AES-SIV (RFC 5297), the same bytes for the same words and place.

Deterministic, as a violation's id is made of what it says: with a random nonce a retry would make another
violation of the same one. Whoever destroys the key erases the words from a log that forgets nothing.
"""

from base64 import b64decode, b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from aicore.settings import Settings


class SealError(ValueError):
    """Sealed words cannot be read; says what to do."""


class Seal:
    """Closes and opens words with one key of 32, 48 or 64 bytes; the settings' has 64 (twice AES-256).

    The turn and the place are sealed along, so equal words of two turns are different bytes, and what was
    moved to another violation cannot be opened.
    """

    def __init__(self, key: bytes) -> None:
        self._siv = AESSIV(key)

    def close(self, words: str, inference_id: str, place: str) -> str:
        """Return words as base64 that only the key opens; ``place`` as `place_of` says it."""
        return b64encode(self._siv.encrypt(words.encode(), _along(inference_id, place))).decode()

    def open(self, sealed: str, inference_id: str, place: str) -> str:
        """Return what was sealed in a turn at a place.

        Raises:
            SealError: it was not sealed with this key, or not there.
        """
        try:
            return self._siv.decrypt(b64decode(sealed, validate=True), _along(inference_id, place)).decode()
        except (InvalidTag, ValueError):
            raise SealError(
                "AICORE_PERSONAL_KEY: the words were sealed with another key, or were changed since;"
                " set the key that the services had at the time"
            ) from None


def seal_of(settings: Settings) -> Seal | None:
    """Return the seal of the settings' key; None without one."""
    key = settings.personal_key.get_secret_value()
    return Seal(bytes.fromhex(key)) if key else None


def _along(inference_id: str, place: str) -> list[bytes]:
    return [inference_id.encode(), place.encode()]
