"""Styles that are parsed once: Textual parses all of them three times over when a place is first opened.

That alone kept the app's own thread for 30 ms. A source is parsed again only where it, or the theme, changed.
"""

from __future__ import annotations

from textual.css.stylesheet import Stylesheet


class KeptStylesheet(Stylesheet):
    """Textual's, with its own store of what is parsed put to use."""

    def set_variables(self, variables: dict[str, str]) -> None:
        """Forget what was parsed only where a variable is another one."""
        if variables != self._variables:
            super().set_variables(variables)

    def reparse(self) -> None:
        """Parse what is not parsed yet; what was stays in use where that fails."""
        self.parse()
