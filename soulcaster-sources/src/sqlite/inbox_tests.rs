use std::path::PathBuf;

use chrono::DateTime;
use soulcaster_core::model::Inbound;
use soulcaster_core::{ErrorKind, ProjectId};
use tempfile::TempDir;

use super::inbox::{Arrival, Inbox};
use super::open::Settings;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    (folder, path)
}

fn arrival(n: usize, raw: &[Option<&[u8]>]) -> Arrival {
    let report = |(i, raw): (usize, &Option<&[u8]>)| {
        let mut report = Inbound::new("mail", format!("report {n} {i}")).external_id(format!("{n}-{i}"));
        report.raw_payload = raw.map(<[u8]>::to_vec);
        report
    };
    Arrival {
        project: ProjectId::new(format!("p{}", n % 2)).unwrap(),
        received_at: DateTime::from_timestamp_micros(1_700_000_000_000_000 + n as i64).unwrap(),
        reports: raw.iter().enumerate().map(report).collect(),
    }
}

fn all(inbox: &Inbox) -> Vec<Arrival> {
    inbox.oldest(1000, usize::MAX).unwrap().into_iter().map(|(_, arrival)| arrival.unwrap()).collect()
}

#[tokio::test]
async fn what_was_put_comes_back_in_order_byte_for_byte_after_a_reopening() {
    let (_folder, path) = folder();
    let (same, other): (&[u8], &[u8]) = (b"\xff\x00{\"a\": 1}", b"");
    let put = [arrival(0, &[Some(same), Some(same), None, Some(other)]), arrival(1, &[None])];
    let inbox = Inbox::open(&path, 10).unwrap();
    for arrival in &put {
        inbox.put(arrival).await.unwrap();
    }
    drop(inbox);
    let inbox = Inbox::open(&path, 10).unwrap();
    assert_eq!((all(&inbox), inbox.waiting()), (put.to_vec(), 2));
    let first = inbox.oldest(10, 1).unwrap();
    let taken = first.len();
    let first = first[0].0;
    assert_eq!(taken, 1, "a byte is reached by the first");
    inbox.remove(first).await.unwrap();
    assert_eq!((all(&inbox), inbox.waiting()), (put[1..].to_vec(), 1));
    let next = inbox.put(&put[0]).await.unwrap();
    assert!(next > first + 1, "places are not used twice");
}

#[tokio::test]
async fn more_than_the_capacity_is_refused_until_there_is_room() {
    let (_folder, path) = folder();
    let inbox = Inbox::open(&path, 2).unwrap();
    let seq = inbox.put(&arrival(0, &[None])).await.unwrap();
    inbox.put(&arrival(1, &[None])).await.unwrap();
    let error = inbox.put(&arrival(2, &[None])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    inbox.remove(seq).await.unwrap();
    inbox.put(&arrival(2, &[None])).await.unwrap();
    assert_eq!(inbox.waiting(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deliveries_that_come_at_once_are_all_kept() {
    let (_folder, path) = folder();
    let inbox = std::sync::Arc::new(Inbox::open(&path, 1000).unwrap());
    let puts = (0..200).map(|n| {
        let inbox = inbox.clone();
        tokio::spawn(async move { inbox.put(&arrival(n, &[Some(b"x")])).await.unwrap() })
    });
    let mut seqs = Vec::new();
    for put in puts.collect::<Vec<_>>() {
        seqs.push(put.await.unwrap());
    }
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!((seqs.len(), all(&inbox).len()), (200, 200));
}

#[tokio::test]
async fn a_delivery_that_cannot_be_read_is_told_and_can_be_put_aside() {
    let (_folder, path) = folder();
    let inbox = Inbox::open(&path, 10).unwrap();
    let bad = inbox.put(&arrival(0, &[Some(b"raw")])).await.unwrap();
    inbox.put(&arrival(1, &[None])).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("UPDATE arrivals SET raw = x'' WHERE seq = ?", [bad as i64]).unwrap();
    let found = inbox.oldest(10, usize::MAX).unwrap();
    assert_eq!(found[0].1.as_ref().unwrap_err().message(), "a delivery that waits has no readable bytes");
    let told = format!("delivery {bad}: a delivery that waits has no readable bytes");
    assert_eq!(inbox.check().unwrap(), [told]);
    inbox.set_aside(bad, "no readable bytes").await.unwrap();
    assert_eq!((inbox.waiting(), inbox.aside().unwrap()), (1, 1));
    assert_eq!((all(&inbox), inbox.check().unwrap()), (vec![arrival(1, &[None])], vec![]));
    other.execute("UPDATE arrivals SET json = 'x'", []).unwrap();
    assert_eq!(inbox.waiting_reports().unwrap().into_values().sum::<u64>(), 0, "and is no obstacle");
}

#[tokio::test]
async fn waiting_reports_are_counted_by_project() {
    let (_folder, path) = folder();
    let inbox = Inbox::open(&path, 10).unwrap();
    assert!(inbox.waiting_reports().unwrap().is_empty());
    for n in 0..3 {
        inbox.put(&arrival(n, &[Some(b"raw"), None])).await.unwrap();
    }
    let counts = [("p0", 4), ("p1", 2)].map(|(project, n)| (ProjectId::new(project).unwrap(), n));
    assert_eq!(inbox.waiting_reports().unwrap(), counts.into());
}

#[tokio::test]
async fn a_full_disk_refuses_and_keeps_what_was_there() {
    let (_folder, path) = folder();
    let settings = Settings { max_pages: Some(12), ..Settings::default() };
    let inbox = Inbox::open_with(&path, 1000, settings).unwrap();
    let large = vec![7; 10_000];
    let mut kept = 0;
    let error = loop {
        match inbox.put(&arrival(kept, &[Some(&large)])).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(kept > 0 && error.message().contains("disk is full"), "{kept} {error}");
    assert_eq!((all(&inbox).len(), inbox.waiting()), (kept, kept));
    let first = inbox.oldest(1, usize::MAX).unwrap()[0].0;
    inbox.remove(first).await.unwrap();
    inbox.put(&arrival(1, &[None])).await.unwrap();
}

#[test]
fn the_file_of_a_store_is_no_inbox() {
    let (_folder, path) = folder();
    drop(crate::SqliteStore::open(&path).unwrap());
    let error = Inbox::open(&path, 10).unwrap_err();
    assert!(error.message().contains("another application"), "{error}");
}
