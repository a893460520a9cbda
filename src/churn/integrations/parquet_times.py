"""Times and lengths of time in Parquet files as meant: the engine would round them, mix them, or count units."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from churn.core.errors import DataRefused
from churn.integrations.engine import Engine, columns_of, identifier

NANOSECONDS = {
    "TIMESTAMP_NS": "make_timestamp(epoch_ns({0}) // 1000)",
    "TIMESTAMPTZ_NS": "timezone('UTC', make_timestamp(epoch_ns({0}) // 1000))",
}
LENGTHS = {
    "s": "to_microseconds({0} * 1000000)",
    "ms": "to_microseconds({0} * 1000)",
    "us": "to_microseconds({0})",
    "ns": "to_microseconds({0} // 1000)",
}


class ParquetTimes:
    """What the files of one input say of their columns of times, file by file.

    Parameters
    ----------
    name
        The input's name in messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._zones: dict[str, tuple[bool, Path]] = {}
        self._units: dict[str, tuple[str | None, Path]] = {}

    def meet(self, file: Path, schema: pa.Schema) -> None:
        """Take in the columns of one more file.

        Raises
        ------
        DataRefused
            For times with a zone in some files and without in others, and for lengths of time in several units: the
            engine would take all for the one or the other.
        """
        for field in schema:
            if pa.types.is_timestamp(field.type) or pa.types.is_date(field.type):
                self._meet_time(file, field)
            if not pa.types.is_null(field.type):
                self._meet_length(file, field)

    def _meet_time(self, file: Path, field: pa.Field) -> None:
        has_zone = getattr(field.type, "tz", None) is not None
        former, other = self._zones.setdefault(field.name.casefold(), (has_zone, file))
        if former != has_zone:
            with_zone, without = (file, other) if has_zone else (other, file)
            raise DataRefused(
                f"times carry a time zone in {with_zone.name} and none in {without.name}",
                table=self.name,
                column=field.name,
                code="mixed_time_zones",
                remedy="Export both alike, or make them two inputs and write timezone('Asia/Tokyo', column), with the "
                "zone they are in, where the SELECT reads those without",
            )

    def _meet_length(self, file: Path, field: pa.Field) -> None:
        unit = field.type.unit if pa.types.is_duration(field.type) else None
        former, other = self._units.setdefault(field.name.casefold(), (unit, file))
        if former != unit:
            raise DataRefused(
                f"lengths of time are stored in {former or 'plain numbers'} in {other.name} and in "
                f"{unit or 'plain numbers'} in {file.name}",
                table=self.name,
                column=field.name,
                code="mixed_units",
                remedy="Export both alike, or make them two inputs",
            )

    def as_meant(self, engine: Engine, relation: str) -> str:
        """Return the relation with times cut to microseconds, and lengths of time as such and not as counts of a unit.

        Everything behind has microseconds; a cast would round the end of a day into the next, and the engine neither
        compares nor casts instants of nanoseconds with others. A length of time is no number until a SELECT says in
        which unit.
        """
        meant = {}
        for column, kind in columns_of(engine, relation).items():
            unit, _ = self._units.get(column.casefold(), (None, None))
            sql = NANOSECONDS.get(kind) if unit is None else LENGTHS[unit]
            if sql is not None:
                meant[column] = f"{sql.format(identifier(column))} AS {identifier(column)}"
        return f"(SELECT * REPLACE ({', '.join(meant.values())}) FROM {relation})" if meant else relation
