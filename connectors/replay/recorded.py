"""Recorded behaviour, read from a folder by a mapping: events in order, and what could not be one."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from connectors.kafka.event_records import EventRecord, event_record
from connectors.mappings.events import EventMaker
from connectors.mappings.files import Row, csv_columns, digest, find_file, read_join, read_rows
from connectors.mappings.model import ColumnValue, Format, Mapping, OrderBy, Source, Table, Value
from schemas.errors import ConfigError, Reason, SchemaError
from schemas.events import check_time
from schemas.ids import RecordId, WorkspaceId
from schemas.worlds import WorldRef

REPORT_ROWS = 5_000
"""Rows read between two reports to the watcher."""


class Watcher(Protocol):
    """Whoever watches how far a replay is."""

    def read(self, rows: int) -> None:
        """So many rows were read."""

    def total(self, events: int) -> None:
        """So many events there will be; not told where that is not known beforehand."""

    def sent(self, events: int) -> None:
        """So many events are acknowledged or under way."""

    def unusable(self, row: "Unusable") -> None:
        """This row is no event."""


@dataclass(frozen=True)
class Unusable:
    """A row that is no event: where it stands, why, and its bytes."""

    source: str
    row: int
    error: SchemaError
    payload: bytes


class Recorded(NamedTuple):
    """One event, ready for the log; `log_ms` is its record's time."""

    log_ms: int
    record: EventRecord


@dataclass(frozen=True)
class Recording:
    """A folder of recorded behaviour."""

    folder: Path
    mapping: Mapping
    workspace: WorkspaceId
    world: WorldRef

    def read(self, watcher: Watcher) -> Iterator[Recorded | Unusable]:
        """The events in the mapping's order; their times in the log never go back.

        Ordered by time, all records are held in memory at once; ordered by file, one.

        Raises:
            ConfigError: files or columns are missing.
        """
        sources = self._file_sources()
        if self.mapping.order_by is OrderBy.FILE:
            yield from self._read_all(sources, watcher)
            return
        records: list[Recorded] = []
        for item in self._read_all(sources, watcher):
            if isinstance(item, Recorded):
                records.append(item)
            else:
                yield item
        # The sort is stable: what happened at the same time stays as it stands in the files.
        records.sort(key=itemgetter(0))
        watcher.total(len(records))
        yield from records

    def _file_sources(self) -> list[tuple[Source, Table]]:
        """The sources that are files, each checked against the header it meets."""
        sources = [(source, source.table) for source in self.mapping.sources if source.table is not None]
        if not sources:
            raise ConfigError(f"mapping {self.mapping.path}: expected a source with a `file`, got none")
        problems = [p for source, table in sources for p in _missing_columns(self.folder, source, table)]
        if problems:
            raise ConfigError(problems)
        return sources

    def _read_all(self, sources: list[tuple[Source, Table]], watcher: Watcher) -> Iterator[Recorded | Unusable]:
        newest_ms = rows = 0
        for source, table in sources:
            joined = {join.name: read_join(self.folder, join) for join in source.joins}
            maker = EventMaker(self.mapping, source, self.workspace, joined)
            path = find_file(self.folder, table.file)
            name = table.file.removesuffix(".gz")
            # With the content in the id, a replay done twice repeats ids, and that of a changed file does not.
            prefix = f"{name}-{digest(path)}"
            for row in read_rows(path, table):
                rows += 1
                if rows % REPORT_ROWS == 0:
                    watcher.read(rows)
                try:
                    recorded = self._recorded(maker, row, f"{prefix}-{row.number}", newest_ms)
                except SchemaError as error:
                    unusable = Unusable(name, row.number, error, row.raw)
                    watcher.unusable(unusable)
                    yield unusable
                    continue
                newest_ms = max(newest_ms, recorded.log_ms)
                yield recorded

    def _recorded(self, maker: EventMaker, row: Row, row_id: str, newest_ms: int) -> Recorded:
        """A row as a record; in the order of the files it is received no earlier than any before it."""
        if row.record is None:
            raise row.refused or SchemaError(Reason.UNMAPPED, "expected a record, got none")
        event = maker.event(row.record, RecordId(row_id), self.world, None)
        if self.mapping.order_by is OrderBy.FILE and newest_ms > event.at_ms:
            check_time(event.at_ms, newest_ms)
            event = msgspec.structs.replace(event, received_ms=newest_ms)
        return Recorded(event.received_ms, event_record(event))


def _missing_columns(folder: Path, source: Source, table: Table) -> list[str]:
    """Columns that the mapping names and the files have not; JSON has no header to check."""
    problems = []
    headers = {join.name: (join.table, {join.key}) for join in source.joins}
    own = {join.on for join in source.joins}
    for column in _columns(source):
        head, _, rest = column.partition(".")
        if rest and head in headers:
            headers[head][1].add(rest)
        else:
            own.add(column)
    for one, wanted in [(table, own), *headers.values()]:
        path = find_file(folder, one.file)
        if one.format is Format.CSV:
            found = csv_columns(path, one)
            problems += [
                f"{source.place}: expected a column {name!r} in {path}, got {', '.join(found)}"
                for name in sorted(wanted - set(found))
            ]
    return problems


def _columns(source: Source) -> set[str]:
    values: list[Value] = [source.kind, source.name]
    for part in (source.properties, source.traits, source.context):
        values += part.values()
    named = {value.column for value in values if isinstance(value, ColumnValue)}
    return named | {source.user, source.at.column, *source.id}
