"""500 mutants in every run; `python -m tests.inference.scans.fuzz` does 100,000."""

from collections import Counter

import pytest

from tests.inference.scans.fuzz import Fuzzer


@pytest.mark.filterwarnings("ignore")
def test_500_mutants_end_in_an_answer_and_none_lies_wrong(tmp_path):
    fuzzer = Fuzzer(tmp_path)
    rows = [fuzzer.run(number) for number in range(500)]
    assert [row for row in rows if row["finding"]] == []
    codes = Counter(row["code"] for row in rows)
    assert codes["ok"] > 50
    assert len(codes) > 8
