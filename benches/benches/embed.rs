//! Speed of the built-in embedder: `embed/<texts>x<dimensions>/<kind of text>`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use soulcaster_core::embedder::BuiltinEmbedder;

const TITLES: [&str; 8] = [
    "Popup with search suggestions hides on 'mousedown' over some buttons",
    "Ctrl+Shift+T doesn't restore the tab I just closed",
    "My account was charged for a withdrawal I tried to make that was declined.",
    "how much is one us dollar in british pounds",
    "Is it possible to have a custom webpart listen to default SharePoint search box?",
    "NullPointerException in com.example.checkout.CartService.total(CartService.java:214)",
    "Checkout p99 latency above 2.5s in eu-west-1 for 15 minutes",
    "Crash on startup after update to 4.2.1 (Android 14, Pixel 8)",
];

fn titles(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{} #{i}", TITLES[i % TITLES.len()])).collect()
}

fn embed(criterion: &mut Criterion) {
    let embedder = BuiltinEmbedder::new();
    let dimensions = embedder.dimensions();
    let mut group = criterion.benchmark_group("embed");

    let short = titles(1_000);
    group.throughput(Throughput::Elements(1_000));
    group.bench_function(format!("1000x{dimensions}/titles-one-thread"), |bench| {
        bench.iter(|| {
            for text in &short {
                black_box(embedder.embed_text(text));
            }
        });
    });

    let many = titles(10_000);
    group.throughput(Throughput::Elements(10_000));
    group.bench_function(format!("10000x{dimensions}/titles-batch"), |bench| {
        bench.iter(|| embedder.embed_batch(black_box(&many)));
    });

    let accented: Vec<String> = short.iter().map(|text| text.replace('e', "é")).collect();
    group.throughput(Throughput::Elements(1_000));
    group.bench_function(format!("1000x{dimensions}/accents-one-thread"), |bench| {
        bench.iter(|| {
            for text in &accented {
                black_box(embedder.embed_text(text));
            }
        });
    });

    let long = titles(200).join("\n").repeat(100);
    group.throughput(Throughput::Elements(1));
    group.bench_function(format!("1x{dimensions}/megabyte"), |bench| {
        bench.iter(|| embedder.embed_text(black_box(&long)));
    });
    group.finish();
}

criterion_group!(benches, embed);
criterion_main!(benches);
