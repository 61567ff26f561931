"""Messages of a playground as text: what every carrier hands on."""

import json
from typing import Any

from ..errors import NNXError
from .session import Session

BYTES = 2**20  # of a message at most


def answered(session: Session, text: Any) -> str:
    """The answer to a message, both as text."""
    try:
        message = parsed(text)
    except NNXError as error:
        return json.dumps({"error": str(error)})
    number = message.get("id") if isinstance(message, dict) else None
    answer = session.answer(message)
    if isinstance(number, int):
        answer["id"] = number
    return json.dumps(answer, allow_nan=False)


def parsed(text: Any) -> Any:
    """The JSON of a message. Raises NNXError for what is none, or is too large."""
    if not isinstance(text, str):
        raise NNXError("a message must be text: JSON")
    if len(text) > BYTES:
        raise NNXError(f"a message may have {BYTES} characters, got {len(text)}")
    try:
        return json.loads(text, parse_constant=_refused)
    except ValueError as error:
        raise NNXError(f"a message must be JSON: {error}") from None
    except RecursionError:
        raise NNXError("a message must be JSON: its lists are too deep") from None


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")
