"""Dead letters: messages that a consumer could not handle, kept with the reason, redriven or dismissed.

A letter lies on `{realm}.dlq.{consumer}` with the original body. A redrive is a message on
`{realm}.dlq.{consumer}.redrive.{letter}`, a dismissal one on `….dismiss.{letter}`, stored only if that
subject is empty: so each happens once, however often and by whomever it is asked, and the subject's existence
is the mark.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import field as field_
from hashlib import sha256
from typing import Literal

from nats.aio.client import Client

from bus.nats.api import WRONG_LAST_SEQUENCE, JetStreamError, Missing, js_publish, js_request
from bus.nats.topology import dead_letters_stream, ensure_dead_letters

LIST_MAX = 1_000
HEADER_CHARACTERS_MAX = 1_000
DIGITS_MAX = 20
LETTER_DOTS = 2
"""In the subject of a letter; one of what was done about it has more."""


HEADER = "Aicore-Dlq-"
ORIGINAL = "Aicore-Original-"
REDRIVE_OF = "Aicore-Redrive-Of"

Mark = Literal["redrive", "dismiss"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that a consumer gave up on.

    Attributes:
        sequence: the letter's place in the dead-letter stream; 0 before it is stored.
        position: the message's place in its stream; of an event, its position in the log.
        attempts: how often the handler was tried; 0 when the bytes could not be decoded.
        first_failure_us, last_failure_us: µs since 1970-01-01T00:00Z.
        redrive_of: the letter whose redrive failed again, or 0.
        code, field: as an error reply would have said them; "" where there are none.
        message_id: of the command or the event; "" if its bytes are none.
        dismissed: why nothing is to be done about it; "" if nobody said so.
    """

    consumer: str
    position: int
    subject: str
    body: bytes = field_(repr=False)
    reason: str
    error_class: str
    attempts: int
    first_failure_us: int
    last_failure_us: int
    headers: Mapping[str, str] = field_(default_factory=dict)
    redrive_of: int = 0
    sequence: int = 0
    redriven: bool = False
    code: str = ""
    field: str = ""
    message_id: str = ""
    dismissed: str = ""


class NoSuchLetter(Exception):
    """There is no dead letter with that number; `aicore dlq list` shows them."""


def letters_subject(realm: str, consumer: str) -> str:
    """Return the subject of one consumer's letters."""
    return f"{realm}.dlq.{consumer}"


def redrives_subject(realm: str, consumer: str, letter: str = "*") -> str:
    """Return the subject on which a letter (or any, by default) is given back."""
    return mark_subject(realm, consumer, "redrive", letter)


def mark_subject(realm: str, consumer: str, mark: Mark | Literal["*"], letter: str = "*") -> str:
    """Return the subject whose existence says what was done about a letter."""
    return f"{realm}.dlq.{consumer}.{mark}.{letter}"


async def put(nc: Client, realm: str, letter: DeadLetter) -> int:
    """Store a letter and return its number; the same failure put twice within two minutes is one letter.

    Raises:
        JetStreamError, JetStreamUnavailable: not known to be stored; put it again.
    """
    await ensure_dead_letters(nc, realm)
    told = {
        "Position": letter.position,
        "Subject": letter.subject,
        "Reason": letter.reason,
        "Error": letter.error_class,
        "Attempts": letter.attempts,
        "First-Us": letter.first_failure_us,
        "Last-Us": letter.last_failure_us,
        "Redrive-Of": letter.redrive_of,
        "Code": letter.code,
        "Field": letter.field,
        "Id": letter.message_id,
    }
    headers = {ORIGINAL + key: value for key, value in letter.headers.items()}
    headers |= {HEADER + key: one_line(str(value)) for key, value in told.items()}
    # The bytes, too: a stream that was made anew counts from 1 again.
    digest = sha256(letter.body).hexdigest()[:16]
    headers["Nats-Msg-Id"] = f"{letter.consumer}:{letter.position}:{letter.redrive_of}:{digest}"
    answer = await js_publish(nc, letters_subject(realm, letter.consumer), letter.body, headers)
    return int(answer["seq"])


async def list_letters(
    nc: Client, realm: str, *, consumer: str = "*", after: int = 0, limit: int = 100
) -> list[DeadLetter]:
    """Return up to ``limit`` (≤ `LIST_MAX`) letters numbered above ``after``, oldest first; [] when none."""
    marks = await _marks(nc, realm)
    found: list[DeadLetter] = []
    while len(found) < min(limit, LIST_MAX):
        query: dict[str, int | str] = {"seq": after + 1, "next_by_subj": letters_subject(realm, consumer)}
        try:
            letter = await _get(nc, realm, query)
        except Missing:
            break
        after = letter.sequence
        found.append(await _marked(nc, realm, letter, marks))
    return found


async def show(nc: Client, realm: str, number: int) -> DeadLetter:
    """Return one letter.

    Raises:
        NoSuchLetter: no letter has that number.
    """
    try:
        letter = await _get(nc, realm, {"seq": number})
    except Missing as error:
        raise NoSuchLetter(f"there is no dead letter {number} in realm {realm}") from error
    return await _marked(nc, realm, letter, await _marks(nc, realm))


async def waiting(nc: Client, realm: str) -> int:
    """Return how many letters nobody has redriven or dismissed."""
    name = dead_letters_stream(realm)
    try:
        info = await js_request(nc, f"STREAM.INFO.{name}", {"subjects_filter": letters_subject(realm, "*")})
    except Missing:
        return 0
    first = int(info["state"]["first_seq"])
    marked = {number for number, _ in await _marks(nc, realm) if number >= first}
    return sum(map(int, (info["state"].get("subjects") or {}).values())) - len(marked)


async def redrive(nc: Client, realm: str, number: int) -> bool:
    """Give a letter back to its consumer; return False if that was done before.

    Raises:
        NoSuchLetter: no letter has that number.
    """
    letter = await show(nc, realm, number)
    headers = {ORIGINAL + key: value for key, value in letter.headers.items()}
    headers |= {
        REDRIVE_OF: str(number),
        HEADER + "Position": str(letter.position),
        HEADER + "Subject": letter.subject,
    }
    return await _mark(nc, mark_subject(realm, letter.consumer, "redrive", str(number)), letter.body, headers)


async def dismiss(nc: Client, realm: str, number: int, why: str) -> bool:
    """Note that nothing is to be done about a letter; return False if that was done before.

    Raises:
        NoSuchLetter: no letter has that number.
    """
    letter = await show(nc, realm, number)
    subject = mark_subject(realm, letter.consumer, "dismiss", str(number))
    return await _mark(nc, subject, b"", {HEADER + "Why": one_line(why)})


async def _mark(nc: Client, subject: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Store a message on a subject that is empty; return False if it is not."""
    try:
        await js_publish(nc, subject, body, {**headers, "Nats-Expected-Last-Subject-Sequence": "0"})
    except JetStreamError as error:
        if error.err_code == WRONG_LAST_SEQUENCE:
            return False
        raise
    return True


async def _marks(nc: Client, realm: str) -> frozenset[tuple[int, str]]:
    """Return what was done about which letter: its number and ``redrive`` or ``dismiss``."""
    body = {"subjects_filter": mark_subject(realm, "*", "*")}
    try:
        info = await js_request(nc, f"STREAM.INFO.{dead_letters_stream(realm)}", body)
    except Missing:
        return frozenset()
    subjects = [subject.split(".") for subject in info["state"].get("subjects") or {}]
    return frozenset((int(tokens[4]), tokens[3]) for tokens in subjects if tokens[4].isdigit())


async def _marked(
    nc: Client, realm: str, letter: DeadLetter, marks: frozenset[tuple[int, str]]
) -> DeadLetter:
    """Return the letter with what was done about it."""
    if (letter.sequence, "dismiss") in marks:
        subject = mark_subject(realm, letter.consumer, "dismiss", str(letter.sequence))
        stored = await js_request(
            nc, f"STREAM.MSG.GET.{dead_letters_stream(realm)}", {"last_by_subj": subject}
        )
        headers = parse_headers(b64(stored["message"].get("hdrs")))
        letter = replace(letter, dismissed=headers.get(HEADER + "Why") or "no reason was given")
    return replace(letter, redriven=(letter.sequence, "redrive") in marks)


async def _get(nc: Client, realm: str, query: Mapping[str, int | str]) -> DeadLetter:
    name = dead_letters_stream(realm)
    message = (await js_request(nc, f"STREAM.MSG.GET.{name}", query))["message"]
    subject = str(message["subject"])
    headers = parse_headers(b64(message.get("hdrs")))
    if subject.count(".") != LETTER_DOTS:
        raise Missing(404, 0, f"message {message['seq']} is what was done about a letter")
    told = {key: headers.get(HEADER + key, "") for key in ("Reason", "Error", "Code", "Field", "Id")}
    return DeadLetter(
        consumer=subject.split(".")[2],
        position=count_in(headers, HEADER + "Position"),
        subject=headers.get(HEADER + "Subject", ""),
        body=b64(message.get("data")),
        reason=told["Reason"],
        error_class=told["Error"],
        attempts=count_in(headers, HEADER + "Attempts"),
        first_failure_us=count_in(headers, HEADER + "First-Us"),
        last_failure_us=count_in(headers, HEADER + "Last-Us"),
        headers={k[len(ORIGINAL) :]: v for k, v in headers.items() if k.startswith(ORIGINAL)},
        redrive_of=count_in(headers, HEADER + "Redrive-Of"),
        sequence=int(message["seq"]),
        code=told["Code"],
        field=told["Field"],
        message_id=told["Id"],
    )


def one_line(text: str) -> str:
    """Return a text as a header can hold it: a sender's words may be in it, line breaks and all."""
    kept = "".join(
        character if character.isprintable() else " " for character in text[:HEADER_CHARACTERS_MAX]
    )
    return " ".join("".join(kept).split())


def count_in(headers: Mapping[str, str], name: str) -> int:
    """Return a header's number; 0 if there is none, or somebody wrote something else there."""
    digits = headers.get(name, "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < DIGITS_MAX else 0


def parse_headers(block: bytes) -> dict[str, str]:
    """Return a stored message's NATS headers (`NATS/1.0` and `Name: value` lines)."""
    lines = block.decode("utf-8", "replace").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def b64(text: str | None) -> bytes:
    """Return the bytes of a member of JetStream's JSON; an absent one is empty."""
    return base64.b64decode(text or "")
