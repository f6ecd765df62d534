use quotas::{human, line, Plan, Refused, Usage};

const SMALL: Plan = Plan { bytes: 1000, files: 3 };

#[test]
fn counts_bytes_and_files() {
    let mut usage = Usage::default();
    usage.add(&SMALL, 300).unwrap();
    usage.add(&SMALL, 200).unwrap();
    usage.remove(300);
    assert_eq!((usage.bytes(), usage.files()), (200, 1));
}

#[test]
fn exactly_full_is_allowed() {
    let mut usage = Usage::default();
    assert_eq!(usage.add(&SMALL, 1000), Ok(()));
    assert_eq!(usage.add(&SMALL, 1), Err(Refused::Bytes(1)));
}

#[test]
fn refusal_changes_nothing() {
    let mut usage = Usage::default();
    usage.add(&SMALL, 900).unwrap();
    assert_eq!(usage.add(&SMALL, 250), Err(Refused::Bytes(150)));
    assert_eq!((usage.bytes(), usage.files()), (900, 1));
}

#[test]
fn too_many_files() {
    let mut usage = Usage::default();
    for _ in 0..3 {
        usage.add(&SMALL, 0).unwrap();
    }
    assert_eq!(usage.add(&SMALL, 0), Err(Refused::Files));
    assert_eq!(usage.add(&SMALL, 2000), Err(Refused::Bytes(1000)));
}

#[test]
fn percent() {
    let mut usage = Usage::default();
    usage.add(&SMALL, 999).unwrap();
    assert_eq!(usage.percent(&SMALL), 99);
    assert_eq!(usage.percent(&Plan { bytes: 0, files: 0 }), 100);
    assert_eq!(usage.percent(&Plan { bytes: 500, files: 1 }), 100);
}

#[test]
fn sizes_for_people() {
    assert_eq!(["0 B", "1023 B"], [human(0), human(1023)].map(|text| text).each_ref().map(String::as_str));
    assert_eq!(human(1536), "1.5 KiB");
    assert_eq!(human(u64::MAX), "15.9 EiB");
}

#[test]
fn lines() {
    let mut usage = Usage::default();
    usage.add(&Plan::FREE, 1 << 29).unwrap();
    assert_eq!(line("ann", &usage, &Plan::FREE), "ann: 512.0 MiB of 1.0 GiB (50 %)");
}
