"""Asserts two things of the environment it runs in: no dependency runs code at every start, no known bad litellm.

A `.pth` file with an import line runs at every interpreter start; a stolen litellm release used one. Only an editable
install of this project and setuptools, which a new environment may bring along, own such files here.
"""

import sys
from importlib.metadata import distributions, version

BAD_LITELLM = {"1.82.7", "1.82.8"}
LOWEST_LITELLM = (1, 84)
MAY_OWN_PTH = {"llmexp-tui", "setuptools"}


def main() -> int:
    """0 where all is well; else 1, with one line for each thing that is not."""
    found = [
        f"{dist.metadata['Name']} brought {file}"
        for dist in distributions()
        if dist.metadata["Name"] not in MAY_OWN_PTH
        for file in dist.files or ()
        if str(file).endswith(".pth")
    ]
    litellm = version("litellm")
    if litellm in BAD_LITELLM or tuple(int(part) for part in litellm.split(".")[:2]) < LOWEST_LITELLM:
        found.append(f"litellm {litellm} is a release to keep away from")
    print("\n".join(found) or f"no .pth file from a dependency, litellm {litellm}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
