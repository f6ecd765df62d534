/// So many requests within so many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub limit: usize,
    pub window: u64,
}

impl Rule {
    /// Reads `10/s`, `100/m` or `5000/h`.
    pub fn parse(text: &str) -> Option<Self> {
        let (limit, unit) = text.split_once('/')?;
        let window = match unit {
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        Some(Self { limit: limit.parse().ok()?, window })
    }
}
