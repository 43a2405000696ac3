"""Cutting the texts of descriptors: balanced expressions and functions around them (Core: src/script/parsing.cpp)."""

from __future__ import annotations


def expression_end(text: str, start: int = 0) -> int:
    """Return where the expression at `start` ends: at a comma or closing bracket outside its own brackets."""
    level = 0
    for at in range(start, len(text)):
        character = text[at]
        if character in "({":
            level += 1
        elif level and character in ")}":
            level -= 1
        elif not level and character in ")},":
            return at
    return len(text)


def split_expression(text: str) -> tuple[str, str]:
    """Return the first expression of a text and what is behind it."""
    end = expression_end(text)
    return text[:end], text[end:]


def function_argument(name: str, text: str) -> str | None:
    """Return what is between the parentheses if the text is a call of `name`, None if it is not."""
    if text.startswith(name + "(") and text.endswith(")"):
        return text[len(name) + 1 : -1]
    return None


def is_hex(text: str) -> bool:
    """Whether the text is bytes in hex, at least one."""
    return bool(text) and len(text) % 2 == 0 and all(character in "0123456789abcdefABCDEF" for character in text)
