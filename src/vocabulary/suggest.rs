//! "Did you mean …?"

/// The word nearest to `word`, if one is near enough to have been meant.
pub fn closest<'a>(word: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let far = word.chars().count().max(3) / 3 + 1;
    among
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance > 0 && *distance <= far)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, a swap of neighbours counted as one edit.
fn distance(a: &str, b: &str) -> usize {
    let is_same = a == b;
    let (a, b): (Vec<char>, Vec<char>) = (
        a.to_lowercase().chars().collect(),
        b.to_lowercase().chars().collect(),
    );
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, x) in a.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, y) in b.iter().enumerate() {
            let cell = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (cell(&above, column) + usize::from(x != y))
                .min(cell(&above, column + 1) + 1)
                .min(cell(&line, column) + 1);
            let is_swap =
                row > 0 && column > 0 && a.get(row - 1) == Some(y) && b.get(column - 1) == Some(x);
            if is_swap {
                best = best.min(cell(&before, column - 1) + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
    }
    let distance = above.last().copied().unwrap_or(usize::MAX);
    // Words that differ in case alone are near, but not the same.
    if distance == 0 && !is_same {
        1
    } else {
        distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested_and_a_far_one_is_not() {
        let words = ["owner_id", "title", "completed"];
        let rows = [
            ("ownerid", Some("owner_id")),
            ("titel", Some("title")),
            ("compelted", Some("completed")),
            ("Title", Some("title")),
            ("title", None),
            ("zebra", None),
        ];
        for (word, wanted) in rows {
            assert_eq!(closest(word, words.into_iter()), wanted);
        }
    }
}
