"""The commands shown in the README and the docs run as shown.

Every line `$ gilbreth ...` inside a fence marked `console` is run, in order, in a fresh folder beside a link to the repository's
`tests` and `protocols`. A trailing `# exit N` states the expected exit status. Fences marked `console no-test` need a server, a
PACS or another machine and are run by the system tests instead.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "protocols" / "README.md"]
FENCE = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[tuple[str, int]]:
    """Command lines of a page with their expected exit status."""
    found = []
    for fence in FENCE.findall(page.read_text()):
        for line in fence.replace("\\\n", " ").splitlines():
            if line.startswith("$ gilbreth "):
                text, _, comment = line[2:].partition("#")
                status = re.search(r"exit (\d)", comment)
                found.append((text.strip(), int(status.group(1)) if status else 0))
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if page.exists() and commands(page)], ids=lambda page: page.name)
@pytest.mark.timeout(900)
def test_every_command_shown_on_the_page_runs(page: Path, tmp_path: Path) -> None:
    for name in ("tests", "protocols"):
        (tmp_path / name).symlink_to(ROOT / name)
    environment = {
        **os.environ,
        "GILBRETH_HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    environment.pop("GILBRETH_DATABASE_URL", None)
    for command, status in commands(page):
        done = subprocess.run(
            shlex.split(command), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr


def test_every_verb_has_help_with_an_example() -> None:
    from typer.main import get_command

    from study.cli import app

    group = get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        text = command.help or ""
        members = getattr(command, "commands", {})
        assert text, f"gilbreth {name} has no help"
        assert "gilbreth" in text or members, f"gilbreth {name} shows no example"


def test_every_link_between_the_documents_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "protocols").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_no_machine_path_stands_in_a_tracked_file() -> None:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    pattern = re.compile(r"(^|[^A-Za-z0-9_.-])/(wor" + r"k|roo" + r"t|farm)(/|\b)")
    text_files = [
        ROOT / name for name in listing.stdout.split() if Path(name).suffix in {".py", ".md", ".toml", ".js", ".txt", ".yml", ".sh"}
    ]
    guilty = [path.name for path in text_files if path.exists() and any(pattern.search(line) for line in path.read_text().splitlines())]
    assert not guilty
