"""Everything that can be said against a template without filling it in."""

from __future__ import annotations

from vstar_sdk.templating.front_matter import line_of
from vstar_sdk.templating.rendering import names_of
from vstar_sdk.templating.sandbox import process
from vstar_sdk.templating.sandbox.problems import Problem
from vstar_sdk.templating.templates import Template


def lint(template: Template) -> list[Problem]:
    """Its problems, in the order of its lines; none when it is fine.

    Syntax, blocks, what the language does not have, variables that are used but not declared and declared but not used, the
    user's words in the system block, and a name that is not the file's.

    Raises:
        TemplateError: no process can be started to read it in.
    """
    names = names_of(template)
    found, used = process.check(template.source, names)
    about = template.about
    if used:  # nothing is known of what a template uses that cannot be parsed
        for name in sorted(about.declared - used):
            line = line_of(template.root, ("inputs", "properties", name))
            line = max(line, line_of(template.root, ("inputs", name)))
            found.append(Problem(line, f"the input '{name}' is declared and never used", "use it, or remove it"))
        if "prompt" not in used:
            found.append(Problem(0, "it does not use the prompt", "write {{ prompt | tojson }} in the user block"))
    if about.name != template.path.stem:
        line = line_of(template.root, ("name",))
        found.append(Problem(line, f"its name is '{about.name}', but its file is {template.path.name}"))
    return sorted(found, key=lambda problem: problem.line)
