"""Lets the site show ``Example:`` in a docstring as code, as it does ``Examples:``."""

import re

import griffe


class Examples(griffe.Extension):
    """Names the section as the parser knows it."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Look at one docstring, once it has been loaded."""
        if obj.docstring:
            obj.docstring.value = re.sub(
                r"^( *)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE
            )
