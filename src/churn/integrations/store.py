"""Layers on disk: versioned folders that are whole or absent, and a pointer that is swapped last.

Every layer of a source (`staged`, `datasets`) holds folders named by their fingerprint; a folder is built under a
temporary name and renamed when it is whole, its manifest included.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.core.errors import ChurnError, DataRefused, OutputFailed, first_line
from churn.integrations.engine import Engine, file_literal, lost_file

if TYPE_CHECKING:
    import ibis.expr.types as ir

MANIFEST = "manifest.json"
CURRENT = "current.json"
DAMAGED = object()
MIXED = "count(*), bit_xor(h), sum(h % 1000003)"  # of the hashes of rows: the same in any order


@contextmanager
def output_errors(place: Path) -> Iterator[None]:
    """Turn a failure to write into `OutputFailed` with one line; what stood before stands still."""
    try:
        yield
    except ChurnError:
        raise
    except Exception as error:
        lost = lost_file(error)
        if lost is not None:  # read for what is written
            raise lost from error
        if not isinstance(error, OSError) and not any(text in str(error) for text in ("IO Error", "No space left")):
            raise
        problem = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
        raise OutputFailed(f"cannot write to {place}: {problem}; what was there before is untouched") from error


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a temporary sibling of `target` to fill; it takes the target's place when the block ends without error."""
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with output_errors(target):
            yield building
            building.chmod(0o755)
            replace_folder(building, target)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Give a temporary sibling of `target` to write; it takes the target's place when the block ends without error."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with output_errors(target):
        try:
            yield temporary
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def replace_folder(whole: Path, target: Path) -> None:
    """Give a finished folder the place of another, which is gone only once the new one stands."""
    if not target.exists():
        whole.rename(target)
        return
    former = Path(tempfile.mkdtemp(prefix=f".{target.name}-former-", dir=target.parent))
    target.rename(former / "old")
    whole.rename(target)
    shutil.rmtree(former, ignore_errors=True)


def write_table(engine: Engine, table: ir.Table, path: Path, order: Sequence[str] = ()) -> int:
    """Write an expression as Parquet and return its number of rows; with `order`, sorted by these columns."""
    if order:
        engine.write_sorted(table, order, path)
    else:
        engine.write(table, path)
    return int(engine.run(f"SELECT count(*) FROM read_parquet({file_literal(path)})")[0][0])


def write_json(path: Path, content: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of one."""
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=2, ensure_ascii=False, default=str, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())


def read_json(
    path: Path,
    remedy: str = "Restore it from a copy, or remove it and run the stage that writes it",
    is_right: Callable[[Any], bool] = lambda _: True,
) -> Any:
    """Return the content of a JSON file.

    Raises
    ------
    DataRefused
        When it holds no JSON, as after a machine that lost its power, or not what `is_right` asks for; the remedy says
        what to do then.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        content = DAMAGED
    if content is DAMAGED or not is_right(content):
        raise DataRefused(f"{path} ({path.stat().st_size:,} bytes) is damaged", code="broken_file", remedy=remedy)
    return content


def has_fingerprint(content: Any) -> bool:
    """Return whether a JSON file's content is that of a manifest, or of what points at one."""
    return isinstance(content, dict) and isinstance(content.get("fingerprint"), str)


def table_fingerprint(engine: Engine, path: Path) -> str:
    """Return an id of a Parquet file's rows that does not depend on their order."""
    rows = f"SELECT hash(t::VARCHAR) AS h FROM read_parquet({file_literal(path)}) t"
    return _mixed(*engine.run(f"SELECT {MIXED} FROM ({rows})")[0])


def day_fingerprints(engine: Engine, path: Path, dated: ir.Table) -> dict[str, str]:
    """Return an id of a Parquet file's rows of each day that does not depend on their order.

    Parameters
    ----------
    dated
        The rows with the day in their last column, as an expression over a table named `staged`.
    """
    import ibis  # other commands read and write files without it

    select = ibis.to_sql(dated, dialect="duckdb")
    rows = engine.run(
        f"WITH staged AS (SELECT * FROM read_parquet({file_literal(path)})) SELECT day, {MIXED} FROM "
        f"(SELECT t.{dated.columns[-1]} AS day, hash(t::VARCHAR) AS h FROM ({select}) t) GROUP BY day ORDER BY day"
    )
    return {str(day): _mixed(*mixed) for day, *mixed in rows}


def _mixed(rows: int, mixed: int | None, total: int | None) -> str:
    return f"{rows}-{mixed or 0:x}-{total or 0}"


def fingerprint(content: Any) -> str:
    """Return a short id of plain content."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_fingerprint(*packages: str) -> str:
    """Return an id of the source text of sub-packages: a data set built by other code is another data set."""
    digest = hashlib.sha256()
    for package in packages:
        for entry in sorted(resources.files(package).iterdir(), key=lambda e: e.name):
            if entry.name.endswith((".py", ".yaml")):
                digest.update(entry.name.encode() + entry.read_bytes())
    return digest.hexdigest()[:16]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_manifest(folder: Path) -> Mapping[str, Any] | None:
    """Return a folder's manifest, or None where there is none, as in a folder never finished, or a damaged one."""
    path = folder / MANIFEST
    try:
        return read_json(path, is_right=has_fingerprint) if path.is_file() else None
    except DataRefused:
        return None
