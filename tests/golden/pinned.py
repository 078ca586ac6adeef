"""Golden files: what is pinned and where. Broken into lines between tags, so that a diff can show it."""

from pathlib import Path

from services.syndicate.formats import FORMATS
from tests.golden.entries import CASES, PUBLISHED, head, heads
from tests.golden.faults_of_feedgen import written

HERE = Path(__file__).parent


def documents() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for case, entries in CASES.items():
        for name, form in FORMATS.items():
            above = head(name, max((entry.gone_at or entry.updated for entry in entries), default=PUBLISHED))
            for variant, rendered in form.renders().items():
                made = [fragment for entry in entries if (fragment := rendered(entry)) is not None]
                files[f"{case}{variant.removeprefix(name)}.{name}"] = form.document(above, made)
    for name, form in FORMATS.items():
        for said, above in heads(name).items():
            files[f"head_{said}.{name}"] = form.document(above, [])
        if form.single is not None:
            made = (form.entry(entry) for entry in CASES["story"])
            files.update({f"story-alone.{name}": form.single(fragment) for fragment in made if fragment})
    return files


def broken(data: bytes) -> bytes:
    return data.replace(b"><", b">\n<").replace(b'},{"', b'},\n{"').replace(b',"', b',\n"') + b"\n"


def expected() -> dict[Path, bytes]:
    """The bytes of every golden file as the code writes them now."""
    files = {HERE / "feeds" / name: broken(data) for name, data in documents().items()}
    return files | {HERE / "faults" / name: broken(data) for name, data in written().items()}


def rewrite() -> int:
    files = expected()
    for folder in ("feeds", "faults"):
        for old in (HERE / folder).glob("*"):
            old.unlink()
    for path, data in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return len(files)
