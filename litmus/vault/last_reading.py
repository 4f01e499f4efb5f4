"""The notes as another process read them last: one whose bytes are the same is not read again."""

from pathlib import Path

from litmus.files import pickled
from litmus.vault.vault import Vault

FILE = "notes.pickle"


def recall(folder: Path) -> Vault | None:
    """Return a vault of the notes that were kept, None if all have to be read."""
    found = pickled.recall(folder / FILE, pickled.makers())
    if not found:
        return None
    notes, strict_line_breaks = found
    for note in notes:
        note.stamp = ()  # it is what the file says that counts, at the first reading
    return Vault(notes, (), strict_line_breaks)


def keep(folder: Path, vault: Vault) -> None:
    """Keep the notes of a vault for the next process, if any was read by this one."""
    if vault.has_read:
        notes = [*vault.notes.values()], vault.strict_line_breaks
        pickled.keep(folder / FILE, pickled.makers(), notes)
        vault.has_read = False
