"""Where cnnbench keeps what outlives a command.

`CNNBENCH_HOME`, where it is set, holds both folders; else they are where the platform has
them (platformdirs). Nothing is created here: whoever writes does that.
"""

from __future__ import annotations

import os
from pathlib import Path


def data_dir() -> Path:
    """What the user gave us to keep, such as baselines."""
    from platformdirs import user_data_path

    home = os.environ.get("CNNBENCH_HOME")
    return Path(home) / "data" if home else user_data_path("cnnbench", appauthor=False)


def cache_dir() -> Path:
    """What can be measured again, such as the ceilings of this machine."""
    from platformdirs import user_cache_path

    home = os.environ.get("CNNBENCH_HOME")
    return Path(home) / "cache" if home else user_cache_path("cnnbench", appauthor=False)
