"""The page stands alone, escapes what it is given and prints numbers as asked."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from avsc_kedro.page import Headline, Section, Table, render_page

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SCORES = pd.DataFrame(
    {
        "Branch": ["Aud-MEL", "Vis-INC", "<f4>"],
        "Accuracy (%)": [70.0, 80.5, None],
        "Log loss": [0.912, 0.5, 0.5],
        "Parameters": pd.array([1_160_000, None, 70], dtype="Int64"),
    }
)


class Checker(HTMLParser):
    """Collects ids, links and sources, and checks that tags close in order."""

    VOID = ("meta", "img", "br")

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.images = [], [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.open += [] if tag in self.VOID else [tag]
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if "href" in attrs else []
        self.images += [attrs] if tag == "img" else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert not checker.open
    return checker


def test_page_is_well_formed_and_its_contents_lead_somewhere():
    sections = [Section("Table 1", "Text."), Section("Table 1"), Section("Ω")]
    checker = checked(render_page("Report", "f4", sections))
    assert checker.links == [f"#{i}" for i in checker.ids]
    assert checker.ids == ["table-1", "table-1--2", "section"]


def test_page_loads_nothing_and_every_picture_says_what_it_is():
    section = Section("Figures", figures=[('Figure 4: "f4"', PNG)])
    page = render_page("Report", "", [section])
    assert not re.search(r"https?://|<script|<link|@import|url\(", page)
    image = checked(page).images[0]
    assert image["alt"] == 'Figure 4: "f4"'
    assert base64.b64decode(image["src"].removeprefix("data:image/png;base64,")) == PNG


def test_text_is_escaped_split_and_may_hold_code():
    page = render_page("A & B", "<b>", [Section("S", "one <i>\n\ntwo `kedro run`")])
    assert "<h1>A &amp; B</h1><p>&lt;b&gt;</p>" in page
    assert "<p>one &lt;i&gt;</p>\n<p>two <code>kedro run</code></p>" in page


def test_headline_and_banner_appear_when_told():
    page = render_page("R", "", [], headline=Headline(0.805, None, 0.953), synthetic=True)
    assert re.findall(r"<dd>(.*?)</dd>", page) == ["80.5 %", "–", "95.3 %"]
    assert "Synthetic data." in page
    assert "Synthetic data." not in render_page("R", "", [])


def test_table_aligns_numbers_and_marks_the_best():
    table = Table("Scores", SCORES, {"Accuracy (%)": "highest", "Log loss": "lowest"})
    page = render_page("R", "", [Section("S", tables=[table])])
    assert '<td class="number"><strong>80.5</strong></td>' in page
    assert '<td class="number">70.0</td>' in page
    assert page.count("<strong>0.500</strong>") == 2
    assert '<td class="number">1,160,000</td><' in page
    assert '<th scope="row">&lt;f4&gt;</th><td class="number">–</td>' in page


def test_a_path_may_break_anywhere():
    paths = pd.DataFrame(
        {"Clip": ["bus-1"], "Path": ["/recordings/of/last/year/bus-lisbon-1003.mp4"]}
    )
    page = render_page("R", "", [Section("S", tables=[Table("T", paths)])])
    assert '<th scope="row">bus-1</th><td class="long">/recordings' in page
    assert ".long { overflow-wrap: anywhere" in page


def test_best_of_each_row_leaves_other_columns_alone():
    frame = pd.DataFrame({"Category": ["Bus"], "f1": [90.0], "f4": [95.0], "f4 (paper)": [97.6]})
    page = render_page("R", "", [Section("S", tables=[Table("T", frame, {}, ["f1", "f4"])])])
    assert re.findall(r"<strong>(.*?)</strong>", page) == ["95.0"]


def test_plain_pair_is_a_table_and_unknown_best_is_refused():
    assert "<caption>T</caption>" in render_page("R", "", [Section("S", tables=[("T", SCORES)])])
    section = Section("S", tables=[Table("T", SCORES, {"Log loss": "largest"})])
    with pytest.raises(KeyError, match="largest"):
        render_page("R", "", [section])
