"""The command line does what `transcripts/*.txt` show."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("transcript", HERE / "transcript.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["transcript"] = module
    spec.loader.exec_module(module)
    return module


transcript = _load()


@pytest.mark.parametrize("path", sorted((HERE / "transcripts").glob("*.txt")), ids=lambda p: p.stem)
def test_transcript(path: Path, tmp_path: Path) -> None:
    work, programs = tmp_path / "work", tmp_path / "home"
    shutil.copytree(HERE / "files", work)
    programs.mkdir()
    faults = transcript.differences(
        transcript.parse(path.read_text(encoding="utf-8")), work, programs
    )
    assert not faults, "\n\n".join(faults)


def test_a_transcript_that_is_wrong_is_found(tmp_path: Path) -> None:
    text = "$ echo one\ntwo\n$ false\n$ echo x >&2\n$ echo ok\nok\n"
    faults = transcript.differences(transcript.parse(text), tmp_path, tmp_path)
    assert [fault.split("\n")[0] for fault in faults] == [
        "line 1: echo one",
        "line 3: false",
        "line 4: echo x >&2",
    ]
