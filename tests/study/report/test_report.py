"""The report: the same bytes for the same data, everything in it, nothing let out before unblinding."""

import dataclasses
import io
import json
import re
import zipfile
from datetime import UTC, datetime, time, timedelta

import docx
import pytest

from db.engine import snapshot, transaction
from db.tables import AuditEntry, Study
from study.cli import run
from study.errors import WrongUsage
from study.protocol import load_protocol
from study.report import build_report, from_tables, write_report
from study.report.document import Paragraph, Table
from study.report.page import html_page
from study.report.paper import pdf_paper
from study.report.word import word_file
from study.simulation import RollOut, simulate_operations
from tests.study.report.conftest import NOW


@pytest.fixture(scope="module")
def document(material):
    return build_report(material, now=NOW)


@pytest.fixture(scope="module")
def page(document):
    return html_page(document)


@pytest.fixture(scope="module")
def word(document):
    return word_file(document)


def section(document, title):
    return next(part for part in document.sections if part.title == title)


def texts(part):
    """All words of a section."""
    found = []
    for block in part.blocks:
        if isinstance(block, Paragraph):
            found.append(block.lead + block.text)
        if isinstance(block, Table):
            found += [" | ".join(row) for row in block.rows]
    return found


def test_the_same_study_gives_the_same_bytes_but_for_the_date(material, document, page, word):
    again, later = build_report(material, now=NOW), build_report(material, now=NOW + timedelta(days=1))
    assert html_page(again) == page
    assert pdf_paper(again) == pdf_paper(document)
    assert word_file(again) == word
    assert html_page(later) == page.replace("Made on 2027-06-01", "Made on 2027-06-02")


def test_the_page_needs_nothing_from_elsewhere_and_text_cannot_become_script(page):
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", own)
    assert page.count("Plotly.newPlot(") >= 8
    assert page.count("plotly.js v") == 1
    assert "&lt;/script&gt;&lt;b&gt;arms swapped" in own
    assert "<b>arms swapped" not in own
    assert "Scanner &lt;A&gt;" in own


def test_every_section_of_a_publishable_report_is_there(document):
    assert [part.title for part in document.sections] == [
        "Summary", "Participants", "Results", "Sensitivity analyses", "Quality by region", "Reader agreement", "Blinding", "Hard cases",
        "Learning", "Missing data", "Model versions", "Deviations", "Methods", "Checklists", "References",
    ]  # fmt: skip


def test_the_summary_gives_both_arms_the_effect_its_interval_and_the_decision(document, material):
    words = " ".join(texts(section(document, "Summary")))
    minutes = next(line for line in material.result.findings if line.endpoint == "minutes")
    assert f"{minutes.estimate:.3f} (95 % CI {minutes.low:.3f} to {minutes.high:.3f}), p < 0.001" in words
    assert "AI 4.00 clicks in every task (n = 29)" in words
    assert material.result.decision.words in words


def test_every_line_of_the_results_has_a_method_and_a_number_of_units(document):
    tables = [block for block in section(document, "Results").blocks if isinstance(block, Table) and "Method and notes" in block.header]
    assert len(tables) == 2
    for found in tables:
        for row in found.rows:
            cells = dict(zip(found.header, row, strict=True))
            assert int(cells["n"]) > 0
            assert cells["Method and notes"]


def test_later_endpoints_are_not_called_reached_while_the_gate_is_shut(material, document):
    assert material.result.decision.state != "shown"
    rows = next(block for block in section(document, "Results").blocks if isinstance(block, Table) and "Goal reached" in block.header).rows
    reached = {row[0]: row[6] for row in rows}
    assert reached["Clicks (secondary)"] == "not tested"


def test_the_baseline_counts_what_the_cases_say(document):
    rows = {row[0]: row[1] for block in section(document, "Participants").blocks if isinstance(block, Table) for row in block.rows}
    assert rows["Sex: F"] == "15 of 30 (50.0 %)"
    assert rows["Findings that make a case hard: artefact"] == "10 of 30 (33.3 %)"
    assert rows["CTDIvol, median (quartiles), mGy"] == "24.5 (17.2 to 31.8)"
    assert rows["DLP, median (quartiles), mGy·cm"] == "not recorded"


def test_hard_cases_models_deviations_blinding_and_missing_data_are_told(document):
    assert any(row.startswith("Artefact | 10 | ") for row in texts(section(document, "Hard cases")))
    assert any(row.startswith("Anomaly | 0 | –") for row in texts(section(document, "Hard cases")))
    assert texts(section(document, "Model versions"))[0].startswith("phantom-net 2 | abababababab | openvino cpu")
    assert "arms swapped" in texts(section(document, "Deviations"))[0]
    assert texts(section(document, "Missing data"))[0] == "AI | hands-on time | software failed | 1 of 30 (3.3 %)"
    assert [row.split(" | ")[0] for row in texts(section(document, "Blinding"))] == ["Manual", "AI"]


def test_agreement_is_given_by_arm_and_kappa_never_alone(document):
    rows = [row.split(" | ")[:2] for row in texts(section(document, "Reader agreement"))]
    for arm in ("Manual", "AI"):
        named = " ".join(name for found, name in (row for row in rows if len(row) == 2) if found == arm)
        assert all(word in named for word in ("Percent agreement", "AC1", "Fleiss", "Cohen"))


def test_nobody_is_shown_by_name(document, material):
    words = " ".join(text for part in document.sections for text in texts(part))
    for person in set(material.tasks["technologist"]) | set(material.readings["reader"]):
        assert not re.search(rf"\b{person}\b", words)


def test_references_are_those_of_the_methods_that_were_run(document):
    works = " ".join(section(document, "References").blocks[0].items)
    assert "Tango" in works
    assert "Satterthwaite" not in works.split("Kuznetsova")[0]
    assert "Miettinen" not in works
    assert "Mann HB" not in works
    assert all("doi" in work or "Holm" in work for work in section(document, "References").blocks[0].items)


def test_simulated_data_are_marked_wherever_one_looks(tables):
    made = build_report(tables, now=NOW)
    made = dataclasses.replace(made, sections=made.sections[:1])
    assert 'class="simulated">SIMULATED DATA' in html_page(made)
    paper = docx.Document(io.BytesIO(word_file(made)))
    assert "SIMULATED DATA" in paper.sections[0].header.paragraphs[0].text


def test_real_data_are_not_marked_simulated(document, page):
    assert not document.simulated
    assert "SIMULATED DATA" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S)


def test_what_the_software_is_not_stands_in_every_format(page, word):
    assert page.count("not a medical device") >= 2
    assert "not a medical device" in docx.Document(io.BytesIO(word)).sections[0].header.paragraphs[0].text


def test_word_keeps_tables_as_tables_and_times_out_of_the_archive(word):
    paper = docx.Document(io.BytesIO(word))
    assert len(paper.tables) > 10
    assert len(paper.inline_shapes) >= 8
    assert {member.date_time for member in zipfile.ZipFile(io.BytesIO(word)).infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert paper.core_properties.created == NOW


def test_a_roll_out_shows_its_series_and_the_words_associated_with(tmp_path):
    protocol = load_protocol("before_after")
    go_live = datetime.combine(protocol.roll_out.go_live, time(), UTC)
    rows = simulate_operations(seed=2, go_live=go_live, roll_out=RollOut(12, 12, (8, 8)))
    made = build_report(from_tables(protocol, rows, None), now=NOW)
    assert section(made, "Before and after").blocks
    assert "associated with the roll-out" in " ".join(texts(section(made, "Results")))
    assert [path.name for path in write_report(made, tmp_path, formats=["pdf"])] == ["report.pdf"]


def test_the_data_hash_moves_with_a_single_value_and_not_with_the_order_of_rows(tables, drawn):
    shuffled = from_tables(tables.protocol, drawn.tasks.sample(frac=1, random_state=1), drawn.readings)
    assert shuffled.data_sha256 == tables.data_sha256
    changed = drawn.tasks.copy()
    changed.loc[0, "clicks"] += 1
    assert from_tables(tables.protocol, changed, drawn.readings).data_sha256 != tables.data_sha256


def test_an_unknown_format_is_refused_with_those_there_are(tables, tmp_path):
    with pytest.raises(WrongUsage, match="html, pdf, docx"):
        write_report(build_report(tables, now=NOW), tmp_path, formats=["odt"])


def test_the_command_writes_the_formats_asked_for(drawn, tmp_path, capsys):
    drawn.tasks.to_csv(tmp_path / "t.csv", index=False)
    words = ["report", "--tasks", str(tmp_path / "t.csv"), "--protocol", "head_neck_cta", "--out", str(tmp_path / "o")]
    assert run([*words, "--format", "html", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["report.html"]
    assert answer["simulated"] is True
    assert answer["decision"]["state"] == "not yet known"
    assert (
        "no quality comparison is possible" in (tmp_path / "o" / "report.html").read_text()
        or "Nothing was rated" in (tmp_path / "o" / "report.html").read_text()
    )
    assert run(words[:1] + words[5:]) == 2


def test_a_study_that_is_not_unblinded_is_refused_and_nothing_is_written(tmp_path, monkeypatch, capsys):
    for name in ("GILBRETH_DATABASE_URL", "GILBRETH_PASSWORD", "GILBRETH_KEYS", "GILBRETH_ANCHOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GILBRETH_HOME", str(tmp_path / "home"))
    assert run(["study", "init", "head_neck_cta"]) == 0
    assert run(["report", "--study", "head_neck_cta", "--out", str(tmp_path / "o")]) == 5
    assert "outcomes.view is not possible while the study is draft" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_a_report_of_a_home_is_written_down_in_the_audit(finished):
    from study.outcomes import permit_outcomes

    with snapshot(finished.engine) as db_session:
        assert db_session.get(Study, finished.study_id).state == "unblinded"
    permit_outcomes(finished.engine, actor=finished.people["investigator"], study_id=finished.study_id)
    with transaction(finished.engine) as db_session:
        last = db_session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()
    assert (last.operation, last.account) == ("outcomes.view", "investigator")
