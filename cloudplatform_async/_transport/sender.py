"""The order of things for one call; nothing else knows it."""

from typing import TypeVar

T = TypeVar("T")
