"""The snippets of a project: files of Python that notes quote and show."""

from pathlib import Path

from litmus.files.reading import leads_out

SNIPPETS = "snippets"  # below the root


def snippets_of(root: Path) -> dict[str, Path]:
    """Return the files in snippets/ by their paths from the root, in order.

    A link to somewhere else is none, nor is what lies below one.
    """
    folder = root / SNIPPETS
    if folder.is_symlink():
        return {}
    return {
        path.relative_to(root).as_posix(): path
        for path in sorted(folder.rglob("*.py"))
        if not leads_out(path, folder) and path.is_file()
    }
