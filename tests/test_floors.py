"""The architecture is checked: floors, and who may touch which library."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_every_module_imports_only_lower_floors():
    command = Path(sys.executable).with_name("lint-imports")
    tool = str(command) if command.exists() else shutil.which("lint-imports")
    done = subprocess.run([tool], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
