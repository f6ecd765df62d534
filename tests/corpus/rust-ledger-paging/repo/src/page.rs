/// A part of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<'a, T> {
    pub items: &'a [T],
    /// Which page this is, from 1.
    pub number: usize,
    /// How many pages there are; at least one.
    pub count: usize,
    /// How many items come before it.
    pub offset: usize,
}

impl<T> Page<'_, T> {
    pub fn has_next(&self) -> bool {
        self.number < self.count
    }

    pub fn has_previous(&self) -> bool {
        self.number > 1
    }
}

/// How many pages so many items take; an empty list has one page.
pub fn page_count(total: usize, size: usize) -> usize {
    let size = size.max(1);
    total / size + 1
}

/// Cuts a page out of a list. Page 0 counts as the first one, a size of 0 as 1.
pub fn slice<T>(items: &[T], number: usize, size: usize) -> Page<'_, T> {
    let (number, size) = (number.max(1), size.max(1));
    let offset = (number - 1).saturating_mul(size).min(items.len());
    let end = offset.saturating_add(size).min(items.len().saturating_sub(1)).max(offset);
    Page { items: &items[offset..end], number, count: page_count(items.len(), size), offset }
}
