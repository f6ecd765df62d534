use crate::ledger::Ledger;

fn amount(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

/// The line under a page.
pub fn footer(ledger: &Ledger, number: usize, size: usize) -> String {
    let page = ledger.page(number, size);
    let arrows = match (page.has_previous(), page.has_next()) {
        (true, true) => "< >",
        (true, false) => "<",
        (false, true) => ">",
        (false, false) => "",
    };
    format!("page {} of {} {arrows}", page.number, page.count).trim_end().to_owned()
}

/// A page as text: what was carried over, each entry, and the balance.
pub fn statement(ledger: &Ledger, number: usize, size: usize) -> String {
    let page = ledger.page(number, size);
    let mut lines = vec![format!("carried over {}", amount(ledger.balance_after(page.offset)))];
    lines.extend(page.items.iter().map(|entry| format!("{} {}", entry.text, amount(entry.cents))));
    let after = page.offset + page.items.len();
    lines.push(format!("balance {}", amount(ledger.balance_after(after))));
    lines.join("\n")
}
