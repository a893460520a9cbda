"""Free text without what identifies a person: addresses, telephone and card numbers, and names a source lists.

References
----------
Card numbers have 13 to 19 digits (ISO/IEC 7812); telephone numbers at most 15 (ITU-T E.164).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import ibis

EMAIL = r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+"
CARD = r"\b\d([ \-]?\d){12,18}\b"
PHONE = r"(\+|\b)\d{1,4}[ \-./(]*\d{1,5}([ \-./()]+\d{1,5}){1,4}\b|\+\d{7,15}\b|\b0\d{8,11}\b"


def scrub_text(text: Any, names: Sequence[str] = ()) -> Any:
    """Return an Ibis text with `[email]`, `[card]`, `[phone]` and `[name]` in place of what they stand for.

    Parameters
    ----------
    names
        Names to be taken out wherever they stand, whatever their case.
    """
    for pattern, mark in ((EMAIL, "[email]"), (CARD, "[card]"), (PHONE, "[phone]")):
        text = text.re_replace(pattern, mark)
    if names:
        listed = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        text = text.re_replace(f"(?i)({listed})", ibis.literal("[name]"))
    return text
