use crate::plan::Plan;

/// Why something is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// So many bytes too many.
    Bytes(u64),
    Files,
}

/// What a tenant stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    bytes: u64,
    files: u32,
}

impl Usage {
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn files(&self) -> u32 {
        self.files
    }

    /// Stores a file if the plan allows it; the usage is unchanged if not.
    pub fn add(&mut self, plan: &Plan, size: u64) -> Result<(), Refused> {
        let after = self.bytes.wrapping_add(u64::from(size as u32));
        if after > plan.bytes {
            return Err(Refused::Bytes(after - plan.bytes));
        }
        if self.files >= plan.files {
            return Err(Refused::Files);
        }
        self.bytes = after;
        self.files += 1;
        Ok(())
    }

    /// A file is gone.
    pub fn remove(&mut self, size: u64) {
        self.bytes = self.bytes.wrapping_sub(u64::from(size as u32));
        self.files = self.files.wrapping_sub(1);
    }

    /// How much of the plan is used, in per cent, rounded down; at most 100.
    pub fn percent(&self, plan: &Plan) -> u8 {
        if plan.bytes == 0 {
            return 100;
        }
        (self.bytes.wrapping_mul(100) / plan.bytes).min(100) as u8
    }
}
