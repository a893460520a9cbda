"""CSV files as engine relations: every column as text, in clean UTF-8, a fault of the file said in our words.

Ids survive as they stand; staging does the typing with its own messages.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import re
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from churn.core.errors import DataRefused, first_line
from churn.core.source import InputSettings
from churn.integrations.engine import Engine, file_literal, quoted
from churn.integrations.store import output_errors

CHUNK = 1 << 20
BYTE_ORDER_MARK = "\ufeff"
BEGINNINGS = {
    b"PAR1": "Parquet",
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\x1f\x8b": "compressed by gzip",
    b"SQLite": "SQLite",
}
JAPANESE, WESTERN = ("cp932", "euc_jp"), ("cp1252", "latin-1")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
NOT_IN_TEXT = re.compile("[\x80-\x9f\ue000-\uf8ff]")  # control characters and private ones: another encoding's bytes
FOREIGN = re.compile("[^\x00-\x7f]+")
WITHIN_A_WORD = re.compile("(?<=[A-Za-z])[^\x00-\x7f](?![^\x00-\x7f])|(?<![^\x00-\x7f])[^\x00-\x7f](?=[A-Za-z])")
Layouts = dict[tuple[str, ...], list[Path]]


def csv_relation(engine: Engine, name: str, files: list[Path], settings: InputSettings, by_layout: Layouts) -> str:
    """Return the relation that reads CSV files; `by_layout` receives the files of each header."""
    for number, file in enumerate(files):
        _refuse_other_kind(name, file)
        clean = _as_utf8(engine, name, file, settings, number)
        by_layout.setdefault(_header(name, file, clean, settings), []).append(clean)
    parts = []
    for header, group in by_layout.items():
        columns = ", ".join(f"'{quoted(column)}': 'VARCHAR'" for column in header)
        listed = ", ".join(map(file_literal, group))
        parts.append(
            f"SELECT * FROM read_csv([{listed}], auto_detect = false, header = {not settings.columns}, "
            f"columns = {{{columns}}}, delim = '{quoted(settings.delimiter)}', quote = '\"', escape = '\"', "
            f"strict_mode = true, null_padding = false, max_line_size = 10000000{partition_option(group, [header])})"
        )
    return "(" + " UNION ALL BY NAME ".join(parts) + ")"


def partition_option(files: Iterable[Path], headers: Iterable[Sequence[str]]) -> str:
    """Return the engine's option that leaves a column to the files where a folder (`month=2024-01`) has its name too.

    Without it the engine puts the folder's value in place of theirs.
    """
    of_folders = {part.partition("=")[0].casefold() for file in files for part in file.parent.parts if "=" in part}
    of_files = {column.casefold() for header in headers for column in header}
    return ", hive_partitioning = false" if of_folders & of_files else ""


def kind_by_beginning(file: Path) -> str | None:
    """Return what the first bytes of a file say it is, or None where they say nothing."""
    with file.open("rb") as stream:
        start = stream.read(8)
    return next((kind for magic, kind in BEGINNINGS.items() if start.startswith(magic)), None)


def _refuse_other_kind(name: str, file: Path) -> None:
    """Refuse a file that is no text at all, before its bytes are taken for an encoding."""
    kind = None if file.suffix.lower() == ".gz" else kind_by_beginning(file)
    if kind is not None:
        raise DataRefused(
            f"{file} is read as CSV but looks like {kind}",
            table=name,
            code="unknown_format",
            remedy="Give it the ending of what it is (.csv.gz, .parquet), keep it out of the glob, or export it as CSV",
        )


def _open(file: Path) -> IO[bytes]:
    return gzip.open(file, "rb") if file.suffix.lower() == ".gz" else file.open("rb")  # type: ignore[return-value]


def _chunks(file: Path) -> Iterator[bytes]:
    with _open(file) as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _as_utf8(engine: Engine, name: str, file: Path, settings: InputSettings, number: int) -> Path:
    """Return a file of clean UTF-8: the file itself where it is, else a transcoded copy in the scratch folder."""
    is_utf8 = codecs.lookup(settings.encoding).name in ("utf-8", "ascii")
    text = _clean_text(name, file, settings)
    if is_utf8 and file.suffix.lower() != ".gz" and not settings.strip_nul:
        deque(text, maxlen=0)  # only read: what is wrong with the bytes is said before the engine meets them
        return file
    copy = (
        engine.scratch
        / copy_folder(name, number)
        / file.name.removesuffix(file.suffix if file.suffix.lower() == ".gz" else "")
    )
    with output_errors(copy):
        copy.parent.mkdir(exist_ok=True)
        with copy.open("w", encoding="utf-8", newline="") as out:
            out.writelines(text)
    return copy


def copy_folder(name: str, number: int) -> str:
    """Return the name of the folder that holds the clean copy of an input's file, by its place among the files."""
    return f"{name}-{number}"


def _clean_text(name: str, file: Path, settings: InputSettings) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(settings.encoding)()
    position = 0
    try:
        for chunk in _chunks(file):
            text = decoder.decode(chunk)
            if "\0" in text and not settings.strip_nul:
                _refuse_nul(name, file, position + chunk.find(b"\0"))
            yield text.replace("\0", "")
            position += len(chunk)
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        _refuse_encoding(name, file, position + getattr(error, "start", 0), settings.encoding)
    except (EOFError, zlib.error, OSError) as error:
        raise broken_file(name, file, "cannot be read to its end", error) from error


def line_endings(file: Path, encoding: str) -> dict[str, int]:
    """Return how many lines of a file end in which way."""
    decoder, counts, last = codecs.getincrementaldecoder(encoding)(), Counter[str](), ""
    for chunk in _chunks(file):
        text = last + decoder.decode(chunk)
        last = "\r" if text.endswith("\r") else ""  # perhaps the first half of a pair
        text = text.removesuffix(last)
        pairs = text.count("\r\n")
        counts.update({"CRLF": pairs, "LF": text.count("\n") - pairs, "CR": text.count("\r") - pairs})
    return dict(+counts)


def broken_file(name: str, file: Path, problem: str, error: BaseException) -> DataRefused:
    """Return the refusal of a file that cannot be read, with its size and what the reader said."""
    return DataRefused(
        f"{file} ({file.stat().st_size:,} bytes) {problem}: {first_line(error)}",
        table=name,
        code="broken_file",
        remedy="Did the export finish?",
    )


def _refuse_nul(name: str, file: Path, offset: int) -> None:
    if _guess_encoding(file) == "utf-16":
        _refuse_encoding(name, file, 0, "utf-8")
    raise DataRefused(
        f"{file} holds a NUL byte near byte {offset:,}",
        table=name,
        code="nul_byte",
        remedy="Export it again, or set strip_nul: true on this input to drop such bytes",
    )


def _refuse_encoding(name: str, file: Path, offset: int, encoding: str) -> None:
    guess = _guess_encoding(file)
    hint = f"it reads as {guess}: set encoding: {guess} on this input" if guess else "set encoding: on this input"
    raise DataRefused(
        f"{file} is not {encoding} at byte {offset:,}",
        table=name,
        code="wrong_encoding",
        remedy=f"Export it as UTF-8, or {hint}",
    ) from None


def _guess_encoding(file: Path) -> str | None:
    head = next(_chunks(file), b"")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    for encoding in (*JAPANESE, *WESTERN):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        if encoding in WESTERN or _reads_as_japanese(text):
            return encoding
    return None


def _reads_as_japanese(text: str) -> bool:
    """Return whether text that could be decoded is Japanese: not single signs within words, as umlauts are.

    Examples
    --------
    >>> [_reads_as_japanese("Jäger,Köln".encode("cp1252").decode(name, "replace")) for name in JAPANESE]
    [False, False]
    >>> _reads_as_japanese("2023年2月,東京")
    True
    """
    return not NOT_IN_TEXT.search(text) and 2 * len(WITHIN_A_WORD.findall(text)) < len(FOREIGN.findall(text))


def _header(name: str, file: Path, clean: Path, settings: InputSettings) -> tuple[str, ...]:
    with clean.open(encoding="utf-8-sig", newline="") as stream:
        try:
            given = next(csv.reader(stream, delimiter=settings.delimiter), [])
        except csv.Error as error:  # a quote that nobody closes makes the whole file one field
            raise broken_file(name, file, "has no readable header in line 1", error) from error
    found = [column.lstrip(BYTE_ORDER_MARK) for column in given]  # a second one is read as text
    _refuse_other_columns(name, file, found, settings.columns)
    header = settings.columns or [column or f"unnamed_{place}" for place, column in enumerate(found, start=1)]
    refuse_repeated_header(name, f"{file}, line 1", header)
    others = [d for d in ";\t|," if d != settings.delimiter and d in "".join(header)]
    if len(header) == 1 and others:
        raise DataRefused(
            f"{file}, line 1: one single column '{header[0][:60]}'",
            table=name,
            code="wrong_delimiter",
            remedy=f"Set delimiter: {json.dumps(others[0])} on this input",
        )
    return tuple(header)


def _refuse_other_columns(name: str, file: Path, given: Sequence[str], stated: Sequence[str]) -> None:
    """Refuse a first line of another length than the names stated for it, or that is a row where none are stated."""
    if stated and len(stated) != len(given):
        raise DataRefused(
            f"{file}, line 1: {len(given)} columns, where this input names {len(stated)}",
            table=name,
            code="other_columns",
            remedy="Name every column under 'columns', in their order, and set the delimiter of this input",
        )
    if not stated and given and all(NUMBER.fullmatch(column.strip()) for column in given):
        raise DataRefused(
            f"{file}, line 1: the names of the columns are numbers ({', '.join(given[:5])}); it looks like a row",
            table=name,
            code="no_header",
            remedy="If the file has no header, name its columns on this input, for example columns: [id, label]",
        )


def refuse_repeated_header(name: str, place: str, header: Sequence[str]) -> None:
    """Refuse a file with two columns of one name, of which the engine would quietly rename one."""
    count = Counter(column.casefold() for column in header)
    repeated = sorted(column for column in header if count[column.casefold()] > 1)
    if repeated:
        raise DataRefused(
            f"{place}: the header repeats {', '.join(dict.fromkeys(repeated))}",
            table=name,
            code="duplicate_header",
            remedy="Give every column its own name",
        )


def explain_csv_error(
    error: Exception, name: str, origin: Callable[[Path], tuple[str, Path] | None] = lambda _: None
) -> DataRefused | None:
    """Return the engine's complaint about a CSV line in our words, or None when it is about something else.

    Parameters
    ----------
    name
        What is said to be wrong where `origin` does not know the file.
    origin
        The input that the engine reads a file for, and the file as it was given.
    """
    text = str(error)
    line = re.search(r"CSV Error on Line: (\d+)", text)
    if line is None:
        return None
    read = re.search(r"file ?= ?(.+)", text)
    name, file = (origin(Path(read[1].strip())) or (name, read[1].strip())) if read else (name, "a file")
    known = re.search(
        r"Expected Number of Columns: \d+ Found: \d+|[Uu]nterminated quote|Invalid unicode|"
        r"Maximum line size of \d+ bytes",
        text,
    )
    reason = known[0] if known else "the row does not fit the header"
    return DataRefused(
        f"{file}, line {int(line[1]):,}: {reason}",
        table=name,
        code="broken_row",
        remedy="Correct that row, or set the delimiter / encoding of this input",
    )
