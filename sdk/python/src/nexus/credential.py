"""The form of opaque credentials: a prefix, 33 base62 digits, and 6 of the CRC-32 of everything before them."""

from __future__ import annotations

import re
import zlib

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY_DIGITS = 33
_CHECKSUM_DIGITS = 6
_DIGITS = _BODY_DIGITS + _CHECKSUM_DIGITS


def is_well_formed(text: str, prefix: str) -> bool:
    """Whether a text is this prefix with a body and the checksum that belongs to them.

    A typing error passes with a probability of 2⁻³². Says nothing about whether such a credential exists.
    """
    rest = text[len(prefix) :]
    if not text.startswith(prefix) or len(rest) != _DIGITS or not re.fullmatch("[0-9A-Za-z]*", rest):
        return False
    stated = 0
    for digit in text[-_CHECKSUM_DIGITS:]:
        stated = stated * 62 + _ALPHABET.index(digit)
    return zlib.crc32(text[:-_CHECKSUM_DIGITS].encode()) == stated


def is_mistyped(text: str) -> bool:
    """Whether a text has the shape of an opaque credential and the wrong checksum."""
    shaped = re.fullmatch(r"[0-9A-Za-z_]{1,23}_[0-9A-Za-z]{39}", text) is not None
    return shaped and not is_well_formed(text, text[:-_DIGITS])
