import subprocess
import sys

import pytest

from nmn.memory import free_memory, keep_freed_memory

LINUX = sys.platform.startswith("linux")


def test_freed_memory_is_kept_where_the_c_library_can() -> None:
    # In a process of its own, as it is for good.
    code = "from nmn.memory import keep_freed_memory as k; print(k())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ({"True", "False"} if LINUX else {"False"})


@pytest.mark.skipif(not LINUX, reason="other systems keep memory in other ways")
def test_kept_memory_is_used_again() -> None:
    code = (
        "import resource, sys\n"
        "from nmn.memory import keep_freed_memory\n"
        "if not keep_freed_memory(): sys.exit('another C library')\n"
        "size = 40 << 20\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "bytearray(size)\n"
        "before = faults()\n"
        "for _ in range(5): bytearray(size)\n"
        "print(faults() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(done.stderr.strip())
    pages_of_one = (40 << 20) // 4096
    assert int(done.stdout) < pages_of_one / 4


def test_another_system_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
    assert free_memory() == float("inf")


@pytest.mark.skipif(not LINUX, reason="other systems do not say")
def test_free_memory_is_less_than_there_is_and_obeys_the_limit() -> None:
    assert 0 < free_memory() < 1 << 50
    code = (
        "import resource\n"
        "from nmn.memory import free_memory\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))\n"
        "print(free_memory())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < float(done.stdout) < 1 << 31
