use crate::plan::Plan;
use crate::usage::Usage;

/// Bytes with a unit, one decimal, rounded down.
pub fn human(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let place = if bytes == 0 { 0 } else { (bytes.ilog2() / 10) as usize };
    if place == 0 {
        return format!("{bytes} B");
    }
    let unit = 1_u128 << (10 * place);
    let tenths = u128::from(bytes) * 10 / unit;
    format!("{}.{} {}", tenths / 10, tenths % 10, units[place])
}

/// One line for the list of tenants.
pub fn line(tenant: &str, usage: &Usage, plan: &Plan) -> String {
    let full = if usage.percent(plan) >= 90 { " !" } else { "" };
    format!("{tenant}: {} of {} ({} %){full}", human(usage.bytes()), human(plan.bytes), usage.percent(plan))
}
