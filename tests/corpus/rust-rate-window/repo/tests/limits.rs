use turnstile::{Limiter, Rule, Verdict};

fn three() -> Limiter {
    Limiter::new(Rule { limit: 3, window: 1000 })
}

#[test]
fn counts_down() {
    let mut limiter = three();
    let left: Vec<Verdict> = (0..3).map(|_| limiter.request("a", 0)).collect();
    assert_eq!(left, [2, 1, 0].map(|left| Verdict::Allowed { left }));
}

#[test]
fn one_too_many() {
    let mut limiter = three();
    for _ in 0..3 {
        limiter.request("a", 0);
    }
    assert_eq!(limiter.request("a", 0), Verdict::Refused { retry_after: 1000 });
}

#[test]
fn clients_do_not_share() {
    let mut limiter = three();
    for _ in 0..3 {
        limiter.request("a", 10);
    }
    assert!(limiter.request("b", 10).is_allowed());
}

#[test]
fn a_window_later_all_is_well() {
    let mut limiter = three();
    for _ in 0..3 {
        limiter.request("a", 0);
    }
    assert_eq!(limiter.request("a", 1000), Verdict::Allowed { left: 2 });
}

#[test]
fn limit_of_nothing() {
    let mut limiter = Limiter::new(Rule { limit: 0, window: 500 });
    assert_eq!(limiter.request("a", 5), Verdict::Refused { retry_after: 500 });
    assert_eq!(limiter.clients(), 0);
}

#[test]
fn early_times_are_fine() {
    let mut limiter = Limiter::new(Rule { limit: 1, window: 60_000 });
    assert!(limiter.request("a", 3).is_allowed());
    assert!(!limiter.request("a", 4).is_allowed());
}

#[test]
fn sweeping() {
    let mut limiter = three();
    limiter.request("a", 0);
    limiter.request("b", 900);
    assert_eq!(limiter.sweep(1000), 1);
    assert_eq!(limiter.clients(), 1);
}

#[test]
fn rules() {
    assert_eq!(Rule::parse("100/m"), Some(Rule { limit: 100, window: 60_000 }));
    assert_eq!(["", "5", "x/s", "5/d"].map(Rule::parse), [None; 4]);
}

#[test]
fn headers() {
    assert_eq!(Verdict::Refused { retry_after: 1001 }.header(), Some(2));
    assert_eq!(Verdict::Allowed { left: 1 }.header(), None);
}
