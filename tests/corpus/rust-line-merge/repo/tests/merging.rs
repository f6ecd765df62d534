use threeway::{common, lines, merge, show};

fn merged(base: &str, ours: &str, theirs: &str) -> String {
    let split = |text: &'static str| -> Vec<&'static str> { text.split_whitespace().collect() };
    let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    show(&merge(&split(leak(base)), &split(leak(ours)), &split(leak(theirs)))).replace('\n', " ").trim_end().to_owned()
}

#[test]
fn nothing_changed() {
    assert_eq!(merged("a b c", "a b c", "a b c"), "a b c");
}

#[test]
fn changes_in_different_places() {
    assert_eq!(merged("a b c d e", "a B c d e", "a b c D e"), "a B c D e");
}

#[test]
fn only_we_changed() {
    assert_eq!(merged("a b c", "a x b c y", "a b c"), "a x b c y");
}

#[test]
fn only_they_changed_in_the_middle() {
    assert_eq!(merged("a b c", "a b c", "a x y c"), "a x y c");
}

#[test]
fn we_deleted_a_line() {
    assert_eq!(merged("a b c", "a c", "a b c"), "a c");
}

#[test]
fn real_conflicts_are_marked() {
    assert_eq!(merged("a b c", "a x c", "a y c"), "a <<<<<<< ours x ======= y >>>>>>> theirs c");
}

#[test]
fn we_deleted_what_they_changed() {
    assert_eq!(merged("a b c", "a c", "a y c"), "a <<<<<<< ours ======= y >>>>>>> theirs c");
}

#[test]
fn common_lines() {
    assert_eq!(common(&["a", "b", "c"], &["b", "x", "c"]), [(1, 0), (2, 2)]);
    assert_eq!(common(&[], &["a"]), []);
}

#[test]
fn last_line_needs_no_end() {
    assert_eq!(lines("a\nb"), ["a", "b"]);
    assert_eq!(lines("a\n\n"), ["a", ""]);
}
