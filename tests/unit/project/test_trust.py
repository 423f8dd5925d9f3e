import os
import stat

import pytest

from llmexp_tui.errors import TrustError
from llmexp_tui.project.config import load_project
from llmexp_tui.project.files import WorkTree
from llmexp_tui.project.trust import is_trusted, powers, remember_trust, require_trust, trust_file
from tests.unit.project.conftest import TOML

NO_FLAG = {"flag": False, "env": {}}


def project_of(root, text=None):
    if text is not None:
        (root / "llmexp.toml").write_text(text)
    return load_project(WorkTree(root), root)


def with_base(url, model="openai/gpt-5-mini"):
    return TOML.replace('model = "demo/icl"', f'model = "{model}"\napi_base = "{url}"')


def with_scorer(table):
    return TOML.replace('"refusal"', table)


def test_a_project_without_powers_needs_no_trust(project_dir):
    project = project_of(project_dir)
    assert powers(project, project_dir) == ()
    require_trust(project, project_dir, **NO_FLAG)


@pytest.mark.parametrize(
    ("url", "model"),
    [("http://127.0.0.1:8080/v1", "openai/x"), ("https://evil.example/v1", "openai/x"),
     ("http://api.openai.com/v1", "openai/x"), ("https://api.openai.com.evil.example/v1", "openai/x"),
     ("https://api.openai.com/v1", "anthropic/x"), ("https://api.openai.com/v1", "demo/icl")],
)  # fmt: skip
def test_an_address_other_than_the_providers_own_is_a_power(project_dir, url, model):
    project = project_of(project_dir, with_base(url, model))
    (power,) = powers(project, project_dir)
    assert (power.kind, power.detail, power.holder) == ("api_base", url, "models.small")
    with pytest.raises(TrustError) as caught:
        require_trust(project, project_dir, **NO_FLAG)
    assert caught.value.exit_code == 2
    assert f"models.small uses api_base = {url}" in caught.value.sentence
    assert "--trust" in caught.value.sentence


def test_the_providers_own_address_is_no_power(project_dir):
    assert powers(project_of(project_dir, with_base("https://api.openai.com/v1")), project_dir) == ()


@pytest.mark.parametrize(
    ("scorer", "kind", "detail"),
    [('{ python = "scorers.py:tone" }', "python", "scorers.py:tone"),
     ('{ command = ["python", "grade.py"] }', "command", "python grade.py"),
     ('{ type = "judge", url = "http://x" }', "http", "http://x"),
     ('{ type = "a", deep = [{ python = "x.py:f" }] }', "python", "x.py:f")],
)  # fmt: skip
def test_code_commands_and_addresses_in_scorers_are_powers(project_dir, scorer, kind, detail):
    (power,) = powers(project_of(project_dir, with_scorer(scorer)), project_dir)
    assert (power.kind, power.detail) == (kind, detail)
    assert power.holder.startswith("experiments.tone.scorers.")


def test_parts_of_variants_hold_powers_too(project_dir):
    extra = '[experiments.tone.variants.short.chain]\nsteps = [{ command = ["./x"] }, { http = "http://h" }]\n'
    found = powers(project_of(project_dir, TOML + extra), project_dir)
    assert [(p.kind, p.holder) for p in found] == [
        ("command", "experiments.tone.variants.short.chain"), ("http", "experiments.tone.variants.short.chain")
    ]  # fmt: skip


def test_the_flag_and_the_variable_give_trust_once(project_dir):
    project = project_of(project_dir, with_base("http://127.0.0.1:1/v1"))
    require_trust(project, project_dir, flag=True, env={})
    require_trust(project, project_dir, flag=False, env={"LLMEXP_TRUST": "1"})
    for value in ("", "0", "yes"):
        with pytest.raises(TrustError):
            require_trust(project, project_dir, flag=False, env={"LLMEXP_TRUST": value})
    assert not trust_file().exists()


@pytest.mark.parametrize(
    ("event", "refused"),
    [('{"pull_request": {"head": {"repo": {"full_name": "fork/x"}}, "base": {"repo": {"full_name": "a/x"}}}}', True),
     ('{"pull_request": {"head": {"repo": {"full_name": "a/x"}}, "base": {"repo": {"full_name": "a/x"}}}}', False),
     ('{"pull_request": {"head": {"repo": null}}}', True), ("not json", True)],
)  # fmt: skip
def test_no_flag_trusts_a_fork_in_a_job_that_holds_secrets(project_dir, tmp_path, event, refused):
    (tmp_path / "event.json").write_text(event)
    env = {"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    project = project_of(project_dir, with_base("http://127.0.0.1:1/v1"))
    if refused:
        with pytest.raises(TrustError, match="checks a fork's pull request"):
            require_trust(project, project_dir, flag=True, env=env)
    else:
        require_trust(project, project_dir, flag=True, env=env)
    require_trust(project, project_dir, flag=True, env=env | {"GITHUB_EVENT_NAME": "pull_request"})
    require_trust(project_of(project_dir, TOML), project_dir, flag=False, env=env)


def test_trust_is_remembered_for_what_was_seen_and_where(project_dir, tmp_path):
    project = project_of(project_dir, with_base("http://127.0.0.1:1/v1"))
    remember_trust(project_dir, powers(project, project_dir), "2026-01-02T03:04:05Z")
    require_trust(project, project_dir, **NO_FLAG)
    assert not is_trusted(tmp_path, powers(project, project_dir))
    moved = project_of(project_dir, with_base("http://127.0.0.1:2/v1"))
    with pytest.raises(TrustError):
        require_trust(moved, project_dir, **NO_FLAG)
    remember_trust(project_dir, powers(moved, project_dir), "2026-01-02T03:04:06Z")
    require_trust(moved, project_dir, **NO_FLAG)
    require_trust(project, project_dir, **NO_FLAG)
    assert stat.S_IMODE(trust_file().stat().st_mode) == 0o600
    assert "2026-01-02T03:04:05Z" in trust_file().read_text()


def test_changed_code_is_not_trusted_any_more(project_dir):
    (project_dir / "scorers.py").write_text("def tone(row, output): return 1\n")
    (project_dir / "lib").mkdir()
    (project_dir / "lib" / "more.py").write_text("x = 1\n")
    project = project_of(project_dir, with_scorer('{ python = "scorers.py:tone" }'))
    remember_trust(project_dir, powers(project, project_dir), "2026-01-02T03:04:05Z")
    require_trust(project, project_dir, **NO_FLAG)
    (project_dir / "lib" / "more.py").write_text("import os\n")
    with pytest.raises(TrustError):
        require_trust(project, project_dir, **NO_FLAG)


def test_a_changed_script_of_a_command_is_not_trusted_any_more(project_dir):
    (project_dir / "grade.sh").write_text("echo 1\n")
    project = project_of(project_dir, with_scorer('{ command = ["sh", "grade.sh"] }'))
    remember_trust(project_dir, powers(project, project_dir), "2026-01-02T03:04:05Z")
    require_trust(project, project_dir, **NO_FLAG)
    (project_dir / "grade.sh").write_text("curl evil.example\n")
    with pytest.raises(TrustError):
        require_trust(project, project_dir, **NO_FLAG)


@pytest.mark.parametrize("command", ['["python", "grade.py"]', '["python", "-m", "lib.grade"]'])
def test_what_a_commands_python_could_import_is_part_of_its_trust(project_dir, command):
    (project_dir / "grade.py").write_text("import lib.more\n")
    (project_dir / "lib").mkdir()
    (project_dir / "lib" / "more.py").write_text("x = 1\n")
    project = project_of(project_dir, with_scorer(f"{{ command = {command} }}"))
    remember_trust(project_dir, powers(project, project_dir), "2026-01-02T03:04:05Z")
    require_trust(project, project_dir, **NO_FLAG)
    (project_dir / "lib" / "more.py").write_text("import os\n")
    with pytest.raises(TrustError):
        require_trust(project, project_dir, **NO_FLAG)


def test_a_project_cannot_bring_its_own_trust(project_dir, monkeypatch):
    project = project_of(project_dir, with_base("http://127.0.0.1:1/v1"))
    found = powers(project, project_dir)
    remember_trust(project_dir, found, "2026-01-02T03:04:05Z")
    remembered = trust_file().read_bytes()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(project_dir / "config"))
    os.makedirs(trust_file().parent)
    trust_file().write_bytes(remembered)
    assert not is_trusted(project_dir, found)
    with pytest.raises(TrustError, match="settings folder lies inside the project"):
        remember_trust(project_dir, found, "2026-01-02T03:04:05Z")


@pytest.mark.parametrize(
    "content", [b"", b"trusted = 1", b"not toml [", b"\xff", b"trusted = [1]", b"[[trusted]]\nroot = 1"]
)
def test_a_broken_memory_trusts_nothing(project_dir, content):
    project = project_of(project_dir, with_base("http://127.0.0.1:1/v1"))
    trust_file().parent.mkdir(parents=True)
    trust_file().write_bytes(content)
    with pytest.raises(TrustError):
        require_trust(project, project_dir, **NO_FLAG)
    remember_trust(project_dir, powers(project, project_dir), "2026-01-02T03:04:05Z")
    require_trust(project, project_dir, **NO_FLAG)


def test_a_power_cannot_act_on_a_terminal(project_dir):
    project = project_of(project_dir, with_scorer('{ python = "a\\u001b]0;x.py:f" }'))
    with pytest.raises(TrustError) as caught:
        require_trust(project, project_dir, **NO_FLAG)
    assert "\x1b" not in caught.value.sentence
