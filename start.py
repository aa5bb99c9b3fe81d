"""Make this project's environment and use it; needs nothing but Python.

    python3 start.py run  [options of kedro run]   install, then `kedro run`
    python3 start.py test [options of pytest]      install, then every check

The environment is the folder .venv beside this file. It is made once, and again
when requirements.lock or pyproject.toml changes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "installed.txt"
OLDEST, NEWEST = (3, 11), (3, 13)
EXTRAS = "viz,docs,dev"
# Of pytest, file by file and the longest first: one worker trains, the other does all else.
WORKERS = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
CHECKS = (
    ("Lint", ["ruff", "check", "."]),
    ("Format", ["ruff", "format", "--check", "."]),
    ("Floors", ["lint-imports", "--no-logo"]),
    ("Documentation", ["mkdocs", "build", "--strict", "--quiet"]),
)


def main(arguments: list[str]) -> int:
    """Do what the command line asks and return the exit status."""
    commands = {"run": run, "test": test}
    if not arguments or arguments[0] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    check_python()
    install()
    return commands[arguments[0]](arguments[1:])


def run(options: list[str]) -> int:
    """Run Kedro, which prints where the report lies, then say how to go on."""
    status = call([PYTHON, "-m", "kedro", "run", *options])
    if status == 0:
        print(f"\nTo go on with kedro commands, activate the environment:\n  {activation()}")
    return status


def test(options: list[str]) -> int:
    """Run every check, the tests last, so that their summary ends the output."""
    failed = [title for title, command in CHECKS if run_section(title, command)]
    if failed:
        print(f"\nFailed before the tests: {', '.join(failed)}", flush=True)
    status = run_section("Tests", [PYTHON, "-m", "pytest", "-q", *WORKERS, *options])
    return status or int(bool(failed))


def run_section(title: str, command: list) -> int:
    """Run one check under its heading."""
    program = BIN / command[0] if isinstance(command[0], str) else command[0]
    print(f"\n== {title}: {Path(program).name} {' '.join(command[1:])}", flush=True)
    return call([program, *command[1:]])


def check_python() -> None:
    """Stop if this Python is too old, too new, or cannot make environments."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(
            f"Expected Python {dotted(OLDEST)} to {dotted(NEWEST)}. "
            f"This is {dotted(sys.version_info[:3])}. Run start.py with another python3."
        )
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        sys.exit(
            "Expected Python's venv module with pip. It is not installed. On Debian and Ubuntu: "
            f"sudo apt-get install python{dotted(sys.version_info[:2])}-venv"
        )


def install() -> None:
    """Bring .venv up to date with the lock and the project, if it is not already."""
    wanted = fingerprint()
    if PYTHON.exists() and STAMP.is_file() and STAMP.read_text() == wanted:
        return
    STAMP.unlink(missing_ok=True)
    make_environment()
    if lock_applies():
        print("Installing requirements.lock into .venv; the first time takes minutes.", flush=True)
        install_lock()
    else:
        print(
            "requirements.lock was resolved for Python 3.11 on Linux. Installing what "
            "pyproject.toml allows instead; the first time takes minutes.",
            flush=True,
        )
        pip("install", "--editable", f".[{EXTRAS}]")
    STAMP.write_text(wanted)


def install_lock() -> None:
    """Install the locked files and the project; nothing that the lock does not name is fetched."""
    builder = VENV / "build.lock"  # setuptools first: what has no wheel is built with it
    builder.write_text(lock_entry("setuptools"))
    pip("install", "--require-hashes", "--requirement", str(builder))
    pip("install", "--require-hashes", "--no-build-isolation", "--requirement", str(LOCK))
    pip("install", "--no-deps", "--no-build-isolation", "--editable", ".")


def lock_entry(name: str) -> str:
    """Return the lines of one package in the lock."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = next(i for i in range(start, len(lines)) if not lines[i].endswith("\\"))
    return "\n".join(lines[start : end + 1]) + "\n"


def lock_applies() -> bool:
    """Whether this is what the lock was resolved for."""
    return sys.platform.startswith("linux") and sys.version_info[:2] == (3, 11)


def make_environment() -> None:
    """Make .venv, anew if another Python made it."""
    if is_of_this_python():
        return
    print(f"Making .venv with Python {dotted(sys.version_info[:3])}.", flush=True)
    if call([sys.executable, "-m", "venv", "--clear", VENV]):
        sys.exit(f"Python could not make {VENV}. What it said stands above.")


def is_of_this_python() -> bool:
    """Whether .venv works and has this Python's version."""
    probe = "import sys; print(*sys.version_info[:2])"
    try:
        said = subprocess.run([str(PYTHON), "-c", probe], capture_output=True, text=True)
    except OSError:
        return False
    return said.stdout.split() == [str(part) for part in sys.version_info[:2]]


def pip(*arguments: str) -> None:
    """Run pip in .venv and stop if it fails."""
    status = call([PYTHON, "-m", "pip", arguments[0], "--quiet", *arguments[1:]])
    if status:
        sys.exit(f"pip failed with exit status {status}. What it said stands above.")


def fingerprint() -> str:
    """Return what .venv should have been made from."""
    digest = hashlib.sha256()
    for path in (LOCK, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return f"{dotted(sys.version_info[:3])} {ROOT} {digest.hexdigest()}\n"


def call(command: list) -> int:
    """Run a command in the project's folder, with .venv first on the path."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", "")]),
        "VIRTUAL_ENV": str(VENV),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "NO_MKDOCS_2_WARNING": "1",
    }
    environment.pop("PYTHONHOME", None)
    return subprocess.run([str(part) for part in command], cwd=ROOT, env=environment).returncode


def activation() -> str:
    """Return the line that activates .venv."""
    if os.name == "nt":
        return str(BIN / "activate")
    return f"source {BIN / 'activate'}"


def dotted(version: tuple) -> str:
    """Return a version as text."""
    return ".".join(str(part) for part in version)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
