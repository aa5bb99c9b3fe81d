"""`python -m avsc_kedro`, the same as `kedro run` in the project's folder."""

import sys
from pathlib import Path

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main() -> None:
    """Run the project's `run` command."""
    configure_project(Path(__file__).parent.name)
    interactive = hasattr(sys, "ps1")
    find_run_command("avsc_kedro")(standalone_mode=not interactive)


if __name__ == "__main__":
    main()
