//! The language of keywords. *Source: spec, search §2.*
//!
//! `|` separates alternatives, `&` what must hold together; there are no parentheses. The smallest piece is a text, anchored by
//! `^` and `$`, or one of the words for empty and not empty, or an expression of dates.

use crate::store::search::{TextTest, fold};
use jiff::civil::Date;

/// Alternatives of pieces that must hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyword(Vec<Vec<Piece>>);

/// The smallest part of a keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// `\`, or nothing at all: there is no value.
    Empty,
    /// `*`: there is a value.
    Any,
    /// A text.
    Text(TextTest),
    /// Dates, or the same as a text.
    Dates(Days, TextTest),
}

/// Days, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    from: Option<Date>,
    to: Option<Date>,
}

/// What a keyword is about: `\`, `*` and dates mean something for values, `*` is a star in a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Values of attributes.
    Values,
    /// Names of entries.
    Names,
    /// Names of the entries that refer to one.
    Referrers,
}

impl Keyword {
    /// Reads a keyword; every text is one.
    #[must_use]
    pub fn parse(text: &str, about: About) -> Self {
        let group = |part: &str| part.split('&').map(|piece| Piece::parse(piece, about)).collect();
        Self(text.split('|').map(group).collect())
    }

    /// One piece alone.
    #[must_use]
    pub fn of(piece: Piece) -> Self {
        Self(vec![vec![piece]])
    }

    /// Its alternatives, each of what must hold together.
    #[must_use]
    pub fn alternatives(&self) -> &[Vec<Piece>] {
        &self.0
    }

    /// Whether it says nothing but empty and not empty; that is not negated. *Source: spec, search §2.3.*
    #[must_use]
    pub fn is_about_presence(&self) -> bool {
        self.0.iter().flatten().all(|piece| matches!(piece, Piece::Empty | Piece::Any))
    }
}

impl Piece {
    fn parse(text: &str, about: About) -> Self {
        match text {
            "" | "\\" | "¥" => return Self::Empty,
            "*" if about != About::Names => return Self::Any,
            _ => {}
        }
        let text = text.replace('\\', " ");
        let plain = text_test(&text);
        if about == About::Values {
            let days: Option<Vec<Days>> = text.split_whitespace().map(Days::parse).collect();
            if let Some(days) = days.and_then(|days| days.into_iter().reduce(Days::and)) {
                return Self::Dates(days, plain);
            }
        }
        Self::Text(plain)
    }
}

/// A text with its anchors. *Source: spec, search §2.1.*
fn text_test(text: &str) -> TextTest {
    let without_start = text.trim_start_matches('^');
    let bare = without_start.trim_end_matches('$');
    TextTest {
        exact: text.to_owned(),
        folded: fold(bare),
        at_start: without_start.len() < text.len(),
        at_end: bare.len() < without_start.len(),
    }
}

impl Days {
    fn parse(token: &str) -> Option<Self> {
        if let Some(after) = token.strip_prefix('>') {
            return Some(Self { from: Some(day(after)?.0.tomorrow().ok()?), to: None });
        }
        if let Some(before) = token.strip_prefix('<') {
            return Some(Self { from: None, to: Some(day(before)?.0.yesterday().ok()?) });
        }
        if let Some((from, to)) = token.split_once('~') {
            let ((from, style), (to, other)) = (day(from)?, day(to)?);
            return (style == other && from <= to).then_some(Self { from: Some(from), to: Some(to) });
        }
        let (date, _) = day(token)?;
        Some(Self { from: Some(date), to: Some(date) })
    }

    /// The days that are among both.
    fn and(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.into_iter().chain(other.to).min() }
    }

    /// The first and the last one, where there is one, as [`day_number`]s.
    #[must_use]
    pub fn numbers(self) -> (Option<i64>, Option<i64>) {
        (self.from.map(day_number), self.to.map(day_number))
    }
}

/// Days from the first of January 1970 to a day; negative before it.
#[must_use]
pub fn day_number(date: Date) -> i64 {
    i64::from(Date::constant(1970, 1, 1).until(date).map_or(0, |span| span.get_days()))
}

/// How a day is written; both ends of a range are written alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Slashes,
    Dashes,
    Basic,
}

/// A day, with or without zeros, as ISO 8601 with or without a time, which does not count.
fn day(text: &str) -> Option<(Date, Style)> {
    let basic = text.get(..8).filter(|head| head.bytes().all(|byte| byte.is_ascii_digit()));
    if let Some(head) = basic
        && (text.len() == 8 || text.get(8..).is_some_and(|rest| rest.starts_with('T') && is_time(&rest[1..])))
    {
        let number = |from: usize, to: usize| head.get(from..to)?.parse::<i16>().ok();
        return Some((date(number(0, 4)?, number(4, 6)?, number(6, 8)?)?, Style::Basic));
    }
    let (bare, style) = match text.split_once('T') {
        Some((bare, time)) if is_time(time) => (bare, Style::Dashes),
        Some(_) => return None,
        None if text.contains('/') => (text, Style::Slashes),
        None => (text, Style::Dashes),
    };
    let separator = if style == Style::Slashes { '/' } else { '-' };
    let mut parts = bare.split(separator);
    let mut number = |least: usize, most: usize| {
        let part = parts.next()?;
        let fits = (least..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i16>().ok().filter(|_| fits)
    };
    let (year, month, of_month) = (number(4, 4)?, number(1, 2)?, number(1, 2)?);
    if parts.next().is_some() {
        return None;
    }
    Some((date(year, month, of_month)?, style))
}

fn date(year: i16, month: i16, of_month: i16) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(of_month).ok()?).ok()
}

/// Whether it looks like the time of a day, perhaps with an offset.
fn is_time(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits >= 2
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'+' | b'-' | b'Z'))
}

#[cfg(test)]
mod tests {
    use super::{About, Keyword, Piece};
    use jiff::civil::Date;
    use proptest::prelude::*;

    fn matches(keyword: &str, value: &str) -> bool {
        let holds = |piece: &Piece| match piece {
            Piece::Empty => value.is_empty(),
            Piece::Any => !value.is_empty(),
            Piece::Text(text) | Piece::Dates(_, text) => text.matches(value),
        };
        let keyword = Keyword::parse(keyword, About::Values);
        keyword.alternatives().iter().any(|pieces| pieces.iter().all(holds))
    }

    #[test]
    fn anchors_and_case() {
        let values = ["100", "101", "200", "hoge", ""];
        for (keyword, hits) in [
            ("^10", vec!["100", "101"]),
            ("00$", vec!["100", "200"]),
            ("^100$", vec!["100"]),
            ("^^100$$", vec!["100"]),
            ("^ge", vec![]),
            ("GE", vec!["hoge"]),
            ("0^", vec![]),
            ("^$", vec![""]),
            ("\\", vec![""]),
            ("*", vec!["100", "101", "200", "hoge"]),
            ("hoge|", vec!["hoge", ""]),
            ("1&00", vec!["100"]),
            ("hoge|1&01", vec!["101", "hoge"]),
        ] {
            let found: Vec<&str> = values.into_iter().filter(|value| matches(keyword, value)).collect();
            assert_eq!(found, hits, "{keyword}");
        }
    }

    #[test]
    fn everything_else_is_a_letter() {
        for text in ["(", ")", "<", "\"", "{", "[", "#", "~", "@", "+", ".", "?", "]", "}", ">", "a.c", "**"]
        {
            assert!(matches(text, &format!("x{text}y")), "{text}");
        }
        assert!(!matches("a.c", "abc") && !matches("a+", "aa"));
        assert!(matches("a\\b", "a b"), "a backslash in a text is a space");
        let starred = Keyword::parse("*", About::Names);
        assert!(
            matches!(starred.alternatives(), [one] if matches!(&one[..], [Piece::Text(text)] if text.matches("a*b")))
        );
    }

    fn dates(keyword: &str) -> Option<super::Days> {
        match Keyword::parse(keyword, About::Values).0.pop()?.pop()? {
            Piece::Dates(days, _) => Some(days),
            _ => None,
        }
    }

    #[test]
    fn days_and_ranges() {
        let contain = |keyword: &str, year, month, day| {
            let date = Date::new(year, month, day).unwrap();
            let (from, to) = dates(keyword).unwrap().numbers();
            (from.unwrap_or(i64::MIN)..=to.unwrap_or(i64::MAX)).contains(&super::day_number(date))
        };
        for same in
            ["2024-02-01", "2024/2/1", "2024-2-01", "20240201", "2024-02-01T10:00:00Z", "20240201T100000"]
        {
            assert!(contain(same, 2024, 2, 1) && !contain(same, 2024, 2, 2), "{same}");
        }
        assert!(contain(">2024-01-01", 2024, 1, 2) && !contain(">2024-01-01", 2024, 1, 1));
        assert!(contain("<2024-01-01", 2023, 12, 31) && !contain("<2024-01-01", 2024, 1, 1));
        let both = "<2024-03-01 >2024-01-01";
        assert!(contain(both, 2024, 2, 1) && !contain(both, 2024, 3, 1) && !contain(both, 2024, 1, 1));
        let range = "2024-01-01~2024-01-31";
        assert!(contain(range, 2024, 1, 1) && contain(range, 2024, 1, 31) && !contain(range, 2024, 2, 1));
        for none in [
            "2024-13-01",
            "2024-01-31~2024-01-01",
            "2024-01-01~",
            "2024-01-01~2024/01/31",
            "2024-1",
            "x",
            "2024-01-01 x",
            ">",
        ] {
            assert_eq!(dates(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_a_keyword(text in any::<String>(), value in any::<String>()) {
            matches(&text, &value);
        }

        #[test]
        fn a_plain_text_is_found_where_it_is(before in "[a-z ]{0,5}", text in "[a-zA-Z]{1,8}", after in "[a-z ]{0,5}") {
            let value = format!("{before}{text}{after}");
            prop_assert!(matches(&text, &value));
            prop_assert!(matches(&text.to_uppercase(), &value));
            let whole = format!("^{value}$");
            prop_assert!(matches(&whole, &value));
            let starts = value.to_lowercase().starts_with(&text.to_lowercase());
            prop_assert_eq!(matches(&format!("^{text}"), &value), starts);
        }
    }
}
