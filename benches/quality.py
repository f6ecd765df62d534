#!/usr/bin/env python3
"""Groups the ten public sets with the defaults and prints a table of how well the groups agree with the labels.

    cargo build --release -p soulcaster
    python3 benches/quality.py FOLDER [--binary target/release/soulcaster] [--mode online]

FOLDER holds the sets as NAME.jsonl.gz with lines {"id", "title", "body", "label"}; benches/RESULTS.md says where each
comes from. The primary measure is pair F1 for duplicate bug reports and B-cubed F1 for the rest. One command groups
(`soulcaster group`), another scores (`soulcaster eval`); neither is told which set it has before it.
"""

import argparse
import gzip
import json
import subprocess
import tempfile
from pathlib import Path

# name, how many lines are read (None: all), measure that counts
SETS = [
    ("dup_hadoop", None, "pair_f1"),
    ("dup_firefox", None, "pair_f1"),
    ("intent_banking77_test", None, "b3_f1"),
    ("intent_clinc150_test", None, "b3_f1"),
    ("intent_dstc11_insurance", None, "b3_f1"),
    ("intent_dstc11_banking", None, "b3_f1"),
    ("topic_stackoverflow", 5000, "b3_f1"),
    ("topic_tweets", None, "b3_f1"),
    ("topic_googlenews_titles", 5000, "b3_f1"),
    ("logs_loghub_public", None, "b3_f1"),
]


def run(*command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--binary", default="target/release/soulcaster")
    parser.add_argument("--mode", default="batch", choices=["batch", "online"])
    options = parser.parse_args()
    print("| set | reports | taken for | **primary** | pair P / R | B3 P / R | false merge | unsure | groups (labels) | ARI | V | R@5 |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    total = 0.0
    with tempfile.TemporaryDirectory() as work:
        for name, most, primary in SETS:
            with gzip.open(options.folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
                rows = [json.loads(line) for _, line in zip(range(most or 10**9), lines)]
            reports, gold, pred, near = (f"{work}/{kind}.jsonl" for kind in ("reports", "gold", "pred", "near"))
            with open(reports, "w", encoding="utf-8") as out:
                for row in rows:
                    out.write(json.dumps({key: value for key, value in row.items() if key != "label"}) + "\n")
            with open(gold, "w", encoding="utf-8") as out:
                for row in rows:
                    out.write(json.dumps({"id": row["id"], "label": row["label"]}) + "\n")
            said = run(options.binary, "group", reports, "--out", pred, "--mode", options.mode, "--json", "-q")
            found = run(options.binary, "eval", "--gold", gold, "--pred", pred, "--json")
            run(options.binary, "nearest", reports, "--top", "10", "--out", near, "--json", "-q")
            recall = run(options.binary, "eval", "--gold", gold, "--pred", near, "--json")["recall_at_5"]
            total += found[primary]
            print(
                f"| `{name}` | {len(rows):,} | {said['calibration']['regime']} | **{found[primary]:.3f}** "
                f"| {found['pair_p']:.3f} / {found['pair_r']:.3f} | {found['b3_p']:.3f} / {found['b3_r']:.3f} "
                f"| {found['false_merge']:.3f} | {said['unsure']} | {found['k_pred']:,} ({found['k_gold']:,}) "
                f"| {found['ari']:.3f} | {found['v']:.3f} | {recall:.3f} |",
                flush=True,
            )
    print(f"| mean | | | **{total / len(SETS):.4f}** | | | | | | | | |")


main()
