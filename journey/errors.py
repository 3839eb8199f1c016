"""What can go wrong that a person can do something about."""

FAILED_EXIT = 70
"""The exit status after a bug, and of work that stands still for one."""


class Refused(Exception):
    """What the person asked for can't be done; the message says why and what would work. Each argument is a line of it."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


class NotThere(Refused):
    """What the person named is not there: a figure, a section, somebody."""


class Away(Exception):
    """A server that is needed can't do it now; the message says which, and what is the matter with it. Wait, and try again.

    A commit that ends so may have been stored or not: where the record stands tells.
    """

    def __init__(self, message: str, outage: str = "") -> None:
        super().__init__(message)
        self.outage = outage or message
        """What it is part of: a server that is killed breaks connections first, then refuses them, and is one outage all along."""


class Busy(Away):
    """Another one has what is needed, and for long: nothing was stored, and what is the matter is no fault of the server's."""


class NotPlaced(Exception):
    """Placing ended in an error of ours. The message says in which records, and what a person may decide about the one at fault.

    Nothing is lost and nothing is in by half; nothing that comes after goes on either, since a wrong number is worse.
    """
