//! Every decoder and parser on mutated deliveries, for a while.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `SOULCASTER_FUZZ_SECONDS` | how long in all: 60 by default where `CI` is `true`, else 5; 0 for the unchanged inputs alone |
//! | `SOULCASTER_FUZZ_SEED` | another sequence of inputs than that of seed 1 |
//! | `SOULCASTER_FUZZ_REPLAY` | a file that a failure wrote: its target runs on its input alone |
//!
//! `cargo test -p soulcaster-sources --all-features fuzz` runs it. One input is held at a time and none is over
//! 64 KiB, so memory stays bounded.

mod mutate;
pub(crate) mod random;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use random::Random;

/// Panics when the input is treated as it must not be.
type Run = Box<dyn Fn(&[u8]) + Send>;

/// Something that takes any bytes, with bytes that it takes to begin with.
pub(crate) struct Target {
    name: String,
    corpus: Vec<Vec<u8>>,
    run: Run,
}

impl Target {
    pub(crate) fn new<T: AsRef<[u8]>>(
        name: impl Into<String>,
        corpus: impl IntoIterator<Item = T>,
        run: impl Fn(&[u8]) + Send + 'static,
    ) -> Self {
        let corpus: Vec<_> = corpus.into_iter().map(|bytes| bytes.as_ref().to_vec()).collect();
        let name = name.into();
        assert!(!corpus.is_empty(), "{name}");
        Self { name, corpus, run: Box::new(run) }
    }

    /// Runs the corpus, then mutations of it until the time is over; gives how many inputs it ran.
    fn fuzz(&self, seed: u64, time: Duration) -> u64 {
        let start = Instant::now();
        let mut random = Random::new(seed);
        let mut count = 0;
        let mut known = self.corpus.iter().cloned();
        loop {
            let input = match known.next() {
                Some(input) => input,
                None if start.elapsed() >= time => return count,
                None => mutate::mutated(&mut random, &self.corpus),
            };
            count += 1;
            if catch_unwind(AssertUnwindSafe(|| (self.run)(&input))).is_err() {
                self.failed(seed, count, &input);
            }
        }
    }

    fn failed(&self, seed: u64, count: u64, input: &[u8]) -> ! {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        let name: String =
            self.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = std::env::temp_dir().join(format!("soulcaster-fuzz-{name}-{seed}-{count}.hex"));
        std::fs::write(&path, format!("{}\n{hex}\n", self.name)).unwrap();
        let path = path.display();
        panic!(
            "fuzz target {} failed on input {count} of seed {seed}; SOULCASTER_FUZZ_REPLAY={path} runs it again",
            self.name
        );
    }
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is not a whole number")),
        Err(_) => default,
    }
}

fn replay(path: PathBuf, targets: &[Target]) {
    let file = std::fs::read_to_string(&path).unwrap();
    let (name, hex) = file.trim_end().split_once('\n').unwrap();
    let target = targets.iter().find(|target| target.name == name).expect("the target is still there");
    (target.run)(&crate::signature::hex(hex).unwrap());
}

#[test]
fn fuzz_targets_bear_mutated_inputs() {
    #[allow(unused_mut)] // the pollers add theirs where they are built
    let mut targets = targets::all();
    #[cfg(feature = "pull")]
    targets.extend(crate::pull::fuzzed::targets());
    if let Some(path) = std::env::var_os("SOULCASTER_FUZZ_REPLAY") {
        return replay(path.into(), &targets);
    }
    let default = if std::env::var("CI").is_ok_and(|ci| ci == "true") { 60 } else { 5 };
    let (seconds, seed) = (number("SOULCASTER_FUZZ_SECONDS", default), number("SOULCASTER_FUZZ_SEED", 1));
    let time = Duration::from_secs(seconds) / u32::try_from(targets.len()).unwrap();
    for target in targets {
        // A thread of that name, so that a stack which overflows says whose it was.
        let thread = std::thread::Builder::new().name(format!("fuzz {}", target.name));
        let ran = thread.spawn(move || (target.fuzz(seed, time), target.name)).unwrap().join();
        match ran {
            Ok((count, name)) => println!("{name}: {count} inputs"),
            Err(failure) => std::panic::resume_unwind(failure),
        }
    }
}

#[test]
fn a_failure_is_found_written_and_replayed() {
    let target = || {
        Target::new("brittle parser", [b"{\"title\": \"t\"}"], |input: &[u8]| {
            assert!(!input.windows(4).any(|part| part == b"null"), "null");
        })
    };
    let failure = catch_unwind(AssertUnwindSafe(|| target().fuzz(1, Duration::from_secs(60)))).unwrap_err();
    let message = failure.downcast_ref::<String>().unwrap();
    assert!(message.starts_with("fuzz target brittle parser failed on input"), "{message}");
    let path = message.split_once("SOULCASTER_FUZZ_REPLAY=").unwrap().1.split(' ').next().unwrap();
    let again = catch_unwind(AssertUnwindSafe(|| replay(path.into(), &[target()]))).unwrap_err();
    assert_eq!(again.downcast_ref::<&str>().unwrap(), &"null");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn one_seed_makes_one_sequence_of_inputs() {
    let corpus = [b"{\"a\": [1, \"x\"]}".to_vec(), b"plain text".to_vec()];
    let inputs = |seed| {
        let mut random = Random::new(seed);
        (0..500).map(|_| mutate::mutated(&mut random, &corpus)).collect::<Vec<_>>()
    };
    let (first, other) = (inputs(1), inputs(2));
    assert_eq!(first, inputs(1));
    assert_ne!(first, other);
    let parsed =
        first.iter().filter(|input| serde_json::from_slice::<serde_json::Value>(input).is_ok()).count();
    assert!((100..450).contains(&parsed), "{parsed} of 500 are JSON");
    assert!(first.iter().all(|input| input.len() <= 64 << 10));
}
