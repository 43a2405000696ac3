"""Choosing which of Core's functional tests to run."""

from core.run import HERE, choose, read_list, replace


def test_lines_for_another_release_replace_those_of_the_tests_they_name() -> None:
    entries = replace(read_list("a.py --carry\na.py --x\nb.py"), read_list("a.py: answers of v32"))
    assert choose(entries, {"a.py", "b.py"}) == (["b.py"], {"a.py": "answers of v32"})


def test_what_waits_does_not_run() -> None:
    entries = read_list("# all\na.py\nb.py --x\nb.py: peers\nw_2.py\nw_*.py: wallet\ngone.py\n")
    chosen, waiting = choose(entries, {"a.py", "b.py", "w_1.py", "w_2.py", "new.py"})
    assert chosen == ["a.py", "b.py --x", "w_2.py"]
    assert waiting == {"w_1.py": "wallet", "new.py": "being put on the list", "b.py": "peers"}


def test_no_line_of_the_list_is_there_twice() -> None:
    entries = read_list((HERE / "tests.txt").read_text())
    assert len({(entry.pattern, not entry.waits_for) for entry in entries}) == len(entries)
    assert all(".py" in entry.pattern for entry in entries)
