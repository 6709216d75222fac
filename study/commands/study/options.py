"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[Path | None, typer.Option(help="Home of this installation; GILBRETH_HOME when absent.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Study = Annotated[str | None, typer.Option("--study", help="Name or id of the study; not needed when there is one.")]
As = Annotated[str | None, typer.Option("--as", help="Account that acts; its password from GILBRETH_PASSWORD or asked for.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit.")]
