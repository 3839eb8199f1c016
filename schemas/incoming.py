"""A record on its way in: its bytes as they came, and where they came from."""

from typing import NamedTuple


class Incoming(NamedTuple):
    raw: bytes  # what the sender sent; kept when it can't be read
    source: str  # the file's name, or the topic
    place: str  # where in it: "crm.csv:17"
    body: bytes | None = None  # the CloudEvents JSON made of it, where `raw` is not that itself
    reason: str | None = None  # why nothing could be made of it
    code: str | None = None  # a short name of that reason
    letter: str | None = None  # the id of the dead letter that it is sent again for
