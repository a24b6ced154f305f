"""Letters of other scripts that are drawn as a Latin letter or digit is, though UTS #39 does not say so.

Its confusables are pairs that somebody reported. These were measured: each letter that the folding left
alone, drawn by Noto's font of its script (fonts-noto-core 20201225), against the letters and digits of Noto
Sans and Serif. Both are cut to their ink, brought to 32 pixels and blurred by one; those whose images
correlate by 0.9 or more are here, under the nearest. Left out: letters that join their neighbours (Arabic,
Syriac, Mongolian), as nobody sees them alone, and modifiers, which separate words.
"""

from collections.abc import Mapping

SHAPES: Mapping[str, str] = {
    "0": "\u1340\u19b2\u1c98\ua132\ua8a1\U0001051e",
    "1": (
        "\u01c3\u0285\u0286\u0373\u0588\u07d7\u0846\u0e42\u13c6\u144a\u16bd\u16c2\u16d0\u16d9\u1963"
        "\u1d09\u2d51\ua024\ua68c\ua76d\ua781\ua78b\ua7b1\ua7fe\uaab1\U00010339\U00010358\U0001036d"
        "\U00010383\U00010387\U00010451\U00010466\U0001050e\U00010741\U00010846\U00010889\U000108e6"
        "\U000108ed\U00010926\U00010a61\U00010b25\U00010c3e\U00010ca5\U00010ce5\U00010f10\U0001102d"
        "\U00011ae5\U000122d9\U000132a4\U00013300\U000133ea\U000133fa\U00016a59\U00018801\U0001880e"
        "\U00018832\U0001884f\U00018898\U0001bc02\U0001bc07\U0001bc0c\U0001e822\U0001e826\U0001e829"
        "\U0001e82b"
    ),
    "2": "\u0577",
    "3": "\u10d5\u1702\U0001041a\U00010442\U00011296\U0001e912\U0001e934",
    "6": "\u1986\U000102c9\U0001041e",
    "8": "\U0001041d\U00010810\U00010931",
    "9": "\ua76f",
    "a": (
        "\u0e25\U000104b2\U000104da\U00010920\U00010ca4\U00011015\U00011ad8\U00011adb\U00016a45"
        "\U00016f41"
    ),
    "b": "\u10e1\u10ee\u1cae\ua557\U00011ac4",
    "c": (
        "\u037c\u03fe\u122d\u14bc\u1974\ua724\ua725\U0001051b\U0001061f\U00011ac2\U00013286"
        "\U00016f10"
    ),
    "d": "\u10eb\u1cab\u1d06\U00011ad9",
    "e": "\u19c9\U00010536",
    "f": "\u1e9c",
    "g": "\u10ba",
    "h": "\u0376\u0418\U00010512",
    "j": "\u01aa\u0287\u0d3d\U00010483\U00010891",
    "k": "\u049c\U00010cde",
    "l": "\u053c\u14ab\u1968\ua6da\U00011009\U00011ace\U00018807",
    "m": "\u0560\u057f\u2d07\u2d0a\u2d20\ua7fa",
    "n": "\u0e17\u10b6\u1952\u2d16\ua4f5\U0001033f\U000104e3\U00011ae1",
    "o": (
        "\u028a\u0298\u07cb\u10d8\u1985\u199e\u19a2\u1a23\u1a37\u1a45\u1c5b\u2d59\ua668\ua669\ua66a"
        "\ua69a\ua89d\U0001030f\U00010474\U00010486\U000104c3\U000104eb\U00010a92\U0001101e"
        "\U00011124\U000112db\U0001141b\U00011ae4\U00016ae9\U0001bc44\U0001e827"
    ),
    "p": "\u0562\U000102af\U00010419\U0001069e\U00010e8c\U00011ae2",
    "q": "\u03e5\u146b\u191a",
    "r": "\U00010f17",
    "s": "\u0e23\u10fd\u13a6\u1506\u1cbd\ua576\ua683\U00010343\U00016ad6",
    "t": (
        "\u0372\u07e0\u0ec0\u1350\ua50b\U00010344\U00010605\U00010747\U0001092f\U00011add\U00016a4b"
        "\U00016f0b\U00016f0d\U00016f0e\U00016f21"
    ),
    "u": "\u0289\u07ce\u0e19\u0e1a\u0e21\u0e9a\u14d1\U00010335\U00016b14\U0001e92d",
    "v": "\u084d\U0001046b\U00010828\U00010c1f\U00011adf\U00016a4d",
    "w": "\u0e1e",
    "x": "\u04fe\u04ff\u10bf\u1c1e\u1cf5\U00010347\U00010a89\U00010c13\U00010c82\U00010cc2\U0001100b",
    "y": "\ua6b2\U00010345\U0001061e",
    "z": "\u10cd\u2d2d\ua6c9\U00010336\U00010553\U00011ad1\U0001e2dc",
}  # fmt: skip
"""By letter or digit, the letters that are drawn like it; a stroke (I, l, 1) is under 1. U+13C6 is an I with
serifs, which neither font has."""

BRAILLE: Mapping[str, str] = {
    chr(0x2800 + dots + seventh): letter
    for letter, dots in zip(
        "abcdefghijklmnopqrstuvwxyz",
        (
            0x01, 0x03, 0x09, 0x19, 0x11, 0x0B, 0x1B, 0x13, 0x0A, 0x1A, 0x05, 0x07, 0x0D, 0x1D, 0x15, 0x0F,
            0x1F, 0x17, 0x0E, 0x1E, 0x25, 0x27, 0x3A, 0x2D, 0x3D, 0x35,
        ),
        strict=True,
    )
    for seventh in (0x00, 0x40)
}  # fmt: skip
"""The letters of English Braille, and with the seventh dot its capitals (ISO 11548-1): models read them."""
