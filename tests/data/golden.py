#!/usr/bin/env python3
"""Makes average.json: the partitions that scikit-learn's average linkage gives on the built-in embedder's vectors.

    cargo test -p soulcaster-tests golden::export -- --ignored --nocapture     # prints a folder
    pip install scikit-learn numpy
    python3 tests/data/golden.py FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np
import scipy
import sklearn
from sklearn.cluster import AgglomerativeClustering

THRESHOLD = 0.72
SETS = ["hadoop-bugs", "banking-questions", "clinc150", "dstc11-insurance", "dstc11-banking"]


def partition(vectors):
    """Labels from 0 in order of first use."""
    model = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1.0 - THRESHOLD
    )
    names = {}
    return [names.setdefault(label, len(names)) for label in model.fit_predict(vectors.astype(np.float64)).tolist()]


def main():
    folder = Path(sys.argv[1])
    dimensions = int((folder / "dimensions").read_text())
    sets = {}
    for name in SETS:
        labels = partition(np.fromfile(folder / f"{name}.f32", dtype="<f4").reshape(-1, dimensions))
        sets[name] = {"items": len(labels), "groups": max(labels) + 1, "labels": labels}
        sizes = np.bincount(labels)
        print(f"{name}: {len(labels)} texts, {len(sizes)} groups, {(sizes > 1).sum()} of two or more, largest {sizes.max()}")
    head = {
        "made_with": {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__, "numpy": np.__version__},
        "embedder": (folder / "embedder").read_text(),
        "linkage": "average",
        "threshold": THRESHOLD,
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    rows = [f"  {json.dumps(name)}: {json.dumps(found, separators=(',', ':'))}" for name, found in sets.items()]
    text = "\n".join(["{", *lines, ' "sets": {', ",\n".join(rows), " }", "}", ""])
    (Path(__file__).parent / "average.json").write_text(text)


main()
