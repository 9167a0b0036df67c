"""What a person sees of a run."""

import json

from cnnbench.runner import progress


def test_what_has_happened_is_a_line_for_people_and_an_object_for_programs(capsys):
    progress.Lines().notes("worker a is lost")
    assert capsys.readouterr().out == "worker a is lost\n"
    progress.Json().notes("worker a is lost")
    said = json.loads(capsys.readouterr().out)
    assert said == {"event": "note", "detail": "worker a is lost"}
    with progress.Bar() as bar:
        bar.notes("worker [a] is lost")
    assert "worker [a] is lost" in capsys.readouterr().out
