/// What a tenant has paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Bytes that may be stored.
    pub bytes: u64,
    /// Files that may be stored.
    pub files: u32,
}

impl Plan {
    pub const FREE: Self = Self { bytes: 1 << 30, files: 1000 };
    pub const TEAM: Self = Self { bytes: 1 << 40, files: 1_000_000 };
    pub const UNLIMITED: Self = Self { bytes: u64::MAX, files: u32::MAX };
}
