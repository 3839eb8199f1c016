"""Text that came from outside, as it can be shown."""


def readable(text: str) -> str:
    """`text` on one line, as it can be printed anywhere: what would move the cursor, change colours or directions, or is not seen at all,
    is spelled out. So are surrogates, which stand for bytes that are no UTF-8."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
