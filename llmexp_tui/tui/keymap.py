"""The user's keys: which binding ids exist, and which of a keymap's entries can be used. Nothing here draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from textual.binding import Binding, BindingType


def binding_ids(*groups: Iterable[BindingType]) -> set[str]:
    """The ids of the bindings of several classes."""
    return {binding.id for group in groups for binding in group if isinstance(binding, Binding) and binding.id}


def unknown_ids(keymap: Mapping[str, str], known: set[str]) -> list[str]:
    """A sentence for each entry of a keymap that names no binding, with the nearest one that exists."""
    sentences = []
    for name in keymap:
        if name not in known:
            near = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
            sentences.append(f'no binding is called "{name}"' + (f'; did you mean "{near[0]}"?' if near else ""))
    return sentences
