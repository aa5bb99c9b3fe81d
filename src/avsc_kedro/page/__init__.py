"""The report as one HTML page that needs nothing else: no script, no link, no other file."""

from avsc_kedro.page.document import Headline, Section, render_page
from avsc_kedro.page.table import Table

__all__ = ["Headline", "Section", "Table", "render_page"]
