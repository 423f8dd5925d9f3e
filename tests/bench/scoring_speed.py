"""How many scores a second one core makes: eight cheap scorers over 10,000 answers. Run it: python <this file>."""

from __future__ import annotations

import random
import time

from llmexp_tui.domain.score import ScorerSpec
from llmexp_tui.scoring.base import Sample, Scorer, ScorerContext, build_scorer

EIGHT: dict[str, dict[str, object]] = {
    "exact_match": {}, "contains": {"ignore_case": True}, "starts_with": {}, "regex": {"value": r"\b\d{2,4}\b"},
    "is_json": {}, "numeric": {}, "length": {}, "refusal": {},
}
OTHERS: dict[str, dict[str, object]] = {
    "token_f1": {}, "rouge_l": {}, "levenshtein": {}, "squad_em": {}, "is_xml": {},
}
WORDS = [
    "the", "refund", "takes", "ten", "working", "days", "and", "is", "paid", "to", "your", "card", "please", "wait",
    "42", "or", "ask", "again", "$1,250.50",
]


def answers(count: int) -> list[Sample]:
    """Answers of 5 to 60 words, as a support or reasoning data set has them."""
    rnd = random.Random(1)
    made = []
    for index in range(count):
        text = " ".join(rnd.choice(WORDS) for _ in range(rnd.randint(5, 60)))
        made.append(Sample(str(index), {}, text, f"{' '.join(rnd.sample(WORDS, 3))} 42", True))
    return made


def rate(scorers: list[Scorer], samples: list[Sample]) -> float:
    """Scores a second of CPU time, the best of three passes."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        for sample in samples:
            for scorer in scorers:
                scorer.score(sample)
        best = min(best, time.process_time() - start)
    return len(scorers) * len(samples) / best


def main() -> None:
    """Print the rate of the eight together and of each scorer alone."""
    samples, context = answers(10_000), ScorerContext()
    built = {name: build_scorer(ScorerSpec(name, name, conf), context) for name, conf in {**EIGHT, **OTHERS}.items()}
    print(f"eight cheap scorers: {rate([built[name] for name in EIGHT], samples):>10,.0f} scores/s")
    for name, scorer in built.items():
        print(f"{name:>19}: {rate([scorer], samples):>10,.0f} scores/s")


if __name__ == "__main__":
    main()
