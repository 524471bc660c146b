"""``vstar validate``: everything that can be checked without loading a model."""

from __future__ import annotations

from typing import Any

import click

from vstar_sdk.cli.arguments import SpecArguments, several_specs
from vstar_sdk.cli.commands import VERBOSE, Command
from vstar_sdk.cli.failure import Failure
from vstar_sdk.cli.printing import document, document_json, warn
from vstar_sdk.errors import VstarError, error_json
from vstar_sdk.runs.plan import Plan, make_plan


@click.command(cls=Command)
@several_specs
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object for each spec.")
@click.pass_context
def validate(ctx: click.Context, given: list[SpecArguments], as_json: bool) -> None:
    """Check specs without running them: keys, values, parts, levels, anchors.

    An error has file, line and remedy; the exit code is that of the first error. No model is loaded, and no language model is
    called. vstar plan and vstar run --dry-run also check whether the scheduler fits the model.
    """
    failed: Failure | None = None
    found: list[dict[str, Any]] = []
    for one in given:
        try:
            plan = make_plan(one.load())
        except VstarError as error:
            if len(given) == 1 and not as_json:
                raise
            failure = Failure(error, traceback=VERBOSE in ctx.meta)
            failed = failed or failure
            found.append({"spec": one.name, "valid": False, "error": error_json(error)})
            if not as_json or failure.traceback:
                failure.show()
        else:
            found.append(_valid(one, plan))
            if not as_json:
                document(f"{one.name} is valid: {plan.summary()}\n")
                for warning in plan.warnings():
                    warn(warning)
    if as_json:
        document_json(found)
    if failed is not None:
        ctx.exit(failed.exit_code)


def _valid(one: SpecArguments, plan: Plan) -> dict[str, Any]:
    return {"spec": one.name, "valid": True, "summary": plan.summary(), "warnings": list(plan.warnings())}
