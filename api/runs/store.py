"""The run table and the KPI rows: the truth about every run.

Each transition is one guarded `UPDATE … WHERE status = …`, and every writing transaction begins with a write: SQLite
then takes its one write lock at once and waits for it, where a reader that turns writer would be refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    JSON,
    CheckConstraint,
    CursorResult,
    DateTime,
    Dialect,
    Engine,
    Enum,
    ForeignKey,
    Index,
    create_engine,
    event,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, aliased, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from api.errors import ConflictError, QueueFullError
from api.runs.model import Results, Run, RunError, RunRequest, RunStatus
from sim.errors import NotFoundError
from sim.kpi.record import KpiRecord

BUSY_TIMEOUT_MS = 30_000


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with its time zone; SQLite alone would forget it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """The tables."""

    type_annotation_map = {dict[str, Any]: JSON, datetime: UtcDateTime}  # noqa: RUF012 (read once by SQLAlchemy)


class RunRow(Base):
    """A run from its arrival to its end."""

    __tablename__ = "run"
    __table_args__ = (
        Index("ix_run_status_number", "status", "number"),
        CheckConstraint("status <> 'succeeded' OR fingerprint IS NOT NULL", name="succeeded_has_results"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(unique=True)
    scenario: Mapped[str]
    scenario_hash: Mapped[str]
    document: Mapped[dict[str, Any]]
    overrides: Mapped[dict[str, Any]]
    status: Mapped[RunStatus] = mapped_column(
        Enum(
            RunStatus,
            native_enum=False,
            create_constraint=True,
            values_callable=lambda kind: [one.value for one in kind],
        )
    )
    created: Mapped[datetime]
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]
    fingerprint: Mapped[str | None]
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]

    def run(self) -> Run:
        """Return the row as the rest of the service knows it."""
        request = RunRequest(self.run_id, self.scenario, self.scenario_hash, self.document, self.overrides)
        error = None if self.error_code is None else RunError(self.error_code, self.error_detail or "")
        return Run(
            self.number, request, self.status, self.created, self.started, self.finished, self.fingerprint, error
        )


class KpiRow(Base):
    """One KPI record of a run; `place` keeps the catalogue's order."""

    __tablename__ = "kpi"

    run_number: Mapped[int] = mapped_column(ForeignKey("run.number"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    stat: Mapped[str]
    scope: Mapped[str]
    value: Mapped[float]
    unit: Mapped[str]
    n: Mapped[int]


class Store:
    """The rows in one SQLite file, safe to use from many threads.

    Parameters
    ----------
    file
        On a local disk: SQLite's write-ahead log needs shared memory.
    """

    def __init__(self, file: Path) -> None:
        self._engine = _open(file)
        Base.metadata.create_all(self._engine)

    def close(self) -> None:
        """Let the file go."""
        self._engine.dispose()

    def check(self) -> None:
        """Touch the file; raises what SQLAlchemy raises when it cannot be read."""
        with self._engine.connect() as connection:
            connection.execute(select(literal(1)))

    def add(self, request: RunRequest, *, max_queued: int) -> Run:
        """Queue a run.

        Raises
        ------
        QueueFullError
            `max_queued` runs wait already.
        """
        values = {
            "run_id": request.run_id,
            "scenario": request.scenario,
            "scenario_hash": request.scenario_hash,
            "document": request.document,
            "overrides": request.overrides,
            "status": RunStatus.QUEUED,
            "created": datetime.now(UTC),
        }
        columns = RunRow.__table__.c
        waiting = select(func.count()).where(RunRow.status == RunStatus.QUEUED).scalar_subquery()
        # count and insert are one statement, so that two requests cannot both take the last place
        row = select(*(literal(value, columns[name].type) for name, value in values.items())).where(
            waiting < max_queued
        )
        with Session(self._engine) as session, session.begin():
            done = cast("CursorResult[Any]", session.execute(insert(RunRow).from_select(list(values), row)))
            if done.rowcount != 1:
                msg = f"{max_queued} runs wait already; try again later"
                raise QueueFullError(msg)
        return self.get(request.run_id)

    def get(self, run_id: str) -> Run:
        """Return a run.

        Raises
        ------
        NotFoundError
            No run has this id.
        """
        with Session(self._engine) as session:
            row = session.scalar(select(RunRow).where(RunRow.run_id == run_id))
        if row is None:
            msg = f"no run {run_id!r}"
            raise NotFoundError(msg)
        return row.run()

    def newest(self, *, limit: int, before: int | None = None) -> list[Run]:
        """Return at most `limit` runs, the newest first, that arrived before the run of number `before`."""
        query = select(RunRow).order_by(RunRow.number.desc()).limit(limit)
        if before is not None:
            query = query.where(RunRow.number < before)
        with Session(self._engine) as session:
            return [row.run() for row in session.scalars(query)]

    def running(self) -> list[Run]:
        """Return the runs under way, the oldest first."""
        query = select(RunRow).where(RunRow.status == RunStatus.RUNNING).order_by(RunRow.number)
        with Session(self._engine) as session:
            return [row.run() for row in session.scalars(query)]

    def kpis(self, run: Run) -> list[KpiRecord]:
        """Return the KPI records of a run in the catalogue's order."""
        query = select(KpiRow).where(KpiRow.run_number == run.number).order_by(KpiRow.place)
        with Session(self._engine) as session:
            return [
                KpiRecord(row.code, row.stat, row.scope, row.value, row.unit, row.n) for row in session.scalars(query)
            ]

    def claim(self) -> Run | None:
        """Take the run that waits longest, queued → running; None when none waits."""
        waiting = aliased(RunRow)
        oldest = select(func.min(waiting.number)).where(waiting.status == RunStatus.QUEUED).scalar_subquery()
        take = (
            update(RunRow)
            .where(RunRow.number == oldest, RunRow.status == RunStatus.QUEUED)
            .values(status=RunStatus.RUNNING, started=datetime.now(UTC))
            .returning(RunRow)
        )
        with Session(self._engine) as session, session.begin():
            row = session.scalar(take)
            return None if row is None else row.run()

    def release(self, run: Run) -> None:
        """Put a claimed run back, running → queued; it keeps its place."""
        with Session(self._engine) as session, session.begin():
            _leave_running(session, run, status=RunStatus.QUEUED, started=None)

    def finish(self, run: Run, results: Results) -> None:
        """Store what a published run says, running → succeeded or interrupted: all of it, or nothing."""
        with Session(self._engine) as session, session.begin():
            _leave_running(
                session, run, status=results.status, fingerprint=results.fingerprint, finished=datetime.now(UTC)
            )
            session.add_all(_kpi_rows(run, results.kpis))

    def fail(self, run: Run, error: RunError, *, status: RunStatus = RunStatus.FAILED) -> None:
        """Store why a run has no results, running → failed or interrupted."""
        with Session(self._engine) as session, session.begin():
            _leave_running(
                session,
                run,
                status=status,
                error_code=error.code,
                error_detail=error.detail,
                finished=datetime.now(UTC),
            )


def _open(file: Path) -> Engine:
    engine = create_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _leave_running(session: Session, run: Run, **values: object) -> None:
    """Make one transition, guarded by the state it starts from."""
    query = update(RunRow).where(RunRow.number == run.number, RunRow.status == RunStatus.RUNNING).values(**values)
    if cast("CursorResult[Any]", session.execute(query)).rowcount != 1:
        msg = f"the run {run.run_id} is not running any more"
        raise ConflictError(msg)


def _kpi_rows(run: Run, kpis: Sequence[KpiRecord]) -> list[KpiRow]:
    return [
        KpiRow(
            run_number=run.number, place=place, code=one.code, stat=one.stat, scope=one.scope, value=one.value,
            unit=one.unit, n=one.n,
        )
        for place, one in enumerate(kpis)
    ]  # fmt: skip
