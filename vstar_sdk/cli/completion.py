"""What the shell is offered after a Tab: spec files, plugins, templates, kinds. Nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

from vstar_sdk.plugin.kinds import KINDS


def complete_specs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files; the shell itself lists them."""
    del ctx, param
    return [CompletionItem(incomplete, type="file")]


def complete_plugins(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Namespaces of installed plugins."""
    del ctx, param
    from vstar_sdk.plugin import discovery

    return _beginning(incomplete, discovery.installed())


def complete_templates(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Built-in templates; files, where none begins so."""
    from vstar_sdk.templating.templates import built_in

    return _beginning(incomplete, built_in()) or complete_specs(ctx, param, incomplete)


def complete_kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Kinds of parts."""
    del ctx, param
    return _beginning(incomplete, KINDS)


def _beginning(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]
