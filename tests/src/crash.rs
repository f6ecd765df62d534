//! Kill -9 at random points of `triage`: nothing acknowledged is lost, nothing doubled, and the same command
//! goes on from there to what an undisturbed run gives.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::binary::{Desk, example};

const POINTS: u32 = 50;
const FILES: usize = 6;
const FILE: usize = 250;

/// Every report with its place, and every group: what an undisturbed run must agree with.
fn state(desk: &Desk) -> String {
    let groups = desk.run(&["clusters", "-n", "0", "--singles"]).ok().out;
    desk.run(&["items", "-n", "0"]).ok().out + &groups
}

/// A deterministic spread over 0..1 (the golden ratio sequence), so that fifty points cover the run evenly.
fn spread(i: u32) -> f64 {
    (f64::from(i) * 0.618_033_988_749_895).fract()
}

#[test]
fn a_killed_triage_loses_and_doubles_nothing() {
    let calm = Desk::new();
    // Each file is a commit.
    let text = std::fs::read_to_string(example("banking-questions.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let files = lines.chunks(FILE).take(FILES).enumerate();
    let files: Vec<_> = files.map(|(i, lines)| calm.file(&format!("{i}.jsonl"), lines.join("\n"))).collect();
    let mut args = vec!["triage", "-v", "--report", "r.html"];
    args.extend(files.iter().map(|path| path.to_str().unwrap()));
    calm.run(&["--version"]).ok(); // builds the binary, which is not to be timed
    let begun = Instant::now();
    calm.run(&args).ok();
    let whole = begun.elapsed();
    let wanted = state(&calm);
    let (mut before_end, mut with_some) = (0, 0);
    for point in 0..POINTS {
        let desk = Desk::new();
        let mut child = desk
            .command(&args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let (tell, told) = mpsc::channel();
        let listener = std::thread::spawn(move || {
            said.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
        });
        let mut acknowledged = 0;
        if point % 5 == 0 {
            // Right after an acknowledgement, when the next commit begins.
            for _ in 0..=point / 5 % FILES as u32 {
                acknowledged += u64::from(told.recv_timeout(Duration::from_secs(60)).is_ok());
            }
        } else {
            std::thread::sleep(whole.mul_f64(spread(point)));
        }
        before_end += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        listener.join().unwrap();
        acknowledged += told.try_iter().filter(|line| line.ends_with("reports safe")).count() as u64;
        let acknowledged = acknowledged * FILE as u64;

        assert!(
            !desk.path("r.html").exists()
                || std::fs::read_to_string(desk.path("r.html")).unwrap().ends_with("</html>\n")
        );
        if desk.path("s.db").exists() {
            let run = desk.run(&["doctor"]).ok();
            assert!(!run.out.contains("  fault "), "point {point}: {run:#?}");
            let page = desk.run(&["items", "--json", "-n", "0"]).ok().json();
            let items = page["items"].as_array().unwrap();
            assert!(
                items.len() as u64 >= acknowledged,
                "point {point}: {} of {acknowledged} acknowledged",
                items.len()
            );
            assert!(items.iter().all(|item| item["occurrences"] == 1), "point {point}: counted twice");
            with_some += u32::from(!items.is_empty());
        } else {
            assert_eq!(acknowledged, 0);
        }
        desk.run(&args).ok();
        assert!(desk.run(&["doctor"]).ok().out.ends_with("all is well\n"), "point {point}");
        assert_eq!(state(&desk), wanted, "point {point}: not what an undisturbed run gives");
    }
    // The points must have hit something.
    assert!(
        before_end >= POINTS / 2 && with_some >= POINTS / 3,
        "{before_end} killed, {with_some} with items"
    );
}
