"""The page's style sheet: one column, readable from a phone to print, light or dark."""

CSS = """
:root { color-scheme: light dark; --ink: #1d1d1f; --paper: #ffffff; --quiet: #5f6368;
  --line: #d9dce1; --band: #f5f6f8; --link: #0a5aa8; --warn: #7a3e00; --warn-band: #fff1d6;
  --audio: #0072b2; --visual: #c45100; --both: #00785a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8ea; --paper: #17181b;
  --quiet: #a5a9b0; --line: #3a3d44; --band: #212328; --link: #7db8f2; --warn: #ffd79a;
  --warn-band: #45320f; --audio: #5db4e8; --visual: #f59a5c; --both: #4cc4a1; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 17px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0; }
header p { color: var(--quiet); margin: .4rem 0 0; }
h2 { font-size: 1.35rem; margin: 2.75rem 0 .5rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }
section > p { max-width: 75ch; }
a { color: var(--link); }
code { font: .9em ui-monospace, "DejaVu Sans Mono", monospace; background: var(--band);
  padding: .05em .35em; border-radius: 4px; display: inline-block; overflow-wrap: anywhere; }
nav { margin-top: 1.25rem; line-height: 1.9; }
.warning { background: var(--warn-band); color: var(--warn); border: 2px solid currentColor;
  border-radius: 10px; padding: .85rem 1.1rem; margin: 1.5rem 0; }
.long { overflow-wrap: anywhere; min-width: 12rem; }
.headline { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr));
  gap: 1rem; margin: 1.5rem 0; }
.headline div { background: var(--band); border-radius: 10px; padding: 1rem 1.25rem;
  border-left: 6px solid var(--tone); }
.headline .audio { --tone: var(--audio); } .headline .visual { --tone: var(--visual); }
.headline .both { --tone: var(--both); }
.headline dt { color: var(--quiet); }
.headline dd { margin: 0; font-size: 2.6rem; line-height: 1.2; font-weight: 700;
  color: var(--tone); font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; margin: 1.25rem 0; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--quiet); padding-bottom: .4rem; }
th, td { padding: .38rem .75rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
thead th { border-bottom: 2px solid var(--quiet); vertical-align: bottom; }
tbody th { font-weight: 400; }
tbody tr:nth-child(even) { background: var(--band); }
.number { text-align: right; white-space: nowrap; }
thead .number { white-space: normal; }
figure { margin: 1.5rem 0; }
img { display: block; width: 100%; height: auto; background: #ffffff; padding: .75rem;
  border: 1px solid var(--line); border-radius: 10px; }
figcaption { color: var(--quiet); font-size: .92rem; margin-top: .4rem; }
@media print { main { max-width: none; padding: 0; } figure, tr { break-inside: avoid; } }
"""
