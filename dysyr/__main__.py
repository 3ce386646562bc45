"""``python -m dysyr`` is the command ``dysyr``."""

from dysyr.cli import main

if __name__ == "__main__":
    main()
