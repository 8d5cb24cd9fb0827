//! Numbers, words and shapes that depend on a seed and on nothing else.

/// Random numbers out of a seed: the same ones each time, on every machine.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Numbers for one thing, such as an entry: independent of those of all other things.
    #[must_use]
    pub fn of(seed: u64, kind: u64, number: u64) -> Self {
        let mut start = Self(seed ^ kind.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        start.0 = start.any().wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        start.any();
        start
    }

    /// Any number. *Source: SplitMix64, Steele, Lea, Flood 2014.*
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any() % end.max(1)
    }

    /// From 0 to below 1.
    pub fn fraction(&mut self) -> f64 {
        // 32 bits are exact in a float and enough.
        f64::from(u32::try_from(self.any() >> 32).unwrap_or_default()) / 4_294_967_296.0
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// One of a list; nothing of an empty one.
    pub fn one_of<T: Copy + Default>(&mut self, list: &[T]) -> T {
        let count = u64::try_from(list.len()).unwrap_or(u64::MAX);
        let at = usize::try_from(self.below(count)).unwrap_or_default();
        list.get(at).copied().unwrap_or_default()
    }
}

/// A distribution in which the second is half as frequent as the first, the third a third, and so on.
#[derive(Debug, Clone)]
pub struct Zipf(Vec<f64>);

impl Zipf {
    /// Over this many ranks.
    #[must_use]
    pub fn over(ranks: u32) -> Self {
        let mut sum = 0.0;
        let mut bounds: Vec<f64> = (1..=ranks.max(1))
            .map(|rank| {
                sum += 1.0 / f64::from(rank);
                sum
            })
            .collect();
        bounds.iter_mut().for_each(|bound| *bound /= sum);
        Self(bounds)
    }

    /// A rank, from 0.
    pub fn rank(&self, random: &mut Random) -> usize {
        let fraction = random.fraction();
        self.0.partition_point(|bound| *bound <= fraction).min(self.0.len().saturating_sub(1))
    }
}

const SYLLABLES: [&str; 40] = [
    "an", "ar", "bel", "cor", "da", "del", "en", "fa", "gen", "ha", "in", "jo", "ka", "lo", "ma", "mi", "na",
    "nor", "ol", "pa", "qui", "ra", "ri", "sa", "sol", "ta", "ter", "tor", "ul", "va", "ven", "vi", "wa",
    "xi", "yo", "za", "zen", "bri", "stu", "pre",
];

/// The word of a number: different ones for different numbers.
#[must_use]
pub fn word(number: usize) -> String {
    let count = SYLLABLES.len();
    let mut rest = number;
    let mut word = String::new();
    // At least two syllables, so that words look like words.
    for _ in 0..2 {
        word.push_str(SYLLABLES.get(rest % count).copied().unwrap_or_default());
        rest /= count;
    }
    while rest > 0 {
        rest -= 1;
        word.push_str(SYLLABLES.get(rest % count).copied().unwrap_or_default());
        rest /= count;
    }
    word
}

/// A word with a capital.
#[must_use]
pub fn proper(number: usize) -> String {
    let word = word(number);
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::{Random, Zipf, word};
    use std::collections::HashSet;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_one_others() {
        let three = |seed, number| {
            let mut random = Random::of(seed, 1, number);
            [random.any(), random.any(), random.any()]
        };
        assert_eq!(three(7, 5), three(7, 5));
        assert_ne!(three(7, 5), three(7, 6));
        assert_ne!(three(7, 5), three(8, 5));
    }

    #[test]
    fn the_first_rank_is_twice_as_frequent_as_the_second() {
        let (zipf, mut random) = (Zipf::over(100), Random::of(1, 2, 3));
        let mut counts = [0_i32; 100];
        (0..100_000).for_each(|_| counts[zipf.rank(&mut random)] += 1);
        let ratio = f64::from(counts[0]) / f64::from(counts[1]);
        assert!((1.85..2.15).contains(&ratio), "{ratio}");
        assert!(counts.iter().all(|count| *count > 0));
    }

    #[test]
    fn words_are_different() {
        let words: HashSet<String> = (0..20_000).map(word).collect();
        // Syllables may run into each other; few do.
        assert!(words.len() > 19_000, "{}", words.len());
    }
}
