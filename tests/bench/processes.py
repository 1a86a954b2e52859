"""What a process holds, as the kernel says it."""

from __future__ import annotations

from pathlib import Path


def held_kb(pid: int) -> float:
    """Proportional set size: what the process would give back."""
    return _kb(Path(f"/proc/{pid}/smaps_rollup").read_text(), "Pss:")


def peak_kb(pid: int) -> float:
    """The most that was resident at any time."""
    return _kb(Path(f"/proc/{pid}/status").read_text(), "VmHWM:")


def _kb(text: str, name: str) -> float:
    return float(text.partition(name)[2].split()[0])
