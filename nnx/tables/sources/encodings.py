"""The encoding of a text file, found from its bytes."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE, getincrementaldecoder

from ...errors import DataError
from .content import MIXED, PART, Content

BOMS = {  # the longer ones first
    BOM_UTF8: "utf-8",
    BOM_UTF32_LE: "utf-32",
    BOM_UTF32_BE: "utf-32",
    BOM_UTF16_LE: "utf-16",
    BOM_UTF16_BE: "utf-16",
}
SIGNS = "€£§°²³µ¿¡«»©®™„…·½¼¾±\xa0\u2013\u2014\u2018\u2019\u201c\u201d\xd7"
CENTRAL = "ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňřšťúůýžÁČĎÉĚÍŇŘŠŤÚŮÝŽőűŐŰöüÖÜäÄăâîşţĂÂÎŞŢßđĐëËçÇ"
USUAL = {
    "cp1252": frozenset("äöüßÄÖÜéèêëáàâãåíìîïóòôõøúùûñçæœÉÈÊÀÁÂÃÅÍÎÓÔÕØÚÛÑÇÆŒ" + SIGNS),
    "cp1250": frozenset(CENTRAL + SIGNS),
    "iso8859-2": frozenset(CENTRAL + SIGNS),
}
SIGN = re.compile(r"[\xa2-\xa8\xac\xaf\xb1-\xb4\xb6\xb8\xb9\xbc-\xbe\xf7](?=[^\W\d_])")  # before a letter
ENOUGH = 0.9  # share of the letters beyond ASCII that are usual in the West


def encoding_of(content: Content, head: bytes, whole: bool, asked: str) -> str:
    """The encoding: as asked for, by its mark, UTF-8 where all of the file is, else the likeliest for these bytes.

    Of a compressed file only the head is looked at. Raises: DataError for what is no text.
    """
    marked = next((name for mark, name in BOMS.items() if head.startswith(mark)), "") or _wide(head)
    if marked[4:6] in ("16", "32") and asked and marked[4:6] not in asked:
        raise DataError(f"{content.place}: this is {marked.upper()} text: leave --encoding out, or --encoding {marked}")
    if b"\0" in head[:4096] and (asked or marked)[4:6] not in ("16", "32"):
        raise DataError(f"{content.place}: not a text file (it holds zero bytes)")
    if asked or marked:
        return asked or marked
    if _is_utf8(head, whole) and (whole or content.packing or _all_utf8(content)):
        return "utf-8"
    sample = head if not _is_utf8(head, whole) else _first_strange(content)
    if _is_mixed(sample):
        return MIXED
    return _other_letters(sample) or _latin(sample) or _likeliest(sample)


def _wide(head: bytes) -> str:
    """UTF-16 without a mark: every other byte of the first lines is zero."""
    some = head[:2000]
    even, odd = some[::2].count(0), some[1::2].count(0)
    if len(some) < 4 or max(even, odd) < 0.8 * (len(some) // 2) or min(even, odd) > 0:
        return ""
    return "utf-16-le" if odd else "utf-16-be"


def _is_utf8(part: bytes, whole: bool) -> bool:
    try:
        getincrementaldecoder("utf-8")().decode(part, final=whole)
    except UnicodeDecodeError:
        return False
    return True


def _all_utf8(content: Content) -> bool:
    """True if the whole file is UTF-8; what is ASCII is seen at the speed of memory."""
    decoder, started = getincrementaldecoder("utf-8")(), False
    try:
        with content.open() as file:
            while part := file.read(PART):
                if started or not part.isascii():
                    decoder.decode(part)
                    started = bool(decoder.getstate()[0])
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _first_strange(content: Content) -> bytes:
    """The part of a file that begins with its first byte beyond ASCII."""
    with content.open() as file:
        while part := file.read(PART):
            if not part.isascii():
                return bytes(part)
    return b""


def _is_mixed(sample: bytes) -> bool:
    """True if most letters beyond ASCII are UTF-8, and the others may be cp1252."""
    whole = len(re.findall(rb"[\xc3-\xef][\x80-\xbf]+", sample))
    return 0 < sample.decode("utf-8", "replace").count("\ufffd") <= whole


def _latin(sample: bytes) -> str:
    """The encoding in which the letters are usual ones, of the West first, and no sign is before a letter; else ""."""
    for name, usual in USUAL.items():
        text = sample.decode(name, "replace")
        letters = [c for c in text if c > "\x7f"]
        if not SIGN.search(text) and sum(c in usual for c in letters) >= ENOUGH * len(letters):
            return name
    return ""


def _other_letters(sample: bytes) -> str:
    """The encoding of letters of another script, of which whole words are: large and small as they may be; else ""."""
    runs = re.findall(rb"[\x80-\xff]+", sample)
    if sum(map(len, runs)) < 3 * len(runs):
        return ""  # a few among those of ASCII
    for name in ("cp1251", "koi8-r", "cp1253"):
        words = [run.decode(name, "replace") for run in runs]
        fine = sum(word.isalpha() and word in (word.lower(), word.upper(), word.capitalize()) for word in words)
        if fine >= ENOUGH * len(words) and sum(word.islower() for word in words) >= sum(
            word.isupper() for word in words
        ):
            return name
    return ""


def _likeliest(sample: bytes) -> str:
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        raise DataError("to find an encoding needs charset-normalizer: pip install 'nnx-array[cli]'") from None
    best = from_bytes(sample[: 1 << 16]).best()
    return best.encoding.replace("_", "-") if best else "cp1252"
