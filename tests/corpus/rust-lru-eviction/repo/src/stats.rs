/// What a cache has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub hits: u64,
    pub misses: u64,
    pub evicted: u64,
}

impl Stats {
    /// Hits in a hundred questions.
    pub fn hit_rate(&self) -> u64 {
        let asked = self.hits + self.misses;
        if asked == 0 { 0 } else { self.hits * 100 / asked }
    }
}
