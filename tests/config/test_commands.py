"""``poise check`` and ``poise init``."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from poise.edge.cli_config import check, data_folder, init
from poise.edge.config import compile_snapshot, load, not_yet, resolve
from poise.edge.config.not_yet import NotYet
from poise.edge.config.start import demo_file, first_file
from poise.edge.vendors import VENDORS
from tests.config.sample import GOOD, MINIMAL, examined, written

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for vendor in VENDORS.values():
        if vendor.variable:
            monkeypatch.delenv(vendor.variable, raising=False)
    monkeypatch.delenv("POISE_LISTEN", raising=False)


def test_check_of_a_good_file_is_0_and_needs_no_secret(tmp_path: Path, capsys: Output) -> None:
    """Warnings are told, and no error is."""
    assert 0 == check(written(tmp_path, GOOD), False, False)
    assert "error:" not in capsys.readouterr().out


def test_check_of_a_bad_file_is_1_and_lists_everything(tmp_path: Path, capsys: Output) -> None:
    """Mistakes of single values and of how parts fit together, at once; the count is talk."""
    text = MINIMAL + "grace: 30\nworkflows: {w: {candidates: [x]}}\n"
    path = written(tmp_path, text)

    assert 1 == check(path, False, False)
    out, err = capsys.readouterr()
    assert 2 == out.count("error: ")
    assert f"error: {path}:6:8: grace: 30: is not a duration" in out
    assert f"error: {path}:7:30: workflows.w.candidates[0]: x: is at no provider" in out
    assert "2 errors, 2 warnings" in err


def test_check_looks_for_poise_yaml_where_none_is_named(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert 1 == check(None, False, False)
    assert "poise.yaml: cannot be read" in capsys.readouterr().out


def test_check_as_json_has_the_parts_of_each_problem(tmp_path: Path, capsys: Output) -> None:
    """One object; nothing else stands on stdout."""
    path = written(tmp_path, MINIMAL + "grace: 30\n")

    assert 1 == check(path, True, True)
    said = msgspec.json.decode(capsys.readouterr().out)
    assert ["grace"] == [p["path"] for p in said["problems"]]
    assert {"file": str(path), "line": 6, "column": 8, "value": "30"}.items() <= said["problems"][0].items()
    assert "settings" not in said


def test_print_names_the_source_of_every_value(tmp_path: Path, capsys: Output) -> None:
    """The workflow's line, the profile's line, a default, the catalogue."""
    path = written(tmp_path, GOOD)

    assert 0 == check(path, True, True)
    said = {s["path"]: (s["value"], s["source"]) for s in msgspec.json.decode(capsys.readouterr().out)["settings"]}
    chat = "workflows.support-chat"
    assert ("800ms", f"{path}:29") == said[f"{chat}.objective.first_token"]
    assert ("10s", f"{path}:18") == said[f"{chat}.timers.first_token"]
    assert ("2s", "default") == said[f"{chat}.timers.connect"]
    assert ("1", "default") == said[f"{chat}.choose.weights.load"]
    assert ("400000", "catalogue") == said["providers.openai-us.models[0].context_tokens"]
    assert ("unknown", "default") == said["providers.openai-us.models[0].files"]
    assert ("127.0.0.1:8700", f"{path}:3") == said["listen"]
    assert ("env:WEB_APP_KEY", f"{path}:33") == said["keys.web-app.secret"]


def test_what_is_printed_is_the_same_configuration(tmp_path: Path, capsys: Output) -> None:
    """Merged and with every default written out, it resolves to the same policies."""
    path = written(tmp_path, GOOD)
    check(path, True, False)
    again = written(tmp_path, capsys.readouterr().out, "again.yaml")

    assert resolve(load(path, {})).policies == resolve(load(again, {})).policies


def test_print_hides_literal_secrets(tmp_path: Path, capsys: Output) -> None:
    text = MINIMAL + "allow_literal_secrets: true\nkeys: {k: {secret: [open-sesame, '12345']}}\n"

    assert 0 == check(written(tmp_path, text), True, False)
    out = capsys.readouterr().out
    assert 2 == out.count("(hidden)")
    assert "sesame" not in out
    assert "12345" not in out


def test_print_of_a_bad_file_prints_no_configuration(tmp_path: Path, capsys: Output) -> None:
    """Errors are talk then, for stdout is the merged file alone."""
    assert 1 == check(written(tmp_path, MINIMAL + "grace: 30\n"), True, False)
    out, err = capsys.readouterr()
    assert not out
    assert "grace" in err


def test_init_writes_for_the_keys_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each vendor whose key is in the environment, by reference; the file is good and the keys do not stand in it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one")
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-two")
    path = tmp_path / "poise.yaml"

    assert 0 == init(path, False, False)
    findings, resolved = examined(path)
    assert () == findings.problems
    assert resolved is not None
    assert ["openai", "deepseek"] == list(resolved.links)
    assert resolved.open
    assert "sk-" not in path.read_text()


def test_init_says_which_vendors_are_not_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """A key that cannot be used yet is told of, not dropped in silence."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-one")
    row = NotYet("providers.*.vendor", "anthropic", "another dialect")
    monkeypatch.setattr(not_yet, "NOT_YET", (row,))

    assert 0 == init(tmp_path / "poise.yaml", False, False)
    assert "not yet in this version: anthropic" in capsys.readouterr().err


@pytest.mark.parametrize("vendor", [name for name, v in VENDORS.items() if v.variable and v.dialect == "openai"])
def test_init_s_file_is_good_for_every_vendor(tmp_path: Path, vendor: str) -> None:
    """Whichever key is the only one; where no first model is known the demo is written instead."""
    from poise.edge.config.start import vendors_found

    environ = {VENDORS[vendor].variable: "x"}
    if vendors_found(environ)[0]:
        assert () == examined(written(tmp_path, first_file(environ)))[0].problems


def test_the_demo_needs_nothing(tmp_path: Path) -> None:
    """No key, no variable, two simulated regions, ready to compile."""
    path = tmp_path / "poise.yaml"

    assert 0 == init(path, True, False)
    snapshot = compile_snapshot(resolve(load(path, {})), {}, 1, b"s")
    assert {"sim-chat@sim-us", "sim-chat@sim-eu"} == {c.target.id for c in snapshot.policies["chat"].candidates}
    assert "SIMULATED" in path.read_text()


def test_the_demo_s_upstreams_can_be_anywhere(tmp_path: Path) -> None:
    text = demo_file({"north": "http://127.0.0.1:9/v1"})

    assert "http://127.0.0.1:9/v1" == resolve(load(written(tmp_path, text), {})).links["sim-north"].provider.url


def test_init_overwrites_only_by_force(tmp_path: Path, capsys: Output) -> None:
    path = written(tmp_path, "mine\n")

    assert 1 == init(path, True, False)
    assert "mine\n" == path.read_text()
    assert "--force" in capsys.readouterr().err
    assert 0 == init(path, True, True)
    assert "mine\n" != path.read_text()


def test_init_in_no_folder_is_told(tmp_path: Path, capsys: Output) -> None:
    assert 1 == init(tmp_path / "none" / "poise.yaml", True, False)
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("demo", [True, False])
def test_init_says_how_to_start_the_upstreams(tmp_path: Path, capsys: Output, demo: bool) -> None:
    """Nobody else starts them: both commands stand in the file as comments, and are printed, with the file's ports."""
    path = tmp_path / "poise.yaml"

    assert 0 == init(path, demo, False)
    err, text = capsys.readouterr().err, path.read_text()
    for name, port in (("us", 8711), ("eu", 8712)):
        command = f"python -m poise.sim.region --name {name} --port {port}"
        assert f"#   {command}\n" in text
        assert f"  {command}\n" in err
        assert f"url: http://127.0.0.1:{port}/v1\n" in text


def test_init_for_a_key_tells_of_no_upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one")

    assert 0 == init(tmp_path / "poise.yaml", False, False)
    assert "poise.sim" not in capsys.readouterr().err + (tmp_path / "poise.yaml").read_text()


def test_unknown_models_are_one_warning_a_provider(tmp_path: Path) -> None:
    """Each names its models, on one line; a model that is said something of is not among them."""
    text = MINIMAL + "  b: {vendor: vllm, models: [n, {name: o, tools: true}, p]}\n"
    told = [w for w in examined(written(tmp_path, text))[0].warnings if "catalogue" in w.text]

    assert [(5, "providers.a.models", "m"), (6, "providers.b.models", "n, p")] == [
        (w.line, w.path, w.value) for w in told
    ]
    assert not any("\n" in str(w) for w in told)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        (None, ".poise"),
        (MINIMAL, ".poise"),
        (MINIMAL + "data: there\n", "there"),
        (MINIMAL + "data: there\ngrace: 30\n", "there"),
        (MINIMAL + "data: none\n", ".poise"),
        (MINIMAL + "data: postgresql://h/d\n", ".poise"),
        ("version: [\n", ".poise"),
    ],
)
def test_the_data_folder_is_the_file_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, folder: str
) -> None:
    """Where none is named: also by a file with mistakes elsewhere; .poise where the file names no folder."""
    monkeypatch.chdir(tmp_path)
    if text is not None:
        written(tmp_path, text)

    assert tmp_path / folder == data_folder(None).absolute()
    assert Path("mine") == data_folder(Path("mine"))
