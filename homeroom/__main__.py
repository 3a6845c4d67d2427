"""`homeroom` and `python -m homeroom`: the command line, loaded.

Nearly all objects that importing makes stay for good: looking for garbage among them takes a seventh of a start.
"""

import gc


def main() -> None:
    """Run the command line."""
    gc.disable()
    from homeroom.cli import main as command_line  # noqa: PLC0415 - after the line above

    gc.enable()
    command_line()


if __name__ == "__main__":
    main()
