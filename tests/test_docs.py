"""What the pages point to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


def test_the_results_are_filled_in():
    assert "RESULTS_" not in (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", ["src/avsc_kedro", "tests"])
def test_every_file_that_the_paper_s_table_names_exists(folder):
    text = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    column = 1 if folder.startswith("src") else 2
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ")]
    named = {
        name for row in rows if len(row) == 4 for name in re.findall(r"`([\w/]+\.py)`", row[column])
    }
    assert named
    assert [name for name in sorted(named) if not (ROOT / folder / name).is_file()] == []
