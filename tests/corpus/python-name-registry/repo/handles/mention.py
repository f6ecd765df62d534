"""Mentions in texts."""

import re

from .name import canonical

MENTION = re.compile(r"@([^\s,;:!?()]+)")


def mentioned(text, registry):
    """Owners whose names a text mentions, each once, in order."""
    found = []
    for name in MENTION.findall(text):
        owner = registry.owner(canonical(name.rstrip(".")))
        if owner is not None and owner not in found:
            found.append(owner)
    return found
