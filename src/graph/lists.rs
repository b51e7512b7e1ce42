//! Many short lists in two arrays.

/// List `v` is `items[start[v]..start[v + 1]]`.
pub(super) struct Lists<T> {
    start: Vec<u32>,
    pub items: Vec<T>,
}

impl<T> Default for Lists<T> {
    /// No list.
    fn default() -> Self {
        Self {
            start: vec![0],
            items: Vec::new(),
        }
    }
}

impl<T: Copy + Default> Lists<T> {
    /// `n` lists; each pair is a list and what is put at its end. The pairs are walked twice.
    pub(super) fn new(n: usize, pairs: impl Iterator<Item = (u32, T)> + Clone) -> Self {
        let mut start = vec![0u32; n + 1];
        for (v, _) in pairs.clone() {
            start[v as usize + 1] += 1;
        }
        for v in 0..n {
            start[v + 1] += start[v];
        }
        let mut cursor = start.clone();
        let mut items = vec![T::default(); start[n] as usize];
        for (v, item) in pairs {
            items[cursor[v as usize] as usize] = item;
            cursor[v as usize] += 1;
        }
        Self { start, items }
    }

    /// No list yet, but room for so many lists and items.
    pub(super) fn with_capacity(lists: usize, items: usize) -> Self {
        let mut start = Vec::with_capacity(lists + 1);
        start.push(0);
        Self {
            start,
            items: Vec::with_capacity(items),
        }
    }

    /// Puts one more list after the others.
    pub(super) fn push(&mut self, list: impl IntoIterator<Item = T>) {
        self.items.extend(list);
        self.start.push(self.items.len() as u32);
    }

    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.start.truncate(1);
    }

    pub(super) fn len(&self) -> usize {
        self.start.len() - 1
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[T]> + Clone {
        (0..self.len()).map(|v| self.of(v))
    }

    #[inline]
    pub(super) fn range(&self, v: usize) -> std::ops::Range<usize> {
        self.start[v] as usize..self.start[v + 1] as usize
    }

    #[inline]
    pub(super) fn of(&self, v: usize) -> &[T] {
        &self.items[self.range(v)]
    }
}
