"""How a corpus comes to be: an `init` that was cut off begins anew, two at once are one, an anchor appears whole."""

import os
import shutil

import pytest
from command import synthdata

from synthdata.corpus import CorpusStore
from synthdata.corpus.maintain import maintain
from synthdata.errors import InputError, LockedError
from synthdata.records import Candidate, Decision, Verdict


def new_store(folder):
    with CorpusStore.making(folder, views="one", recipe={}) as store, store.new_anchor(0):
        return store


def test_an_init_that_was_cut_off_begins_anew_and_keeps_its_secret(tmp_path):
    path = tmp_path / "corpus"
    with CorpusStore.making(path, views="one", recipe={}) as first:
        (first.heldout_dir / "init.jsonl").write_text("{}\n")
        # The leftovers of a process that was killed while it wrote the anchor.
        part = first.anchor_dir(0).with_name(".0.part")
        part.mkdir()
        (part / "reference.parquet").write_bytes(b"half")
    with pytest.raises(InputError, match=r"`init` has not ended.*run it again"):
        CorpusStore.open(path)
    with CorpusStore.making(path, views="two", recipe={"a": 1}) as second, second.new_anchor(0) as folder:
        assert not list(folder.iterdir())
    assert second.secret == first.secret
    assert not list(second.heldout_dir.iterdir())
    assert CorpusStore.open(path).settings == {"recipe": {"a": 1}, "runtime": {}}


@pytest.mark.parametrize("left", [(), (".corpus.json.part",), ("writer.lock", "writer.json"), ("writer.part",)])
def test_an_init_that_was_cut_off_before_its_header_begins_anew(tmp_path, left):
    (tmp_path / "corpus").mkdir()
    for name in left:
        (tmp_path / "corpus" / name).write_text("")
    assert new_store(tmp_path / "corpus").latest_round() == 0


def test_two_processes_cannot_make_one_corpus(tmp_path):
    path = tmp_path / "corpus"
    with CorpusStore.making(path, views="one", recipe={}) as store:
        with pytest.raises(LockedError, match=str(os.getpid())), CorpusStore.making(path, views="two", recipe={}):
            pass
        with store.new_anchor(0):
            pass
    with pytest.raises(InputError, match="already a corpus"), CorpusStore.making(path, views="two", recipe={}):
        pass
    assert CorpusStore.open(path).views == "one"


def test_an_anchor_appears_whole_or_not_at_all_and_only_once(tmp_path):
    store = new_store(tmp_path / "corpus")
    with store.writing():
        with pytest.raises(OSError, match="disk full"), store.new_anchor(1) as folder:
            (folder / "context.json").write_text("{}")
            raise OSError("disk full")
        assert not store.anchor_dir(1).exists()
        with store.new_anchor(1) as folder:
            (folder / "content.json").write_text("{}")
        assert [path.name for path in store.anchor_dir(1).iterdir()] == ["content.json"]
        store.set_anchor(1)
        with pytest.raises(InputError, match="never written again"), store.new_anchor(1):
            pass


def test_a_corpus_that_lost_its_anchor_is_not_begun_anew(tmp_path):
    store = new_store(tmp_path / "corpus")
    with store.writing():
        decision = Decision(Candidate(content="text"), Verdict.ADMIT)
        store.commit_round([decision], {}, round_key="key", recipe="recipe", anchor=0)
    shutil.rmtree(store.anchor_dir(0))
    with pytest.raises(InputError, match="already a corpus"), CorpusStore.making(store.path, views="two", recipe={}):
        pass
    assert CorpusStore.open(store.path).decisions(["id"]).height == 1


@pytest.mark.parametrize("name", ["<a> \u00e4\u65e5 50% *{a}`b`", "a:b;c&d+e='f'\"(g)~@$!,"])
def test_a_folder_may_have_an_odd_name(tmp_path, name):
    store = new_store(tmp_path / name)
    for i in range(3):
        with store.writing():
            row = Decision(Candidate(f"row {i}"), Verdict.ADMIT)
            store.commit_round([row], {}, round_key=f"key {i}", recipe="recipe", anchor=0)
    assert CorpusStore.open(tmp_path / name).admitted(columns=["content"]).height == 3
    maintain(store, 1, 0)
    again = CorpusStore.open(tmp_path / name)
    assert sorted(again.admitted(columns=["content"])["content"]) == ["row 0", "row 1", "row 2"]
    assert again.admitted(as_of=1, columns=["content"])["content"].to_list() == ["row 0"]
    assert again.decisions_table.files().keys() <= set((tmp_path / name).rglob("*.parquet"))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a%20b", "a#b", "a?b", "a\\b", "a[b", "a]b", "a|b", "a^b", "a\nb"])
def test_a_folder_whose_name_the_tables_would_misread_is_refused(tmp_path, name):
    path = tmp_path / name / "c"
    with pytest.raises(InputError, match="rename it"), CorpusStore.making(path, views="one", recipe={}):
        pass
    assert not list(tmp_path.iterdir())


def test_what_is_misread_is_said_before_anything_is_read_and_of_a_corpus_that_was_moved(tmp_path):
    done = synthdata("init", tmp_path / "a[b]" / "c", "--reference", tmp_path / "none")
    assert done.returncode == 2 and "cannot lie in a folder with '['" in done.stderr
    new_store(tmp_path / "c")
    (tmp_path / "c").rename(tmp_path / "a[b]")
    with pytest.raises(InputError, match="rename it"):
        CorpusStore.open(tmp_path / "a[b]")
