"""What can go wrong that a person can do something about."""


class Refused(Exception):
    """What the person asked for can't be done; the message says why and what would work."""
