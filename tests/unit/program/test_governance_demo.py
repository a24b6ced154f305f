"""The demo of governance: what it trains on with is what the lineage will say."""

import json
from pathlib import Path
from typing import Any

import pytest

from aicore.content.models import DIALOGUE
from aicore.content.weights import shipped_model
from aicore.demos.governance import DemoFailed, base_of

SHIPPED = json.loads((shipped_model() / "manifest.json").read_bytes())["files"]


def current(version: str, files: dict[str, str]) -> dict[str, Any]:
    return {"use_case": DIALOGUE, "name": "ember-gold", "version": version, "artefacts": files}


def kept(state_dir: Path, version: str, files: dict[str, str]) -> Path:
    folder = state_dir / "models" / f"ember-gold-{version}"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"files": files}))
    return folder


def test_the_shipped_model_goes_on_from_the_shipped_weights(tmp_path: Path) -> None:
    assert base_of(current("0.3.0", SHIPPED), tmp_path) == shipped_model()


def test_a_model_that_the_demo_promoted_goes_on_from_its_own_weights(tmp_path: Path) -> None:
    files = {"model.bin": "sha256:" + "ab" * 32}
    folder = kept(tmp_path, "0.4.7", files)
    kept(tmp_path, "0.4.8", {"model.bin": "sha256:" + "cd" * 32})
    assert base_of(current("0.4.7", files), tmp_path) == folder


def test_other_weights_than_the_registered_ones_are_no_base(tmp_path: Path) -> None:
    kept(tmp_path, "0.4.7", {"model.bin": "sha256:" + "cd" * 32})
    with pytest.raises(DemoFailed, match=r"ember-gold 0\.4\.7 has no weights here"):
        base_of(current("0.4.7", {"model.bin": "sha256:" + "ab" * 32}), tmp_path)
