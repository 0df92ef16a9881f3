"""Posting to other people's addresses."""

from adapters.webhook.poster import Poster

__all__ = ["Poster"]
