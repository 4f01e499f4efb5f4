"""The two statuses of a claim, in the words that everybody is shown: never one traffic light."""

from typing import Literal

Argument = Literal["by definition", "argued", "cited", "open", "refuted"]
Evidence = Literal["none", "checked", "checked with control", "failing", "stale"]
