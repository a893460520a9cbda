"""Raw files as engine relations: CSV and Parquet, found, told apart, checked and explained when they are broken."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from churn.core.errors import DataRefused
from churn.core.source import InputSettings
from churn.core.suggestions import did_you_mean
from churn.integrations.csv_files import (
    Layouts,
    broken_file,
    copy_folder,
    csv_relation,
    kind_by_beginning,
    line_endings,
    partition_option,
    refuse_repeated_header,
)
from churn.integrations.engine import Engine, as_written, file_literal, shortage
from churn.integrations.parquet_times import ParquetTimes

KINDS = {
    ".json": "JSON",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".xls": "Excel",
    ".avro": "Avro",
    ".orc": "ORC",
}


def find_files(name: str, path: str) -> list[Path]:
    """Return the files of a path or glob, sorted; a file whose own name holds `[1]` is meant as it is written.

    Raises
    ------
    DataRefused
        When nothing matches (with the nearest name in that folder), a file is empty, or this user may not read it.
    """
    try:
        found = _find(name, path)
        for file in found:
            file.open("rb").close()
    except PermissionError as error:
        raise DataRefused(
            f"this user may not read {error.filename}",
            table=name,
            code="unreadable_file",
            remedy="Give it the right to, or run as a user who has it",
        ) from error
    return found


def _find(name: str, path: str) -> list[Path]:
    stated = Path(path).expanduser()
    found = [stated] if stated.is_file() else _each_once(sorted(_files_of(stated)))
    if not found and stated.is_symlink():
        raise DataRefused(
            f"{path} is a link to {stated.readlink()}, where no file is",
            table=name,
            code="missing_file",
            remedy="Put the file there, or correct the link or the path of this input",
        )
    if not found and stated.is_dir():
        raise DataRefused(
            f"{path} is a folder",
            table=name,
            code="missing_file",
            remedy=f"Name its files, for example path: {path.rstrip('/')}/*.parquet or *.csv",
        )
    if not found:
        folder = stated.parent
        near = did_you_mean(stated.name, [p.name for p in folder.iterdir()]) if folder.is_dir() else ""
        state = "" if folder.is_dir() else f" (the folder {folder} does not exist)"
        raise DataRefused(
            f"no file matches {path}{state}{near}",
            table=name,
            code="missing_file",
            remedy="Correct the path of this input in the source file",
        )
    for file in found:
        if file.stat().st_size == 0:
            raise DataRefused(
                f"{file} is empty (0 bytes)", table=name, code="empty_file", remedy="Did the export finish?"
            )
    return found


def _each_once(files: Sequence[Path]) -> list[Path]:
    """Return the files without further names of the same one: links to it, or to a folder above it."""
    return list({file.resolve(): file for file in reversed(files)}.values())[::-1]


def _files_of(pattern: Path) -> Iterator[Path]:
    """Return the files of a pattern; a folder there is by that very name is meant as it is written."""
    folder = as_written(pattern.parent) if pattern.parent.is_dir() else str(pattern.parent)
    found = glob.glob(f"{folder}/{pattern.name}", recursive=True)  # noqa: PTH207
    return (Path(path) for path in found if Path(path).is_file())


def origin_of(read: Path, inputs: Mapping[str, InputSettings]) -> tuple[str, Path] | None:
    """Return the input that a file is read for, and the file as it was given where what is read is a clean copy."""
    for name, settings in inputs.items():
        for number, file in enumerate(find_files(name, settings.path) if settings.path is not None else ()):
            if read == file or read.parent.name == copy_folder(name, number):
                return name, file
    return None


def files_relation(engine: Engine, name: str, settings: InputSettings, selects: Iterable[str] = ()) -> str:
    """Return the SQL relation that reads an input's files, all of one kind.

    Parameters
    ----------
    engine
        Reads the files.
    name
        The input's name in messages.
    settings
        Its path, format and encoding.
    selects
        The SELECTs that read it: a column that has another name in some files is refused unless they name both.

    Raises
    ------
    DataRefused
        For files that are missing, broken, of another kind, or unlike each other.
    """
    files = find_files(name, str(settings.path))
    by_layout: Layouts = {}
    reader = csv_relation if is_csv(files, settings) else _parquet
    relation = reader(engine, name, files, settings, by_layout)
    _refuse_renamed(name, by_layout, " ".join(select for select in selects if name in select))
    return relation


def is_csv(files: Sequence[Path], settings: InputSettings) -> bool:
    """Return whether an input's files are CSV: as stated, else by the name of the first."""
    return settings.format == "csv" or (
        settings.format is None and re.search(r"\.(csv|tsv|txt)(\.gz)?$", files[0].name, re.IGNORECASE) is not None
    )


def explain_line_endings(error: Exception, inputs: Mapping[str, InputSettings]) -> DataRefused | None:
    """Return the refusal of the first CSV file whose lines end in several ways, if that is what the engine met."""
    if "CSV Parser state machine" not in str(error):
        return None
    files = {name: find_files(name, settings.path) for name, settings in inputs.items() if settings.path is not None}
    for name, file in ((n, f) for n, found in files.items() if is_csv(found, inputs[n]) for f in found):
        endings = line_endings(file, inputs[name].encoding)
        if len(endings) > 1:
            counted = ", ".join(f"{ending} {count:,}" for ending, count in endings.items())
            return DataRefused(
                f"{file} ends its lines in several ways ({counted})",
                table=name,
                code="mixed_line_endings",
                remedy="Write it with one of them, for example by: dos2unix FILE",
            )
    return None


def _refuse_renamed(name: str, by_layout: Layouts, selects: str) -> None:
    """Refuse files in which a column that is asked for has gone and another has come: it would silently be empty."""
    first, *others = by_layout
    takes_all = re.search(r"(SELECT|,|\.)\s*\*", selects, re.IGNORECASE) is not None
    for other in others:
        lost = [column for column in first if column not in other]
        gained = [column for column in other if column not in first]
        named = [column for column in (*lost, *gained) if re.search(rf"\b{re.escape(column)}\b", selects)]
        if lost and gained and (takes_all or named) and len(named) < len(lost) + len(gained):
            raise DataRefused(
                f"{by_layout[other][0].name} has {', '.join(gained)} where {by_layout[first][0].name} has "
                f"{', '.join(lost)}; it looks renamed",
                table=name,
                column=lost[0],
                code="renamed_column",
                remedy=f"Name both in the SELECT, for example coalesce({lost[0]}, {gained[0]}) AS {lost[0]}, "
                "or correct the export",
            )


def _parquet(engine: Engine, name: str, files: list[Path], _: InputSettings, by_layout: Layouts) -> str:
    """Return the relation of Parquet files, after one bare scan of each, so that a damaged page has its file named."""
    times = ParquetTimes(name)
    for file in files:
        _refuse_other_kind(name, file)
        try:
            engine.run(f"SELECT bit_xor(hash(COLUMNS(*))) FROM read_parquet({file_literal(file)})")
        except Exception as error:
            raise shortage(error) or broken_file(name, file, "is not a whole Parquet file", error) from error
        schema = pq.read_schema(file)
        header = tuple(schema.names)
        refuse_repeated_header(name, str(file), header)
        times.meet(file, schema)
        by_layout.setdefault(header, []).append(file)
    listed = ", ".join(map(file_literal, files))
    return times.as_meant(engine, f"read_parquet([{listed}], union_by_name = true{partition_option(files, by_layout)})")


def _refuse_other_kind(name: str, file: Path) -> None:
    """Refuse what is neither CSV by its name nor Parquet by its beginning, and say what it looks like."""
    begins = kind_by_beginning(file)
    if begins == "Parquet":
        return
    suffixes = [suffix.lower() for suffix in file.suffixes]
    named = next((KINDS[suffix] for suffix in suffixes if suffix in KINDS), None)
    kind = named or begins
    raise DataRefused(
        f"{file} is not a Parquet file" + (f" but looks like {kind}" if kind else ""),
        table=name,
        code="broken_file" if ".parquet" in suffixes else "unknown_format",
        remedy="Did the export finish?"
        if ".parquet" in suffixes
        else "CSV and Parquet are read: export it as one of them (a spreadsheet: save as CSV UTF-8; JSON, in DuckDB: "
        "COPY (FROM read_json_auto('file.json')) TO 'file.parquet'), or state format: csv on this input",
    )
