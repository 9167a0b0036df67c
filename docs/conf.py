"""Sphinx: the pages of docs/ and the committed reports, from the root of the repository.

`make docs` builds them into build/docs; nothing is fetched from the network.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import cnnbench

project = "cnnbench"
version = release = cnnbench.__version__
author = "the cnnbench authors"
project_copyright = "the cnnbench authors, MIT licence"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "catalogue"]
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "docs/*/*.md",
    "reports/*/README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
]
exclude_patterns = ["reports/*-[0-9]*"]

myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 3
default_role = "code"  # docstrings write `name`, as Markdown does

autodoc_typehints = "none"  # the signature has them
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 70

html_theme = "furo"
html_title = "cnnbench"
html_show_sourcelink = False
html_copy_source = False
