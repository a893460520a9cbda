"""What Ibis lacks to run this project's expressions on Spark."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir


def connect(session: Any) -> Any:
    """Return an Ibis backend on a session, with two gaps of Ibis 12 filled."""
    from ibis.backends.pyspark import Backend
    from ibis.backends.sql.compilers.pyspark import PySparkCompiler

    class SparkCompiler(PySparkCompiler):  # type: ignore[misc]
        """Spark has `bit_or`; Ibis does not say so."""

        def visit_BitOr(self, op: ops.BitOr, *, arg: Any, where: Any) -> Any:  # noqa: N802, ARG002
            """Join the bits of a group."""
            return self.agg.bit_or(arg, where=where)

    class SparkBackend(Backend):  # type: ignore[misc]
        """Tables held in memory are registered before they are part of one that is cached; Ibis forgets to."""

        compiler = SparkCompiler()

        def _create_cached_table(self, name: str, expr: ir.Expr) -> ir.Table:
            self._run_pre_execute_hooks(expr)
            return super()._create_cached_table(name, expr)

    _ = ibis.pyspark  # registers the options that its compiler reads
    return SparkBackend().connect(session)
