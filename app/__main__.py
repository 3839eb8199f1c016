"""The command's first step. A worker that was killed is to be at work again at once, and half of its start is to import."""

import gc
import os


def main() -> None:
    # Nothing of what is imported is ever garbage, and pydantic would look for plugins in all that is installed.
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from app.cli import main

    main()


if __name__ == "__main__":
    main()
