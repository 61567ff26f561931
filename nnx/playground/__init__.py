"""The playground: a session without input or output, the page that shows it, and what carries messages between them."""

from .session import Session

__all__ = ["Session"]
