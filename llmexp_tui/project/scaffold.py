"""Writes whole projects: the small one of `init`, the sample of `demo`. Never over files that are already there."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from llmexp_tui.errors import UsageError
from llmexp_tui.project.locate import PROJECT_FILE

_IGNORED = frozenset({".git", ".gitignore", ".gitattributes", ".DS_Store", ".llmexp", ".venv", ".idea", ".vscode"})
"""What a folder may hold and still count as empty."""
_LEFT_OUT = frozenset({".llmexp", "__pycache__"})

_TOML = '''\
# One experiment: does the new prompt sort requests as well as the old one?
# Run it with `llmexp-tui --check`, or open the app with `llmexp-tui`. Every key is explained in the README.

[datasets.requests]
path = "datasets/requests.csv"      # csv, tsv, json, jsonl or parquet; put your own rows here
id = "id"                           # optional: the column that a row is known by
expected = "team"                   # the reference answer

[prompts.old]
path = "prompts/old.md"

[prompts.new]
path = "prompts/new.md"

[models.demo]
model = "demo/icl"                  # built in and offline; later something like "openai/gpt-5-mini"
temperature = 0.2
# api_key_env = "OPENAI_API_KEY"    # the NAME of the variable that holds the key, never the key itself

[experiments.first]
question = "Does the new prompt sort requests as well as the old one?"
dataset = "requests"
axis = "prompt"                     # only the prompt may differ between the variants
baseline = "old"
scorers = ["exact_match"]

[experiments.first.variants.old]
prompt = "old"
model = "demo"

[experiments.first.variants.new]
prompt = "new"
model = "demo"

# What the new prompt promises, before anything is called: as good, as quick, as cheap, and no more errors.
# A margin says how much worse is still acceptable. Small margins need many rows: with the {rows} rows here only a big
# difference can be told, so these are wide. `llmexp-tui plan first` says what your rows can show.
[[experiments.first.gates]]
metric = "exact_match"
margin = 0.25

[[experiments.first.gates]]
metric = "latency"
margin = "50%"

[[experiments.first.gates]]
metric = "cost"
margin = "20%"

[[experiments.first.gates]]
metric = "errors"
margin = 0.2
'''

_OLD = """\
system:
You sort requests by the team that should answer them: billing, delivery or account.
Answer with the team's name only.

user:
{examples}

Request: {{{{ request }}}}
Team:
"""

_NEW = """\
system:
Sort each request by the team that answers it: billing, delivery or account.
Reply with the name of the team, and nothing else.

user:
{examples}

Request: {{{{ request }}}}
Team:
"""

_EXAMPLES = (
    ("I was charged twice for my order.", "billing"),
    ("Can I have an invoice with our company's address?", "billing"),
    ("My refund has not been paid yet.", "billing"),
    ("The card payment failed but the money is gone.", "billing"),
    ("Where is my parcel?", "delivery"),
    ("The package arrived damaged.", "delivery"),
    ("Can you deliver my order on Saturday?", "delivery"),
    ("The courier left the parcel at the wrong address.", "delivery"),
    ("I cannot log in, the password is refused.", "account"),
    ("Please change my email address.", "account"),
    ("How do I delete my account?", "account"),
    ("I did not get the code to reset my password.", "account"),
)

_ROWS = (
    ("Why was I charged two times?", "billing"),
    ("My card was charged but the order says unpaid.", "billing"),
    ("Please send me the invoice for my last order.", "billing"),
    ("The invoice shows the wrong company.", "billing"),
    ("When will my refund be paid?", "billing"),
    ("I sent the shoes back, where is my refund?", "billing"),
    ("The payment failed three times.", "billing"),
    ("Can I pay by invoice?", "billing"),
    ("You charged me for an order that I cancelled.", "billing"),
    ("The refund is less than what I paid.", "billing"),
    ("Is my card payment still pending?", "billing"),
    ("I need an invoice with tax on it.", "billing"),
    ("I was charged in the wrong currency.", "billing"),
    ("My parcel has not arrived.", "delivery"),
    ("Where is my package? It is a week late.", "delivery"),
    ("The parcel arrived open and damaged.", "delivery"),
    ("Can the courier deliver after six?", "delivery"),
    ("Do you deliver on Sunday?", "delivery"),
    ("The courier never rang.", "delivery"),
    ("My order was left at the neighbour's address.", "delivery"),
    ("Track my parcel please.", "delivery"),
    ("The package is at the wrong address.", "delivery"),
    ("One item was damaged when the parcel arrived.", "delivery"),
    ("Can I change the day you deliver my order?", "delivery"),
    ("The parcel says delivered but it is not here.", "delivery"),
    ("How long does the courier need to deliver?", "delivery"),
    ("I cannot log in any more.", "account"),
    ("My password is refused.", "account"),
    ("How can I reset my password?", "account"),
    ("The code to log in does not come.", "account"),
    ("Please delete my account.", "account"),
    ("I want to change my email.", "account"),
    ("Change the name on my account.", "account"),
    ("Did somebody else log in to my account?", "account"),
    ("The link to reset the password is dead.", "account"),
    ("Can I have two accounts with one email address?", "account"),
    ("I forgot which email I used to log in.", "account"),
    ("Why is my account locked?", "account"),
    ("How do I get a new code?", "account"),
    ("Delete everything you know about me.", "account"),
)


def write_project(folder: Path) -> tuple[Path, ...]:
    """Writes a small commented project that runs as it is; the files written. Raises UsageError."""
    _make_room(folder)
    examples = "\n\n".join(f"Request: {text}\nTeam: {team}" for text, team in _EXAMPLES)
    lines = [f"r{number:02},{_cell(text)},{team}" for number, (text, team) in enumerate(_ROWS, 1)]
    contents = {
        PROJECT_FILE: _TOML.replace("{rows}", str(len(_ROWS))),
        "prompts/old.md": _OLD.format(examples=examples),
        "prompts/new.md": _NEW.format(examples=examples),
        "datasets/requests.csv": "\n".join(["id,request,team", *lines, ""]),
    }
    return tuple(_write(folder / name, text.encode()) for name, text in contents.items())


def copy_sample(folder: Path) -> tuple[Path, ...]:
    """Copies the sample project; the files written. Raises UsageError."""
    _make_room(folder)
    return tuple(_copy(sample_data(), folder))


def sample_data() -> Traversable:
    """The sample project: inside the installed package, or beside it in a checkout. Raises UsageError."""
    package = resources.files("llmexp_tui")
    installed = package / "sample_data"
    if (installed / PROJECT_FILE).is_file():
        return installed
    if isinstance(package, Path):
        checkout = package.parent / "sample_data"
        if (checkout / PROJECT_FILE).is_file():
            return checkout
    raise UsageError("the sample project did not come with this installation", mend="install llmexp-tui again")


def _make_room(folder: Path) -> None:
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError("there is a file of that name", where=str(folder), mend="name another folder")
        held = [entry.name for entry in folder.iterdir() if entry.name not in _IGNORED] if folder.is_dir() else []
        if PROJECT_FILE in held:
            raise UsageError("there is a project already", where=str(folder), mend="open it with `llmexp-tui -C`")
        if held:
            raise UsageError("the folder is not empty", where=str(folder), mend="name a new or empty folder")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be used: {error.strerror}", where=str(folder), mend="name another folder") from None


def _copy(source: Traversable, target: Path) -> list[Path]:
    written: list[Path] = []
    for entry in sorted(source.iterdir(), key=lambda item: item.name):
        if entry.is_dir():
            if entry.name not in _LEFT_OUT:
                written += _copy(entry, target / entry.name)
        else:
            written.append(_write(target / entry.name, entry.read_bytes()))
    return written


def _write(path: Path, data: bytes) -> Path:
    """Writes a file that must not be there yet."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as file:
            file.write(data)
    except OSError as error:
        what = f"cannot be written: {error.strerror}"
        raise UsageError(what, where=str(path), mend="name another folder") from None
    return path


def _cell(text: str) -> str:
    return f'"{text}"' if "," in text else text
