"""The three hazards of flat import names, and the layers."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = ("inference", "study", "dashboard", "db", "protocols")


def test_no_other_distribution_owns_our_import_names() -> None:
    owners = importlib.metadata.packages_distributions()
    foreign = {name: owners[name] for name in OURS if set(owners.get(name, [])) - {"gilbreth"}}
    assert not foreign, f"{foreign} would overwrite ours; install Gilbreth in an environment of its own"


def test_no_file_beside_the_dashboard_shadows_a_package_under_streamlit_run() -> None:
    names = {path.stem for path in (ROOT / "dashboard").iterdir()}
    taken = names & ({*OURS} - {"dashboard"} | set(sys.stdlib_module_names))
    assert not taken


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    parents = {parent for folder in folders for parent in (folder, *folder.parents) if (ROOT / "tests") in (parent, *parent.parents)}
    assert not [folder for folder in parents if not (folder / "__init__.py").exists()]


def test_importing_the_command_line_loads_no_heavy_library() -> None:
    program = (
        "import sys, study.cli; print(*[m for m in ('torch', 'SimpleITK', 'streamlit', 'pandas', 'vtk', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == ""


def test_statistics_import_without_torch_or_a_database() -> None:
    program = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "sqlalchemy", "sqlmodel", "streamlit", "SimpleITK"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import study.statistics
print(round(study.statistics.pass_rate(140, 152).estimate, 3))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.strip() == "0.921", done.stderr


def test_a_planted_upward_import_is_caught(tmp_path: Path) -> None:
    for name in ("inference", "study", "dashboard", "db"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / "study" / "statistics").mkdir()
    (tmp_path / "study" / "statistics" / "__init__.py").write_text("")
    (tmp_path / "inference" / "wrong.py").write_text("import db\n")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "inference is not allowed to import db" in done.stdout
