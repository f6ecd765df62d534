//! Speed of the pure engine on real texts: `group/<texts>x<dimensions>/<how>` and `earlier/<texts>x<dimensions>`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use soulcaster_core::embedder::BuiltinEmbedder;
use soulcaster_core::engine::rank::earlier;
use soulcaster_core::engine::{Algorithm, GroupConfig, Rules, group, group_online};
use soulcaster_core::model::item::text_of;
use soulcaster_sources::file::FileReader;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data");

/// The texts of an example file with their vectors.
fn load(file: &str) -> (Vec<String>, Array2<f32>) {
    let rows = FileReader::open(format!("{DATA}/{file}")).expect("the example data is in the repository");
    let reports = rows.map(|row| row.result.expect("every line of it is a report"));
    let texts: Vec<String> = reports.map(|report| text_of(&report.title, &report.body)).collect();
    let embedder = BuiltinEmbedder::new();
    let flat = embedder.embed_batch(&texts).iter().flat_map(|row| row.as_slice().to_vec()).collect();
    let vectors = Array2::from_shape_vec((texts.len(), embedder.dimensions()), flat);
    (texts, vectors.expect("one row a text"))
}

fn groups(c: &mut Criterion) {
    let (questions, vectors) = load("banking-questions.jsonl");
    let size = format!("{}x{}", vectors.nrows(), vectors.ncols());
    let auto = GroupConfig::default();
    let average = GroupConfig { algorithm: Algorithm::Average, ..GroupConfig::default() };
    let mut bench = c.benchmark_group("group");
    bench.sample_size(10);
    for config in [&auto, &average] {
        bench.bench_function(format!("{size}/{}", config.algorithm.name()), |b| {
            b.iter(|| group(&questions, black_box(vectors.view()), config, &Rules::default()));
        });
    }
    bench.bench_function(format!("{size}/online"), |b| {
        b.iter(|| group_online(&questions, black_box(vectors.view()), &auto));
    });

    let (bugs, vectors) = load("hadoop-bugs.jsonl");
    let size = format!("{}x{}", vectors.nrows(), vectors.ncols());
    bench.bench_function(format!("{size}/auto-duplicates"), |b| {
        b.iter(|| group(&bugs, black_box(vectors.view()), &auto, &Rules::default()));
    });
    bench.finish();

    let mut bench = c.benchmark_group("earlier");
    bench.sample_size(10);
    bench.bench_function(size, |b| b.iter(|| earlier(&bugs, black_box(vectors.view()), 10)));
    bench.finish();
}

criterion_group!(benches, groups);
criterion_main!(benches);
