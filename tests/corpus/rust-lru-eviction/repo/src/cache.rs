use std::collections::HashMap;

use crate::stats::Stats;

struct Slot<V> {
    value: V,
    weight: usize,
    used: u64,
}

/// Values by name. Forgets the least recently used ones when they weigh too much together.
pub struct Cache<V> {
    slots: HashMap<String, Slot<V>>,
    limit: usize,
    weight: usize,
    clock: u64,
    stats: Stats,
}

impl<V> Cache<V> {
    pub fn new(limit: usize) -> Self {
        Self { slots: HashMap::new(), limit, weight: 0, clock: 0, stats: Stats::default() }
    }

    /// The value of a name.
    pub fn get(&mut self, name: &str) -> Option<&V> {
        match self.slots.get(name) {
            Some(slot) => {
                self.stats.hits += 1;
                Some(&slot.value)
            }
            None => {
                self.stats.misses += 1;
                None
            }
        }
    }

    /// Looks at a value without using it.
    pub fn peek(&self, name: &str) -> Option<&V> {
        self.slots.get(name).map(|slot| &slot.value)
    }

    /// Keeps a value, instead of an earlier one of the same name. What is heavier than the limit is not kept.
    pub fn put(&mut self, name: &str, value: V, weight: usize) -> bool {
        if weight > self.limit {
            return false;
        }
        self.clock += 1;
        self.weight += weight;
        self.slots.insert(name.to_owned(), Slot { value, weight, used: self.clock });
        while self.weight > self.limit {
            self.evict();
        }
        true
    }

    pub fn remove(&mut self, name: &str) -> Option<V> {
        let slot = self.slots.remove(name)?;
        self.weight -= slot.weight;
        Some(slot.value)
    }

    fn evict(&mut self) {
        let oldest = self.slots.iter().min_by_key(|(_, slot)| slot.used).map(|(name, _)| name.clone());
        match oldest {
            Some(name) => {
                self.remove(&name);
                self.stats.evicted += 1;
            }
            None => self.weight = 0,
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub fn weight(&self) -> usize {
        self.weight
    }

    pub fn stats(&self) -> Stats {
        self.stats
    }
}
