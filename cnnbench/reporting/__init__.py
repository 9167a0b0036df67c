"""REPORT: results for a person, as documents that are printed in many formats.

    document.py     headings, paragraphs, tables and pictures in order, and the same as plain values
    formats.py      a document in each format, and as a page in a folder
    html.py         a document as HTML
    terminal.py     a document in a window
    tables.py       numbers and tables as text
    style.py        what all figures share
    analysis/       what a network costs (`cnnbench analyze`, `cnnbench formula`)
    runs/           the page of a stored run, and runs compared, exported and kept as baselines
    machine.py      health and ceilings of the machine (`cnnbench doctor`, `cnnbench roofline`)
    design_space/   all configurations of a block (`cnnbench sweep`)
    claims/         what others say of networks, judged (`cnnbench verify`)
    prediction/     predicted times and memory (`cnnbench predict`)

No page is written by hand: the same stored run gives the same bytes. An analysis imports no
pandas, and no matplotlib unless it draws a figure.
"""
