"""Takes the picture of the demo's report: python tests/docs/picture.py tieout-demo/report.html."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "report.png"


def main(report: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 6000})
        page.goto(report.resolve().as_uri())
        top = page.get_by_role("heading", name="Open breaks").bounding_box()
        assert top is not None
        clip = {"x": 0, "y": top["y"] - 16, "width": 1400, "height": 1040}
        page.screenshot(path=PICTURE, clip=clip, full_page=True)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
