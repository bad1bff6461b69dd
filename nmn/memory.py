"""The memory of this process: how much there is, and how it is kept."""

import ctypes
import os
import sys
from pathlib import Path
from types import ModuleType

resource: ModuleType | None
try:
    import resource
except ImportError:  # not a Unix
    resource = None

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Names of `mallopt` in glibc's malloc.h."""

_MOST = (1 << 31) - 1
_AT_ONCE = 64 << 20


def keep_freed_memory() -> bool:
    """Let freed memory stay with this process, to be used again; tell whether that is possible.

    Usually the C library gives large blocks back to the system as soon as they are free, and the
    next batch asks for them anew, a page at a time. Tensors of the same sizes come again with each
    batch; where a page is expensive (in virtual machines) they then take most of the time. The
    process stays as large as it once was. For whole programs, not for libraries, to call.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    options = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _MOST), (_TOP_PAD, _AT_ONCE))
    return all(mallopt(option, value) == 1 for option, value in options)


def free_memory() -> float:
    """Bytes that this process can still have; infinite where the system does not say."""
    if resource is None or not sys.platform.startswith("linux"):
        return float("inf")
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    free = next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        page = os.sysconf("SC_PAGE_SIZE")
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * page
        free = min(free, float(max(0, limit - used)))
    return free


def peak_memory() -> float | None:
    """Bytes of memory that this process has had at most; None where the system does not say."""
    if resource is None:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
