"""How a page looks: plain print, readable on paper and on a screen."""

CSS = """
body { font: 16px/1.55 Georgia, "Times New Roman", serif; color: #1b1f24; background: #fff; max-width: 58rem;
  margin: 2.5rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .8rem; padding-bottom: .25rem; border-bottom: 1px solid #d5dade; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
.name, .source, th, table, pre, dl, summary, .verdict { font-family: system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
.name { color: #6b737c; margin: 0; font-size: .85rem; letter-spacing: .03em; }
.source { color: #6b737c; font-size: .85rem; }
a { color: #1f5a94; overflow-wrap: anywhere; }
.verdict { font-size: .9rem; padding: .6rem .9rem; border-left: 4px solid; background: #f5f7f8; }
.about { color: #6b737c; font-size: .82rem; }
.good { border-color: #2e7d4f; } .bad { border-color: #b3261e; background: #fdf1f0; }
img { display: block; max-width: 100%; margin: .5rem auto 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .84rem; margin: .4rem 0 1rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: #6b737c; border-bottom: 1px solid #aab2ba; }
th, td { padding: .28rem .9rem .28rem 0; vertical-align: top; }
td { border-bottom: 1px solid #eceff1; } td:first-child { white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
pre { font: .8rem/1.5 ui-monospace, Menlo, Consolas, monospace; background: #f5f7f8; padding: .7rem .9rem; white-space: pre-wrap; }
dl { display: grid; grid-template-columns: 7rem 1fr; gap: .2rem .6rem; font-size: .88rem; margin: .4rem 0; }
dt { color: #6b737c; } dd { margin: 0; }
ul { padding-left: 1.2rem; margin: .2rem 0; } li { margin: .25rem 0; font-size: .95rem; }
summary { cursor: pointer; color: #1f5a94; font-size: .88rem; margin: .4rem 0; }
.wide { overflow-x: auto; }
@media (max-width: 700px) { body { padding: 0 .8rem; } .wide table { width: max-content; max-width: 52rem; } }
@media print { body { margin: 0; max-width: none; } section { break-inside: avoid-page; } }
"""
