"""The page's frame: title, three big numbers, contents, sections."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import pandas as pd

from avsc_kedro.page.style import CSS
from avsc_kedro.page.table import Table, render_table

SYNTHETIC_WARNING = (
    "<strong>Synthetic data.</strong> The clips of this run were made by the project itself. "
    "The scores show that the system works from end to end; they say nothing about real "
    "scenes and do not compare with the paper's."
)


class Headline(NamedTuple):
    """The three accuracies a reader looks for, as fractions; None prints a dash."""

    audio: float | None
    visual: float | None
    both: float | None
    both_title: str = "audio and visual"


class Section(NamedTuple):
    """One part of the page; blank lines part paragraphs, `backticks` set code."""

    title: str
    text: str = ""
    tables: Sequence[Table | tuple[str, pd.DataFrame]] = ()
    figures: Sequence[tuple[str, bytes]] = ()


def render_page(
    title: str,
    subtitle: str,
    sections: Sequence[Section],
    *,
    headline: Headline | None = None,
    synthetic: bool = False,
) -> str:
    """Return the whole page as HTML.

    Args:
        title: Heading and window title.
        subtitle: One line below it.
        sections: In order; each gets an anchor made of its title.
        headline: The three big numbers.
        synthetic: Whether to warn, above everything, that the clips are made up.
    """
    anchors = _anchors([section.title for section in sections])
    parts = [
        f"<header><h1>{escape(title)}</h1><p>{_inline(subtitle)}</p></header>",
        f'<p class="warning" role="note">{SYNTHETIC_WARNING}</p>' if synthetic else "",
        _headline(headline) if headline else "",
        _contents(sections, anchors),
        *(_section(section, anchor) for section, anchor in zip(sections, anchors, strict=True)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, parts))
        + "\n</main>\n</body>\n</html>\n"
    )


def _headline(headline: Headline) -> str:
    titles = ("audio only", "visual only", headline.both_title)
    boxes = [
        f'<div class="{kind}"><dt>{escape(name)}</dt>'
        f"<dd>{'–' if score is None else f'{100 * score:.1f} %'}</dd></div>"
        for kind, name, score in zip(("audio", "visual", "both"), titles, headline, strict=False)
    ]
    return f'<dl class="headline">{"".join(boxes)}</dl>'


def _contents(sections: Sequence[Section], anchors: Sequence[str]) -> str:
    links = [
        f'<a href="#{anchor}">{escape(section.title)}</a>'
        for section, anchor in zip(sections, anchors, strict=True)
    ]
    return f'<nav aria-label="Contents">{" · ".join(links)}</nav>' if links else ""


def _section(section: Section, anchor: str) -> str:
    paragraphs = [p for p in re.split(r"\n\s*\n", section.text.strip()) if p]
    parts = [
        f"<h2>{escape(section.title)}</h2>",
        *(f"<p>{_inline(paragraph)}</p>" for paragraph in paragraphs),
        *(render_table(Table(*table)) for table in section.tables),
        *(_figure(caption, png) for caption, png in section.figures),
    ]
    return f'<section id="{anchor}">\n' + "\n".join(parts) + "\n</section>"


def _figure(caption: str, png: bytes) -> str:
    source = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    words = escape(caption)
    return f'<figure><img src="{source}" alt="{words}"><figcaption>{words}</figcaption></figure>'


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _anchors(titles: Sequence[str]) -> list[str]:
    """Return one id per title, made of its letters and digits; a repeated one is numbered."""
    anchors: list[str] = []
    for title in titles:
        anchor = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
        repeats = sum(a == anchor or a.startswith(f"{anchor}--") for a in anchors)
        anchors.append(f"{anchor}--{repeats + 1}" if repeats else anchor)
    return anchors
