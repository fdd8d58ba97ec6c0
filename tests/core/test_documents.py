"""Word documents and the details of an office in reports."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ElementTree
import zipfile

import pytest
from PIL import Image

from scarp.model.errors import InputCorrupt, InputMissing
from scarp.model.progress import NullProgress, WarningLog
from scarp.model.report.document import TEXT_WIDTH
from scarp.model.report.files import LOGO_SIDE, ReportFiles
from scarp.model.report.page import Page
from scarp.model.report.settings import NAMES, DocumentDetails, read_details
from scarp.tests.core.test_report import small_figure

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
HOSTILE = 'a <b> & "c"\x01 {{ 1 + 1 }} 滑坡'
SEEN = HOSTILE.replace("\x01", "\ufffd")


@pytest.fixture
def logo(tmp_path):
    path = tmp_path / "logo.png"
    Image.new("RGB", (1200, 400), (20, 90, 110)).save(path)
    return path


@pytest.fixture
def details(logo):
    texts = {name: f"{name} {HOSTILE}" for name in NAMES if name != "logo"}
    return DocumentDetails(**texts, logo=str(logo))


def full_page() -> Page:
    page = Page(f"Page {HOSTILE}", "from here", warnings=[HOSTILE])
    page.key_numbers([("Verdict", "usable", HOSTILE)])
    page.text("In short", HOSTILE, "second")
    page.table("Zones", ["Zone", "Share"], [["low", 0.5], [HOSTILE, 12.0]], "a note", ["#aabbcc", "#112233"])
    for caption in ("left", "right"):
        page.figure("Side by side" if caption == "left" else "", small_figure(), caption, half=True)
    page.figure("Map", small_figure(), "of all")
    page.settings("Settings", {"SEED": 1, "NAME": HOSTILE})
    return page


def parts_of(path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def written(tmp_path, details=None) -> dict[str, bytes]:
    ReportFiles.of_run(None, tmp_path / "r.docx", details, NullProgress()).write(full_page())
    return parts_of(tmp_path / "r.docx")


def paragraphs(document: ElementTree.Element) -> list[tuple[str, str]]:
    found = []
    for item in document.iter(f"{W}p"):
        style = item.find(f"{W}pPr/{W}pStyle")
        found.append((style.get(f"{W}val") if style is not None else "", "".join(item.itertext())))
    return found


def test_a_document_has_all_that_the_page_has(tmp_path, details):
    parts = written(tmp_path, details)
    document = ElementTree.fromstring(parts["word/document.xml"])
    texts = paragraphs(document)
    headings = [text for style, text in texts if style == "Heading1"]
    assert headings == ["Read this first", "In short", "Zones", "Side by side", "Map", "Settings", "Data sources"]
    assert texts[1] == ("Title", f"title {SEEN}") and texts[2] == ("Subtitle", f"Page {SEEN}")
    assert ("Warning", SEEN) in texts and ("", f"limits {SEEN}") in texts and ("", f"sources {SEEN}") in texts
    assert [text for style, text in texts if style == "Caption"] == ["left", "right", "of all"]
    rows = [len(table.findall(f"{W}tr")) for table in document.iter(f"{W}tbl")]
    assert rows == [1, 3, 1, 2]
    used = {style for style, _ in texts if style}
    known = {style.get(f"{W}styleId") for style in ElementTree.fromstring(parts["word/styles.xml"]).iter(f"{W}style")}
    assert used <= known


def test_each_picture_is_there_once_with_its_proportions(tmp_path, details):
    parts = written(tmp_path, details)
    relations = ElementTree.fromstring(parts["word/_rels/document.xml.rels"])
    targets = {item.get("Id"): item.get("Target") for item in relations}
    document = parts["word/document.xml"].decode()
    drawn = ElementTree.fromstring(document).iter("{http://schemas.openxmlformats.org/drawingml/2006/main}blip")
    embedded = [
        blip.get("{http://schemas.openxmlformats.org/officeDocument/2006/relationships}embed") for blip in drawn
    ]
    assert len(embedded) == len(set(embedded)) == 4, "the logo and three figures"
    extents = [
        (int(item.get("cx")), int(item.get("cy")))
        for item in ElementTree.fromstring(document).iter()
        if item.tag.endswith("}extent")
    ]
    for (width, height), name in zip(extents, embedded):
        with Image.open(io.BytesIO(parts[f"word/{targets[name]}"])) as picture:
            assert width / height == pytest.approx(picture.width / picture.height, rel=0.01)
        assert width <= TEXT_WIDTH * 635


def test_the_same_report_is_the_same_document(tmp_path):
    assert written(tmp_path) == written(tmp_path)


def test_details_stand_in_the_page_and_nothing_without_them(tmp_path, details):
    ReportFiles.of_run(tmp_path / "r.html", None, details, NullProgress()).write(full_page())
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    for text in ("title a &lt;b&gt;", "author a &lt;b&gt;", "<h2>Purpose</h2>", "<h2>Limits</h2>", "Data sources"):
        assert text in html
    assert '<img class="logo" src="data:image/png;base64,' in html and "{{ 1 + 1 }}" in html
    assert html.index("<h2>Limits</h2>") < html.index("Read this first") < html.index("Data sources")
    plain = full_page().html()
    assert not [text for text in ('class="logo"', "Purpose", "Limits", "Data sources") if text in plain]


def test_a_logo_is_reduced_and_one_that_is_no_picture_left_out(tmp_path, logo):
    with Image.open(io.BytesIO(ReportFiles.of_run(None, None, DocumentDetails(logo=str(logo)), None).logo)) as picture:
        assert max(picture.size) == LOGO_SIDE
    log = WarningLog(NullProgress())
    for name, content in (("a.svg", "<svg/>"), ("none.png", None)):
        if content:
            (tmp_path / name).write_text(content)
        files = ReportFiles.of_run(None, None, DocumentDetails(logo=str(tmp_path / name)), log)
        assert not files.logo and not files.details.logo
    assert len(log.warnings) == 2 and "Choose a PNG or JPEG" in log.warnings[0]


def test_details_of_a_file_go_before_stored_ones(tmp_path):
    path = tmp_path / "details.json"
    path.write_text(json.dumps({"title": " Mine ", "logo": "mark.png"}), encoding="utf-8")
    stored = DocumentDetails(title="Yours", author="You")
    found = stored.overridden_by(read_details(path))
    assert found == DocumentDetails(title="Mine", author="You", logo=str(tmp_path / "mark.png"))
    assert stored.overridden_by(DocumentDetails()) == stored


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[1]", "must be a JSON object of texts"),
        ('{"title": 1}', "must be a JSON object of texts"),
        ('{"titel": "a"}', 'has "titel", which is none of title'),
        (json.dumps({"limits": "x" * 20_001}), "must be a JSON object of texts"),
    ],
)
def test_a_wrong_file_of_details_is_named(tmp_path, text, message):
    (tmp_path / "d.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputCorrupt, match=message):
        read_details(tmp_path / "d.json")
    with pytest.raises(InputMissing, match="does not exist"):
        read_details(tmp_path / "none.json")
