"""A disk that is really full (a small one, mounted): exit 4, the former output whole, nothing half-made left."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.demo import FEW_TREES, IGNORED, QUICK, Demo

CAN_MOUNT = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
ON_A_SMALL_DISK = """
    set -e
    cp -a "$1" "$2"
    mount -t tmpfs -o size=$(($(du -sk "$1" | cut -f1) + 2000))k tmpfs "$1"
    cp -a "$2/." "$1/"
    dd if=/dev/zero of="$1/filler" bs=1024 count=$(($(df -k --output=avail "$1" | tail -1) - $3)) status=none
    shift 3
    code=0; "$@" || code=$?
    rm "$DATA/filler"
    cp -a "$DATA/." "$AFTER/"
    exit $code
"""


@functools.cache
def _can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*CAN_MOUNT, "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False).returncode == 0


pytestmark = [
    *(pytest.mark.filterwarnings(message) for message in IGNORED),
    pytest.mark.skipif(not _can_mount(), reason="this machine lets nobody mount a small disk (unshare --user --mount)"),
]


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("stage", "layer", "free_kb"),
    [("simulate", "raw", 700), ("validate", "staged", 700), ("features", "datasets", 8), ("score", "lists", 8)],
)
def test_a_full_disk_leaves_what_was_there(
    stage: str, layer: str, free_kb: int, own_demo: Demo, tmp_path: Path
) -> None:
    after = tmp_path / "after"
    after.mkdir()
    change = {
        "simulate": "simulation=small",
        "validate": "source.max_null_share=0.002",
        "features": "windows.max_dates=7",
        "score": "policy.high_band=1.6",
    }[stage]
    date = ["--as-of", "latest"] if stage == "score" else []
    command = [sys.executable, "-m", "churn.cli", stage, *date, *own_demo.folders, *QUICK, *FEW_TREES, change]
    before = _files(own_demo.data / "demo" / layer)
    done = subprocess.run(
        [*CAN_MOUNT, ON_A_SMALL_DISK, "sh", own_demo.data, tmp_path / "kept", str(free_kb), *command],
        capture_output=True, text=True, timeout=120, check=False,
        env={**_environment(), "DATA": str(own_demo.data), "AFTER": str(after)},
    )  # fmt: skip
    assert done.returncode == 4, done.stderr + done.stdout
    assert "what was there before is untouched" in done.stderr
    assert "Traceback" not in done.stderr
    left = _files(after / "demo" / layer)
    assert {name: left.get(name) for name in before} == before
    assert {name for name in left if name not in before and not name.endswith("lock")} == set()


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "2"}
