"""``python -m autoloop``: the ``autoloop`` command."""

from autoloop.cli import main

if __name__ == "__main__":
    main()
