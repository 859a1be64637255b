"""The scripts lie side by side in the image and import one another as siblings."""

import sys

from tests.unit.program import ROOT

sys.path.insert(0, str(ROOT / "images" / "python"))
