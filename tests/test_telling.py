"""Who hears of a round: webhook, JSON Lines and MLflow, all real here; each news once, and never an error."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from command import SETTINGS, synthdata, write_rows
from sample_texts import lessons

from synthdata.corpus import CorpusStore
from synthdata.monitor.health import read_tiles
from synthdata.monitor.notify import log_metrics, send_alert
from synthdata.monitor.sinks import JsonlSink, MlflowSink, make_sinks
from synthdata.monitor.webhook import post
from synthdata.settings import SinkSettings, WebhookSettings

SECRET = "whsec_" + base64.b64encode(b"a key of the test's own").decode()
Heard = list[tuple[dict[str, str], bytes]]


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent, and answers with the statuses given, then with 204."""

    def __init__(self, statuses: tuple[int, ...] = ()) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard: Heard = []
        self.statuses = list(statuses)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    server = Receiver(getattr(request, "param", ()))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("told")
    (folder / "settings.toml").write_text(SETTINGS)
    real = write_rows(folder / "real.jsonl", lessons(150, 1))
    made = synthdata("init", folder / "c", "--reference", real, "--config", folder / "settings.toml")
    assert made.returncode == 0, made.stderr
    rows = write_rows(folder / "rows.jsonl", lessons(40, 2))
    assert synthdata("admit", folder / "c", rows).returncode == 0
    return folder / "c"


def freeze(path: Path, key: str) -> CorpusStore:
    store = CorpusStore.open(path)
    with store.writing():
        store.append_event("freeze", key, {"reason": f"because of {key}", "round": 1}, 1)
    return store


@pytest.mark.parametrize("receiver", [(503, 429)], indirect=True)
def test_a_busy_receiver_is_asked_again_and_can_check_the_signature(receiver, monkeypatch):
    monkeypatch.setenv("SYNTHDATA_WEBHOOK_SECRET", SECRET)
    assert post(receiver.url, {"text": "é"}, WebhookSettings(pause_seconds=0)) == ""
    assert len(receiver.heard) == 3
    headers, body = receiver.heard[-1]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = hmac.new(b"a key of the test's own", signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"
    assert len({headers["webhook-id"] for headers, _ in receiver.heard}) == 1


@pytest.mark.parametrize("receiver", [(404,)], indirect=True)
def test_a_refusal_is_not_repeated_and_no_signature_without_a_secret(receiver):
    assert post(receiver.url, {}, WebhookSettings(pause_seconds=0)) == "status 404"
    assert [headers.get("webhook-signature") for headers, _ in receiver.heard] == [None]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "no address at all", "http://[", "ftp://127.0.0.1/"])
def test_an_address_that_takes_nothing_is_said_not_raised(url):
    assert post(url, {}, WebhookSettings(attempts=1, timeout_seconds=1)) != ""


def test_nothing_is_sent_unless_somebody_asked_for_it(corpus, receiver):
    store = freeze(corpus, "unasked")
    assert send_alert(store, WebhookSettings(), read_tiles(store)) == []
    assert receiver.heard == []


@pytest.mark.parametrize("receiver", [(500,)], indirect=True)
def test_an_alarm_is_told_until_it_is_heard_and_then_no_more(corpus, receiver):
    store = freeze(corpus, "floor")
    settings = WebhookSettings(url=receiver.url, attempts=1)
    assert "tries again" in send_alert(store, settings, read_tiles(store))[0]
    assert send_alert(store, settings, read_tiles(store)) == ["the webhook took the alarm"]
    assert send_alert(store, settings, read_tiles(store)) == []
    assert len(receiver.heard) == 2
    said = json.loads(receiver.heard[-1][1])
    assert said["type"] == "synthdata.round.red"
    assert "because of floor" in said["text"]
    freeze(corpus, "other news")
    assert send_alert(store, settings, read_tiles(store)) == ["the webhook took the alarm"]


def test_the_verb_shows_every_tile_sends_and_exits_1(corpus, receiver, monkeypatch):
    monkeypatch.setenv("SYNTHDATA_WEBHOOK_URL", receiver.url)
    freeze(corpus, "the verb")
    done = synthdata("monitor", corpus, "--json")
    assert done.returncode == 1, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["level"], facts["round"], len(receiver.heard)) == ("red", 1, 1)
    assert {"D1", "D2", "D3", "D4", "D5", "D6", "D7"} == {row["tile"] for row in facts["tiles"]}
    store = CorpusStore.open(corpus)
    with store.writing():
        store.append_event("unfreeze", "calm", {"because": "looked at"}, 1)
    done = synthdata("monitor", corpus)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "round 1: green" in done.stdout
    assert len(receiver.heard) == 1


def test_jsonl_gets_each_round_once_and_no_nan(corpus, tmp_path):
    store, path = CorpusStore.open(corpus), tmp_path / "new" / "metrics.jsonl"
    for _ in range(2):
        assert log_metrics(store, SinkSettings(jsonl=str(path))) == []
    (line,) = path.read_text().splitlines()
    said = json.loads(line)
    n2 = next(row["value"] for row in read_tiles(store).tiles if (row["metric"], row["view"]) == ("n2", "raw"))
    assert (said["step"], said["metrics"]["raw/n2"]) == (1, n2)
    JsonlSink(path).log({"a": float("nan"), "b": 1.5}, 2)
    assert json.loads(path.read_text().splitlines()[-1]) == {"step": 2, "metrics": {"a": None, "b": 1.5}}


def test_a_sink_that_is_away_is_said_and_gets_the_round_later(corpus, tmp_path):
    store, path = CorpusStore.open(corpus), tmp_path / "blocked" / "metrics.jsonl"
    (tmp_path / "blocked").write_text("a file where a folder should be")
    assert "wait for the next" in log_metrics(store, SinkSettings(jsonl=str(path)))[0]
    (tmp_path / "blocked").unlink()
    assert log_metrics(store, SinkSettings(jsonl=str(path))) == []
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # MLflow's own
def test_a_sink_is_named_without_the_login_of_its_address():
    names = list(make_sinks(SinkSettings(mlflow_uri="https://me:passw0rd@mlflow.example.org/a"), "c"))
    assert len(names) == 1 and "mlflow.example.org/a" in names[0] and "passw0rd" not in names[0]


def test_mlflow_keeps_the_numbers_by_name_and_step(tmp_path):
    tracking = pytest.importorskip("mlflow.tracking")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    for step in (1, 2):  # a new sink each time, as each round is a new process
        sink = MlflowSink(uri, "diversity", "/data/it's a corpus")
        sink.log({"raw/n2": 10.0 * step, "raw/odd": float("nan")}, step)
    client = tracking.MlflowClient(uri)
    experiment = client.get_experiment_by_name("diversity")
    (run,) = client.search_runs([experiment.experiment_id])
    history = client.get_metric_history(run.info.run_id, "raw/n2")
    assert [(point.step, point.value) for point in history] == [(1, 10.0), (2, 20.0)]
    assert "raw/odd" not in run.data.metrics
