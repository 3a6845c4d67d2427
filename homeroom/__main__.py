"""`homeroom` and `python -m homeroom`: the command line, loaded."""

from homeroom.uncollected import uncollected


def main() -> None:
    """Run the command line."""
    with uncollected():
        from homeroom.cli import main as command_line  # noqa: PLC0415 - within, so that its loading is uncollected

    command_line()


if __name__ == "__main__":
    main()
