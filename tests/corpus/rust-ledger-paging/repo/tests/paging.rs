use ledger_pages::{footer, page_count, slice, statement, Ledger};

fn ledger(count: i64) -> Ledger {
    let mut ledger = Ledger::default();
    for number in 1..=count {
        ledger.book(&format!("e{number}"), number * 100);
    }
    ledger
}

#[test]
fn first_of_several_pages() {
    let page = slice(&[1, 2, 3, 4, 5], 1, 2).items;
    assert_eq!(page, [1, 2]);
}

#[test]
fn page_in_the_middle() {
    let page = slice(&[1, 2, 3, 4, 5, 6, 7], 2, 3);
    assert_eq!((page.items, page.offset), (&[4, 5, 6][..], 3));
}

#[test]
fn page_past_the_end_is_empty() {
    let page = slice(&[1, 2, 3], 9, 2);
    assert!(page.items.is_empty());
    assert!(!page.has_next());
}

#[test]
fn empty_list_has_one_page() {
    assert_eq!(page_count(0, 10), 1);
    assert!(slice::<u8>(&[], 1, 10).items.is_empty());
}

#[test]
fn partly_filled_pages_count() {
    assert_eq!(page_count(5, 2), 3);
    assert_eq!(page_count(1, 10), 1);
}

#[test]
fn zeros_are_ones() {
    assert_eq!(slice(&[1, 2, 3], 0, 0).items, [1]);
}

#[test]
fn huge_numbers_do_not_overflow() {
    assert!(slice(&[1, 2, 3], usize::MAX, usize::MAX).items.is_empty());
    assert_eq!(page_count(3, usize::MAX), 1);
}

#[test]
fn statement_of_a_page() {
    assert_eq!(statement(&ledger(7), 2, 3), "carried over 6.00\ne4 4.00\ne5 5.00\ne6 6.00\nbalance 21.00");
}

#[test]
fn footers() {
    assert_eq!(footer(&ledger(7), 1, 3), "page 1 of 3 >");
    assert_eq!(footer(&ledger(7), 2, 3), "page 2 of 3 < >");
    assert_eq!(footer(&ledger(7), 3, 3), "page 3 of 3 <");
}
