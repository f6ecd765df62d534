/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may go on; so many more may follow at once.
    Allowed { left: usize },
    /// It may try again after so many milliseconds.
    Refused { retry_after: u64 },
}

impl Verdict {
    pub fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// Whole seconds for the header `Retry-After`, rounded up.
    pub fn header(self) -> Option<u64> {
        match self {
            Self::Allowed { .. } => None,
            Self::Refused { retry_after } => Some(retry_after.div_ceil(1000)),
        }
    }
}
