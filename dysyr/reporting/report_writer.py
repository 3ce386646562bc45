"""What everything that is reported has in common: scores as JSON, a page as HTML."""

import json
from pathlib import Path

from dysyr.core.atomic import write_text


class ReportMakers:
    """Writes ``to_dict()`` as JSON, and ``_page()`` as a page."""

    def save_metrics(self, path):
        """Write ``metrics.json`` atomically.

        Args:
            path: the file to write.

        Raises:
            DysyrError: the folder cannot be written, or the disk is full.
        """
        write_text(path, json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n")

    def to_html(self, path):
        """Write the report: one HTML file that needs nothing else.

        Args:
            path: the file to write.

        Returns:
            The path.

        Raises:
            DysyrError: the folder cannot be written, or the disk is full.
        """
        write_text(path, self._page())
        return Path(path)
