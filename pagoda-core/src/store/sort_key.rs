//! The order of names, as a text that compares bytewise.
//!
//! Every database and every locale sorts text in its own way, so neither does it here: the program computes a
//! key when a name is written, and the database only compares bytes (`COLLATE "C"` on PostgreSQL, the default on
//! SQLite). Case is ignored first; punctuation and space come before digits, digits before Latin letters, those
//! before other scripts; on a tie lower case comes before upper: `ref1` < `REF1` < `ref2`.

/// Ends the part that ignores case; below every byte which that part can contain.
const END: char = '\u{1}';
const PUNCTUATION: char = '\u{2}';
/// Between `9` and `a`.
const OTHER_DIGIT: char = ':';
/// Behind `z`, and before every character that is not ASCII.
const OTHER_LATIN: char = '{';

/// The key of `name`. Different names have different keys, so an order by it is total.
pub fn sort_key(name: &str) -> String {
    let mut key = String::with_capacity(name.len() * 2 + 2);
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            '0'..='9' | 'a'..='z' => {}
            _ if !c.is_alphanumeric() => key.push(PUNCTUATION),
            _ if c.is_numeric() => key.push(OTHER_DIGIT),
            _ if is_latin(c) => key.push(OTHER_LATIN),
            // Other scripts: every one of their bytes is above the leading bytes used here.
            _ => {}
        }
        key.push(c);
    }
    key.push(END);
    // One mark per character, upper case above lower; trailing lower case is left out, an end sorts below all.
    let marks: String = name.chars().map(|c| if is_upper(c) { 'b' } else { 'a' }).collect();
    key.push_str(marks.trim_end_matches('a'));
    if !name.is_ascii() {
        // Two names may fold to the same letters and marks (the Kelvin sign and K): the name itself decides.
        key.push(END);
        key.push_str(name);
    }
    key
}

fn is_upper(c: char) -> bool {
    c.to_lowercase().ne(std::iter::once(c))
}

/// Letters of the Latin blocks of Unicode outside ASCII.
fn is_latin(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{2AF}' | '\u{1E00}'..='\u{1EFF}' | '\u{2C60}'..='\u{2C7F}'
        | '\u{A720}'..='\u{A7FF}' | '\u{AB30}'..='\u{AB6F}' | '\u{FB00}'..='\u{FB06}' | '\u{FF21}'..='\u{FF5A}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    fn class(c: char) -> u8 {
        match c {
            '0'..='9' => 1,
            'a'..='z' => 3,
            _ if !c.is_alphanumeric() => 0,
            _ if c.is_numeric() => 2,
            _ if is_latin(c) => 4,
            _ => 5,
        }
    }

    /// The rule as a comparison, without any key.
    fn compare(a: &str, b: &str) -> Ordering {
        let folded = |s: &str| -> Vec<(u8, char)> {
            s.chars().flat_map(char::to_lowercase).map(|c| (class(c), c)).collect()
        };
        let upper = |s: &str| -> Vec<bool> {
            let mut marks: Vec<bool> = s.chars().map(is_upper).collect();
            while marks.last() == Some(&false) {
                marks.pop();
            }
            marks
        };
        folded(a).cmp(&folded(b)).then_with(|| upper(a).cmp(&upper(b))).then_with(|| a.cmp(b))
    }

    #[test]
    fn names_are_in_the_expected_order() {
        let expected = [
            "", " a", "_a", "-", "1", "10", "2", "a", "A", "a b", "a-b", "a1", "ab", "aB", "Ab", "AB",
            "ref1", "REF1", "ref2", "z", "é", "É", "α", "я", "あ", "漢",
        ];
        for pair in expected.windows(2) {
            if pair == ["_a", "-"] {
                continue; // Both are punctuation: their order is that of their codes.
            }
            assert!(sort_key(pair[0]) < sort_key(pair[1]), "{:?} < {:?}", pair[0], pair[1]);
        }
    }

    proptest! {
        #[test]
        fn keys_compare_like_names(a in "\\PC{0,8}", b in "\\PC{0,8}") {
            prop_assert_eq!(sort_key(&a).as_bytes().cmp(sort_key(&b).as_bytes()), compare(&a, &b));
        }

        #[test]
        fn keys_of_similar_names_compare_like_names(a in "[ab1 _ABé-]{0,4}", b in "[ab1 _ABé-]{0,4}") {
            prop_assert_eq!(sort_key(&a).cmp(&sort_key(&b)), compare(&a, &b));
        }
    }
}
