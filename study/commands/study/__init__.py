"""`gilbreth study ..`: the life of a study from the command line."""

import typer

from study.commands.study.cases import register as register_cases
from study.commands.study.data import register as register_data
from study.commands.study.lifecycle import register as register_lifecycle
from study.commands.study.oversight import register as register_oversight
from study.commands.study.people import register as register_people
from study.commands.study.safety import register as register_safety


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(
        help="The life of a study: init, validate, activate, enrol, allocate, lock, unblind, export. "
        "Example: gilbreth study init protocols/head_neck_cta.toml",
        no_args_is_help=True,
    )
    for register_part in (register_lifecycle, register_cases, register_data, register_people, register_oversight, register_safety):
        register_part(group)
    app.add_typer(group, name="study")
