import re
import tomllib

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexp_tui.domain.gate import Gate, Plan
from llmexp_tui.domain.hashing import text_hash
from llmexp_tui.domain.score import ScorerSpec
from llmexp_tui.errors import ConfigError, UnknownNameError
from llmexp_tui.project.config import load_project
from llmexp_tui.project.files import WorkTree
from llmexp_tui.project.models import MODEL_KEYS
from tests.unit.project.conftest import TOML

TONE = "[experiments.tone]\n"


def load(text, tmp_path):
    (tmp_path / "llmexp.toml").write_text(text, "utf-8")
    return load_project(WorkTree(tmp_path), tmp_path)


def test_the_project_is_what_the_file_says(project_dir):
    project = load_project(WorkTree(project_dir), project_dir)
    tone = project.experiments["tone"]
    assert project.root == project_dir
    assert project.prompts == {"triage": "prompts/triage.md"}
    assert project.datasets["tickets"].slices == ("channel",)
    assert project.datasets["tickets"].expected_column == "label"
    assert project.models["small"].params == {"temperature": 0.2}
    assert project.max_cost_usd is None
    assert project.hash == text_hash(TOML)
    assert tone.candidates == ("short",)
    assert tone.variants["long"].prompt == "triage@main"
    assert tone.scorers == (
        ScorerSpec("exact_match", "exact_match"), ScorerSpec("refusal", "refusal"),
        ScorerSpec("contains", "contains", {"value": "priority:"}),
    )  # fmt: skip
    assert tone.gates == (
        Gate("exact_match", 0.02), Gate("latency", 0.10, slice="channel=email"),
    )  # fmt: skip
    assert tone.plan == Plan(alpha=0.1, seed=7)


def test_every_key_of_a_model_is_read(tmp_path):
    text = """
    [models.full]
    model = "openai/gpt-5-mini"
    temperature = 1
    top_p = 0.9
    max_tokens = 100
    reasoning_effort = "low"
    seed = 3
    stop = ["a", "b"]
    timeout_s = 5
    api_base = "http://127.0.0.1:8080/v1"
    lane = "direct"
    api_key_env = "OPENAI_API_KEY"
    max_concurrency = 32
    rpm = 60
    tpm = 1000
    stream = true
    input_cost_per_mtok = 0.25
    output_cost_per_mtok = 0
    """
    model = load(text, tmp_path).models["full"]
    assert dict(model.params) == {
        "temperature": 1.0, "top_p": 0.9, "max_tokens": 100, "reasoning_effort": "low", "seed": 3, "stop": ["a", "b"]
    }  # fmt: skip
    assert (model.api_base, model.lane, model.api_key_env) == ("http://127.0.0.1:8080/v1", "direct", "OPENAI_API_KEY")
    assert (model.timeout_s, model.stream, model.max_concurrency, model.rpm, model.tpm) == (5.0, True, 32, 60, 1000)
    assert (model.input_cost_per_mtok, model.output_cost_per_mtok) == (0.25, 0.0)


def test_a_budget_a_lone_variant_and_an_empty_file(tmp_path):
    assert load("[budget]\nmax_cost_usd = 2.5", tmp_path).max_cost_usd == 2.5
    assert load("", tmp_path).experiments == {}
    text = TOML.replace('baseline = "long"\n', "").split("[experiments.tone.variants.short]")[0]
    assert load(text, tmp_path).experiments["tone"].baseline == "long"


def test_parts_of_a_variant_keep_their_place(tmp_path):
    extra = '[experiments.tone.variants.short.retriever]\nk = 5\nmode = "hybrid"\n'
    extra += '[experiments.tone.variants.short.chain]\nsteps = [{ prompt = "triage" }]\n'
    short = load(TOML + extra, tmp_path).experiments["tone"].variants["short"]
    assert short.retriever == {"k": 5, "mode": "hybrid"}
    assert short.chain == {"steps": [{"prompt": "triage"}]}


@pytest.mark.parametrize(
    ("gate", "margin"),
    [('metric = "latency"\nmargin = "12.5%"', 0.125), ('metric = "cost"\nmargin = 0.1', 0.1),
     ('metric = "tokens"\nmargin = " 300 % "', 3.0), ('metric = "errors"\nmargin = 0.02', 0.02),
     ('metric = "ttft"', 0.10), ('metric = "latency"\nstatistic = "p95"', 0.25), ('metric = "errors"', 0.02),
     ('metric = "latency"\nstatistic = "p90"', 0.25), ('metric = "ttft"\nstatistic = "share"\nlimit = "2 s"', 0.05)],
)  # fmt: skip
def test_margins_of_ratios_may_be_percentages(tmp_path, gate, margin):
    text = f"{TOML.split('[[')[0]}[[experiments.tone.gates]]\n{gate}\n"
    assert load(text, tmp_path).experiments["tone"].gates[0].margin == margin


def test_a_tail_gate_asks_for_the_fresh_rows_that_it_needs(tmp_path):
    def fresh_rows(statistic, plan=""):
        gate = f'metric = "latency"\nstatistic = "{statistic}"'
        text = f"{TOML.split('[[')[0]}[[experiments.tone.gates]]\n{gate}\n[experiments.tone.plan]\n{plan}\n"
        return load(text, tmp_path).experiments["tone"].plan.fresh_rows

    assert [fresh_rows(statistic) for statistic in ("mean", "p90", "p95", "p99")] == [100, 100, 200, 1000]
    assert fresh_rows("p95", "fresh_rows = 50") == 50


def test_what_few_gates_set_is_read_and_registered_only_where_set(tmp_path):
    text = TOML.replace("margin = 0.02", "margin = 0.02\nmin_effect = 0.01\nmax_change = 0.5\nstrict = true", 1)
    gate = load(text, tmp_path).experiments["tone"].gates[0]
    assert (gate.min_effect, gate.max_change, gate.strict, gate.interval_scale) == (0.01, 0.5, True, True)
    plain = load(TOML, tmp_path).experiments["tone"].gates[0]
    added = gate.record().items() - plain.record().items()
    assert dict(added) == {"min_effect": 0.01, "max_change": 0.5, "strict": True}
    slow = 'metric = "latency"\nstatistic = "share"\nmargin = 0.1\nlimit = "1.5 s"'
    share = load(f"{TOML.split('[[')[0]}[[experiments.tone.gates]]\n{slow}\n", tmp_path).experiments["tone"].gates[0]
    assert share.limit == 1500.0 and share.record()["limit"] == 1500.0
    ordered = load(TOML.replace("margin = 0.02", "margin = 0.02\ninterval_scale = false", 1), tmp_path)
    assert ordered.experiments["tone"].gates[0].record() != plain.record()
    vetoed = load(TOML.replace("alpha = 0.1", 'worst_run = "off"', 1), tmp_path).experiments["tone"].plan
    assert vetoed.record()["worst_run"] == "off"


def test_scorers_have_names_and_keep_their_powers(tmp_path):
    scorers = """scorers = [{ python = "scorers.py:tone" }, { command = ["./grade"], name = "graded" },
    { type = "python", python = "s.py:f", name = "x" }, { type = "regex", name = "has id", pattern = "a", n = [1] }
    ]"""
    text = TOML.split("scorers = ")[0] + scorers
    text += '\n[experiments.tone.variants.long]\nprompt = "triage"\nmodel = "small"\n'
    assert load(text, tmp_path).experiments["tone"].scorers == (
        ScorerSpec("python", "tone", {"python": "scorers.py:tone"}),
        ScorerSpec("command", "graded", {"command": ["./grade"]}),
        ScorerSpec("python", "x", {"python": "s.py:f"}),
        ScorerSpec("regex", "has id", {"pattern": "a", "n": [1]}),
    )


MISTAKES = [
    ("margin = 0.02", "margn = 0.02", 'llmexp.toml:31, experiments.tone.gates[0]: unknown key "margn"; did you mean '
     '"margin"?'),
    ('metric = "exact_match"', 'metric = "exact_mach"', 'llmexp.toml:30, experiments.tone.gates[0].metric: unknown '
     'metric "exact_mach"; did you mean "exact_match"?'),
    ("margin = 0.02", 'margin = "2%"', "gates[0].margin: a percentage is for latency, ttft, cost, tokens only; "
     "write margin = 0.02"),
    ("margin = 0.02", 'margin = "two"', 'gates[0].margin: "two" is no margin'),
    ("margin = 0.02", "margin = 0", "gates[0].margin: is zero"),
    ("margin = 0.02", "margin = -1", "gates[0].margin: is -1, but must be at least 0"),
    ("margin = 0.02", "margin = true", "gates[0].margin: is true or false, but a number is needed"),
    ("margin = 0.02", "margin = inf", "gates[0].margin: is inf"),
    ("margin = 0.02", "", 'gates[0]: no "margin"; add how much worse'),
    ("margin = 0.02", "margin = 0.02\nmin_efect = 1", 'unknown key "min_efect"; did you mean "min_effect"?'),
    ("margin = 0.02", 'margin = 0.02\nlimit = "2 s"', "gates[0].limit: does not go with the mean"),
    ("margin = 0.02", 'margin = 0.02\nstatistic = "share"', "statistic: a share above a limit is for latency"),
    ('metric = "latency"', 'metric = "latency"\nstatistic = "share"', 'gates[1]: no "limit"; add limit = "2 s"'),
    ('metric = "latency"', 'metric = "latency"\nstatistic = "share"\nlimit = "2"', "gates[1].limit: "),
    ('metric = "latency"', 'metric = "latency"\nstatistic = "share"\nlimit = "0 s"', "gates[1].limit: "),
    ("margin = 0.02", "margin = 0.02\nmax_change = 0", "gates[0].max_change: is zero"),
    ("margin = 0.02", 'margin = 0.02\nmin_effect = "1%"', "write min_effect = 0.01 in the metric's own unit"),
    ("margin = 0.02", "margin = 0.02\nstrict = 1", "strict: is a whole number, but true or false is needed"),
    ("alpha = 0.1", 'worst_run = "of"', 'unknown worst_run "of"; did you mean "off"?'),
    ("margin = 0.02", 'margin = 0.02\nrole = "must"', 'gates[0].role: unknown role "must"; did you mean "must_im'),
    ("margin = 0.02", 'margin = 0.02\nstatistic = "p80"', 'gates[0].statistic: unknown statistic "p80"'),
    ("margin = 0.02", 'margin = 0.02\ndirection = "up"', 'unknown key "direction"'),
    ("margin = 0.02", 'margin = 0.02\non_inconclusive = "ok"', 'unknown on_inconclusive "ok"'),
    ('metric = "latency"', 'metric = "errors"\nstatistic = "p95"', "gates[1].statistic: errors have no p95"),
    ('"channel=email"', '"chanel=email"', 'gates[1].slice: unknown slice "chanel"; did you mean "channel"?'),
    ('"channel=email"', '"channel"', 'gates[1].slice: "channel" is no slice'),
    ('metric = "latency"\nmargin = "10%"\nslice = "channel=email"', 'metric = "exact_match"\nmargin = 1',
     "gates[1]: a second gate on the mean of exact_match"),
    ("temperature = 0.2", "temprature = 0.2", 'llmexp.toml:12, models.small: unknown key "temprature"; did you mean '
     '"temperature"?'),
    ("temperature = 0.2", 'temperature = "hot"', "models.small.temperature: is a text, but a number is needed"),
    ("temperature = 0.2", "temperature = 1979-05-27", "models.small.temperature: is a date or time"),
    ("temperature = 0.2", "temperature = nan", "models.small.temperature: is nan"),
    ("temperature = 0.2", 'lane = "fast"', "models.small.lane: unknown lane"),
    ("temperature = 0.2", "max_concurrency = 0", "models.small.max_concurrency: is 0"),
    ("temperature = 0.2", 'api_base = "file:///etc"', "models.small.api_base: is no address"),
    ("temperature = 0.2", 'api_base = "http://u:p@h/"', "models.small.api_base: holds a name"),
    ("temperature = 0.2", 'api_base = "http://[::1"', "models.small.api_base: is no address"),
    ('model = "demo/icl"\n', "", 'llmexp.toml:10, models.small: no "model"; add model = '),
    ("temperature = 0.2", "stop = [1]", "models.small.stop: is a whole number, but a list of texts is needed"),
    ('baseline = "long"', 'baseline = "lang"', 'tone.baseline: unknown variant "lang"; did you mean "long"?'),
    ('baseline = "long"\n', "", 'experiments.tone: no "baseline"'),
    ('dataset = "tickets"', 'dataset = "ticket@1.0.0"', 'dataset: unknown dataset "ticket"; did you mean "tickets"?'),
    ('dataset = "tickets"', 'dataset = "tickets@"', 'tone.dataset: "tickets@" names no version'),
    ('dataset = "tickets"\n', "", 'experiments.tone: no "dataset"'),
    ('"triage@main"', '"triag@main"', 'variants.long.prompt: unknown prompt "triag"; did you mean "triage"?'),
    ('model = "small"\n\n[experiments.tone.variants.s', 'model = "smal"\n\n[experiments.tone.variants.s',
     'variants.long.model: unknown model "smal"; did you mean "small"?'),
    ('axis = "prompt"', 'axis = "promt"', 'tone.axis: unknown axis "promt"; did you mean "prompt"?'),
    ('axis = "prompt"', "repeats = 0", "tone.repeats: is 0, but must be from 1 to"),
    ('axis = "prompt"', "repeats = 1.5", "tone.repeats: is a number, but a whole number is needed"),
    ('"refusal"', '"refusal", "refusal"', 'tone.scorers[2]: two scorers are called "refusal"; give each one a name'),
    ('"refusal"', '"latency"', 'tone.scorers[1]: "latency" is always measured'),
    ('"refusal"', "7", "tone.scorers[1]: is a whole number, but a text or a table is needed"),
    ('"refusal"', "{ value = 1 }", 'tone.scorers[1]: no "type"'),
    ('"refusal"', '{ type = "x", at = 1979-05-27 }', "tone.scorers[1].at: is a date or time"),
    ('"refusal"', '{ type = "x", python = "y" }', 'tone.scorers[1].type: is "x", but python'),
    ('"refusal"', '""', "tone.scorers[1]: is empty"),
    ("alpha = 0.1", "alpha = 0.9", "tone.plan.alpha: is 0.9, but must be from 0.0001 to 0.5"),
    ("alpha = 0.1", "runs = 2", "tone.plan.runs: is 2, which has no majority; write 1 or 3"),
    ("alpha = 0.1", 'aa = "maybe"', 'tone.plan.aa: unknown aa "maybe"; known: optional, required'),
    ("alpha = 0.1", "max_error_rate = 2", "tone.plan.max_error_rate: is 2"),
    ("alpha = 0.1", "early_stop = 1", "tone.plan.early_stop: is a whole number, but true or false is needed"),
    ("alpha = 0.1", "fresh = 1", 'tone.plan: unknown key "fresh"; did you mean "fresh_rows"?'),
    ('path = "datasets/tickets.csv"', 'path = "../x.csv"', 'tickets.path: "../x.csv" leads out of the project'),
    ('path = "datasets/tickets.csv"', 'path = "/etc/passwd"', 'tickets.path: "/etc/passwd" is an absolute path'),
    ('path = "prompts/triage.md"', "", 'llmexp.toml:7, prompts.triage: no "path"'),
    ("[prompts.triage]", "[prompt.triage]", 'llmexp.toml:7: unknown key "prompt"; did you mean "prompts"?'),
    ("[prompts.triage]", '[prompts."tri@ge"]', 'the name "tri@ge" holds one of @'),
    ("[prompts.triage]", '[prompts."tri\\u001bge"]', "is no usable name"),
    ('slices = ["channel"]', 'slices = ["channel", "channel"]', "tickets.slices: holds the same text twice"),
    ("[experiments.tone]", "[[experiments.tone]]", "llmexp.toml"),
    (TONE, "[budget]\nmax_cost_usd = -1\n" + TONE, "budget.max_cost_usd: is -1"),
    (TONE, "[budget]\nmax_cost = 1\n" + TONE, 'budget: unknown key "max_cost"; did you mean "max_cost_usd"?'),
    ("seed = 7", "seed = ", "llmexp.toml:40: not TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES)
def test_a_mistake_is_named_with_file_line_key_and_remedy(tmp_path, right, wrong, message):
    assert right in TOML
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        load(TOML.replace(right, wrong, 1), tmp_path)
    assert caught.value.exit_code == 2
    assert re.match(r"llmexp\.toml:\d+", caught.value.sentence)


@pytest.mark.parametrize("line", ['api_key = "sk-verysecretverysecret"', 'api_key_env = "sk-verysecretverysecret"'])
def test_a_key_in_the_file_is_refused_without_being_repeated(tmp_path, line):
    with pytest.raises(ConfigError) as caught:
        load(f'[models.m]\nmodel = "openai/x"\n{line}\n', tmp_path)
    assert "verysecret" not in caught.value.sentence
    assert "api_key_env" in caught.value.sentence


def test_an_unknown_key_of_a_model_has_a_neighbour_among_all_keys(tmp_path):
    for key in MODEL_KEYS:
        with pytest.raises(UnknownNameError) as caught:
            load(f'[models.m]\nmodel = "x"\n{key}x = 1\n', tmp_path)
        assert caught.value.nearest == key


def test_a_project_without_its_file_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match=r"llmexp\.toml: no such file"):
        load_project(WorkTree(tmp_path), tmp_path)


_KNOWN = st.sampled_from(
    [*MODEL_KEYS, "path", "id", "slices", "prompt", "dataset", "axis", "baseline", "scorers", "repeats", "variants",
     "gates", "plan", "metric", "statistic", "margin", "role", "slice", "alpha", "aa", "runs", "tickets", "triage",
     "small", "tone", "long", "budget", "max_cost_usd", "retriever", "chain", "type", "name", "python", "command"]
)  # fmt: skip
_SCALARS = (
    st.booleans() | st.integers(-(2**64), 2**64) | st.floats() | st.dates() | st.datetimes() | st.times()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(["tickets", "triage", "small", "long", "10%", "exact_match", "latency", "p95", "channel=email",
                       "x" * 5000, "\x1b[31m", "../x", "/x", "http://[", ""])
)  # fmt: skip
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(_KNOWN | st.text("ab@\n", max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.lists(_KNOWN, min_size=1, max_size=5), _TREES), min_size=1, max_size=4))
def test_whatever_the_file_says_only_config_errors_come_out(tmp_path_factory, changes):
    document = tomllib.loads(TOML)
    for path, value in changes:
        _set(document, ["datasets", "prompts", "models", "experiments", "budget", *path], path, value)
    try:
        text = tomli_w.dumps(document)
    except ValueError:
        return
    _load_or_refuse(text, tmp_path_factory)


def _set(document, roots, path, value):
    """Puts a value somewhere into a document that is valid otherwise, so that deep checks are reached."""
    table = document
    for key in (roots[len(path) % 5], *path[:-1]):
        child = table.get(key)
        if isinstance(child, list):
            child = next((item for item in child if isinstance(item, dict)), None)
        if not isinstance(child, dict):
            child = next((item for item in table.values() if isinstance(item, dict)), None)
        if child is None:
            break
        table = child
    table[path[-1]] = value


_SHUFFLED = st.lists(st.sampled_from([*TOML.splitlines(True), "= ", "[", "]", '"', "[[x]]\n"])).map("".join)


@given(st.text(max_size=60) | _SHUFFLED)
def test_whatever_the_text_only_config_errors_come_out(tmp_path_factory, text):
    _load_or_refuse(text, tmp_path_factory)


def _load_or_refuse(text, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "llmexp.toml").write_text(text, "utf-8", errors="replace")
    try:
        load_project(WorkTree(folder), folder)
    except ConfigError as error:
        assert len(error.sentence) < 2_000
        assert "\x1b" not in error.sentence
        assert "\n" not in error.sentence
