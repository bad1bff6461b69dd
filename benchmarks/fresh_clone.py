"""Clone the committed state into an empty folder and time the README's first command there.

    python benchmarks/fresh_clone.py [--target demo] [--json]

The time is that of `make demo` with its installation, from nothing.
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="demo")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    root = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as folder:
        clone = str(Path(folder) / "clone")
        subprocess.run(["git", "clone", "--quiet", str(root), clone], check=True)
        started = time.perf_counter()
        subprocess.run(["make", options.target], cwd=clone, check=True, stdout=subprocess.DEVNULL)
        seconds = round(time.perf_counter() - started, 1)
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    if options.json:
        print(json.dumps({"machine": machine, "target": options.target, "seconds": seconds}))
    else:
        print(f"make {options.target} in a fresh clone: {seconds} s ({machine})")


if __name__ == "__main__":
    main()
