"""What can go wrong that a person can do something about."""


class Refused(Exception):
    """What the person asked for can't be done; the message says why and what would work. Each argument is a line of it."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


class Away(Exception):
    """A server that is needed can't be reached, or not now; the message says which. Wait, and try again.

    A commit that ends so may have been stored or not: where the record stands tells.
    """


class NotPlaced(Exception):
    """Placing ended in an error of ours. The message says in which records, and what a person may decide about the one at fault.

    Nothing is lost and nothing is in by half; nothing that comes after goes on either, since a wrong number is worse.
    """
