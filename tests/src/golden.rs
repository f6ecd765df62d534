//! Average linkage gives the partitions of scikit-learn, on five sets of real texts and the vectors of the
//! built-in embedder. `tests/data/README.md` says how the golden file is made.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde_json::Value;
use soulcaster_core::embedder::BuiltinEmbedder;
use soulcaster_core::engine::{Algorithm, GroupConfig, Place, Rules, group};
use soulcaster_core::model::item::text_of;
use soulcaster_sources::file::FileReader;

/// Each set with its file and how many of its reports are read.
const SETS: [(&str, &str, usize); 5] = [
    ("hadoop-bugs", "../examples/data/hadoop-bugs.jsonl", 1_500),
    ("banking-questions", "../examples/data/banking-questions.jsonl", 1_500),
    ("clinc150", "data/clinc150.jsonl.gz", usize::MAX),
    ("dstc11-insurance", "data/dstc11-insurance.jsonl.gz", usize::MAX),
    ("dstc11-banking", "data/dstc11-banking.jsonl.gz", usize::MAX),
];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn texts(file: &str, most: usize) -> Vec<String> {
    let rows = FileReader::open(here(file)).expect("the texts are in the repository").take(most);
    let reports = rows.map(|row| row.result.expect("every line of them is a report"));
    reports.map(|report| text_of(&report.title, &report.body)).collect()
}

fn vectors(texts: &[String]) -> Array2<f32> {
    let embedder = BuiltinEmbedder::new();
    let rows = embedder.embed_batch(texts);
    let flat = rows.iter().flat_map(|row| row.as_slice().iter().copied()).collect();
    Array2::from_shape_vec((texts.len(), embedder.dimensions()), flat).expect("one row a text")
}

/// Labels from 0 in order of first use, so that equal partitions have equal labels.
fn renumbered(labels: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut names = BTreeMap::new();
    labels
        .map(|label| {
            let fresh = names.len() as u64;
            *names.entry(label).or_insert(fresh)
        })
        .collect()
}

#[test]
fn average_linkage_gives_the_partitions_of_scikit_learn() {
    let golden: Value = serde_json::from_slice(&fs::read(here("data/average.json")).unwrap()).unwrap();
    assert_eq!(
        golden["embedder"],
        BuiltinEmbedder::new().id().0,
        "the embedder is another one: make the golden file anew, tests/data/README.md says how"
    );
    let threshold = golden["threshold"].as_f64().unwrap();
    let config = GroupConfig { algorithm: Algorithm::Average, threshold, ..GroupConfig::default() };
    assert_eq!(threshold, 0.72);
    for (name, file, most) in SETS {
        let texts = texts(file, most);
        let grouping = group(&texts, vectors(&texts).view(), &config, &Rules::default()).unwrap();
        let ours = grouping.placements.iter().map(|placement| match placement.place {
            Place::New(group) | Place::Joined(group) => u64::from(group),
            Place::Unsure(_) => panic!("{name}: nothing is unsure at a fixed threshold"),
        });
        let theirs = golden["sets"][name]["labels"].as_array().unwrap();
        assert_eq!(theirs.len(), texts.len(), "{name}: the golden file is of other texts");
        let theirs = renumbered(theirs.iter().map(|label| label.as_u64().unwrap()));
        let ours = renumbered(ours);
        let apart = ours.iter().zip(&theirs).position(|(a, b)| a != b);
        assert_eq!(apart, None, "{name}: the partitions differ, first at this row");
        assert_eq!(golden["sets"][name]["groups"], grouping.groups(), "{name}");
    }
}

#[test]
#[ignore = "writes the vectors that tests/data/golden.py reads"]
fn export() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden");
    fs::create_dir_all(&folder).unwrap();
    for (name, file, most) in SETS {
        let bytes: Vec<u8> = vectors(&texts(file, most)).iter().flat_map(|x| x.to_le_bytes()).collect();
        fs::write(folder.join(format!("{name}.f32")), bytes).unwrap();
    }
    fs::write(folder.join("embedder"), BuiltinEmbedder::new().id().0).unwrap();
    fs::write(folder.join("dimensions"), BuiltinEmbedder::new().dimensions().to_string()).unwrap();
    println!("{}", folder.display());
}
