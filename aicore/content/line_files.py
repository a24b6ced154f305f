"""Reads the corpus of lines from its folder: claims.txt, words.txt, GENRE/words.txt and GENRE/VOICE.txt."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, reduce
from hashlib import sha256
from importlib.resources import files
from operator import or_
from pathlib import Path

from domain.definition.faults import Fault
from domain.story.bank import Bank
from domain.story.clauses import read_clauses
from domain.story.corpus import Found, Mark, Pair, Words, read_file, read_words
from domain.story.language import Language
from domain.story.mouth import Mouth
from domain.story.plan import Kind, Signature, read_signatures
from domain.story.saying import Tongue, tongues_of
from domain.story.variety import Variety, variety_of, words_of
from domain.story.ways import read_ways
from domain.story.wordings import Wordings, read_wordings

FOLDER = "lines"
CLAIMS, CLAUSES, WORDS, WORDINGS = "claims.txt", "clauses.txt", "words.txt", "wordings.txt"
WAYS = "ways.txt"
REVIEWS = "reviews.txt"
BYTES_MAX = 4 << 20
"""Bytes of one file, at most."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """All pairs of plan and line, and what is wrong with them.

    Attributes:
        frames: what voices put around plain clauses.
        faults: in the order of files and lines; of repetitions at the end.
        reviews: what readers found in samples, a line each, as they wrote it.
    """

    pairs: Sequence[Pair]
    faults: Sequence[Found]
    variety: Variety
    files: int
    reviews: Sequence[str]
    frames: Sequence[Pair] = ()


def shipped_folder() -> Path:
    """Return the folder of the corpus that comes with the program."""
    return Path(str(files("aicore.content").joinpath(FOLDER)))


def shipped_signatures() -> dict[str, Signature]:
    """Return the predicates that the lines which come with the program can state."""
    return read_signatures(_text(shipped_folder() / CLAIMS))


@cache
def shipped_ways() -> dict[str, tuple[str, ...]]:
    """Return several clauses for each of those predicates; see `domain.story.ways`."""
    return read_ways(_text(shipped_folder() / WAYS))


@cache
def shipped_vocabulary() -> frozenset[str]:
    """Return the words of the lines that come with the program: others are none that a model may say."""
    return frozenset(word for pair in _shipped().pairs for word in words_of(pair.text))


def read_corpus(folder: Path | None = None) -> Corpus:
    """Return the corpus of a folder; without one, that which comes with the program.

    Raises:
        OSError: a folder or ``claims.txt`` is not there, or may not be read.
    """
    return _read(folder) if folder else _shipped()


@cache
def _shipped() -> Corpus:
    """Return the corpus that comes with the program, which does not change while it runs."""
    return _read(shipped_folder())


def _read(root: Path) -> Corpus:
    faults: list[Found] = []
    try:
        signatures = read_signatures(_text(root / CLAIMS))
    except ValueError as error:
        kinds = ", ".join(Kind)
        return _nothing(Found(Mark(CLAIMS, 1), Fault("unknown_kind", "claims", str(error), kinds)))
    pairs: list[Pair] = []
    common, count = _words(root), 0
    for genre in sorted(path for path in root.iterdir() if path.is_dir()):
        words = common | _words(genre)
        for path in sorted(genre.glob("*.txt")):
            if path.name == WORDS:
                continue
            name = str(path.relative_to(root))
            found, wrong = read_file(name, _text(path), signatures, words)
            pairs += found
            faults += [*wrong, *_misplaced(found[:1], path, name)]
            count += 1
    variety, repeated = variety_of(pairs)
    lines = [pair for pair in pairs if not pair.is_frame]
    frames = [pair for pair in pairs if pair.is_frame]
    return Corpus(lines, [*faults, *repeated], variety, count, _reviews(root), frames)


def read_tongues(folder: Path | None = None) -> dict[str, Tongue]:
    """Return the voices of a folder, ready to speak: ``harbour/ferryman`` → tongue.

    Raises:
        OSError: a folder, ``claims.txt`` or ``clauses.txt`` is not there, or may not be read.
    """
    root = folder or shipped_folder()
    corpus = read_corpus(folder)
    return tongues_of(corpus.pairs, read_clauses(_text(root / CLAUSES)), corpus.frames)


def read_mouth(folder: Path | None = None) -> Mouth:
    """Return a corpus, ready to speak in a world; some tenths of a second for that which comes along.

    Raises:
        OSError: a folder, ``claims.txt`` or ``clauses.txt`` is not there, or may not be read.
    """
    root = folder or shipped_folder()
    clauses = read_clauses(_text(root / CLAUSES))
    corpus = read_corpus(folder)
    tongues = tongues_of(corpus.pairs, clauses, corpus.frames)
    words = [_words(root), *(_words(path) for path in sorted(root.iterdir()) if path.is_dir())]
    signatures = read_signatures(_text(root / CLAIMS))
    return Mouth(tongues, signatures, clauses, reduce(or_, words), digest_of(root))


def digest_of(root: Path) -> str:
    """Return the digest of all that a corpus says: of its files, by their names."""
    found = sha256()
    for path in sorted(root.rglob("*.txt")):
        if path.name != REVIEWS:
            found.update(f"{path.relative_to(root)}\n{sha256(path.read_bytes()).hexdigest()}\n".encode())
    return f"sha256:{found.hexdigest()}"


def read_language(genre: str, folder: Path | None = None) -> Language:
    """Return what lines of a genre are read back by, in a world without names (`with_names` gives them).

    Raises:
        OSError: a folder or ``clauses.txt`` is not there, or may not be read.
    """
    root = folder or shipped_folder()
    words = _words(root) | _words(root / genre)
    bank = _bank() if folder is None else _bank_of(read_corpus(folder))
    path = root / WORDINGS
    wordings = _wordings() if folder is None else Wordings()
    if folder is not None and path.exists():
        wordings = read_wordings(_text(path), read_signatures(_text(root / CLAIMS)))
    return Language(bank, words, read_clauses(_text(root / CLAUSES)), wordings=wordings)


@cache
def _wordings() -> Wordings:
    return read_wordings(_text(shipped_folder() / WORDINGS), shipped_signatures())


@cache
def _bank() -> Bank:
    """Return the shipped lines by their words; some tenths of a second once."""
    return _bank_of(read_corpus())


def _bank_of(corpus: Corpus) -> Bank:
    return Bank([*corpus.pairs, *corpus.frames])


def _misplaced(pairs: Sequence[Pair], path: Path, name: str) -> Sequence[Found]:
    """Return a fault if a file lies under another genre or name than its head says."""
    for pair in pairs:
        says, lies = (pair.voice.genre, pair.voice.name), (path.parent.name, path.stem)
        if says != lies:
            return [Found(Mark(name, 1), Fault("misplaced", "head", "/".join(says), "/".join(lies)))]
    return ()


def _nothing(fault: Found) -> Corpus:
    return Corpus((), [fault], variety_of(())[0], 0, ())


def _words(folder: Path) -> Words:
    path = folder / WORDS
    return read_words(_text(path)) if path.exists() else Words()


def _reviews(root: Path) -> Sequence[str]:
    path = root / REVIEWS
    if not path.exists():
        return ()
    return [line for line in _text(path).splitlines() if line.strip() and not line.startswith("#")]


def _text(path: Path) -> str:
    return path.read_bytes()[:BYTES_MAX].decode()
