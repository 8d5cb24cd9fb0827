//! Small charts of the last half hour: where their bars and lines are. Templates draw them.

use super::text;
use crate::plugins::stats::Counts;
use crate::plugins::trend::MINUTES;

/// A minute's width, and a chart's height, in units of its drawing.
const STEP: u32 = 10;
const HEIGHT: f64 = 60.0;
/// What is there at all is seen.
const LEAST: f64 = 2.0;

/// Calls and faults per minute.
#[derive(Debug, Default)]
pub(super) struct Bars {
    pub(super) bars: Vec<Bar>,
    /// The highest bar.
    pub(super) most: String,
    /// For who cannot see it.
    pub(super) summary: String,
}

/// A minute with calls.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) x: u32,
    pub(super) y: String,
    pub(super) height: String,
    /// Upper end and height of the part that failed.
    pub(super) faults: Option<(String, String)>,
    pub(super) title: String,
}

/// How long calls took, per minute, on a logarithmic scale.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Paths of the median and above.
    pub(super) p50: String,
    pub(super) p95: String,
    pub(super) p99: String,
    /// Powers of ten between the ends.
    pub(super) grid: Vec<String>,
    pub(super) least: String,
    pub(super) most: String,
    /// Places that tell their minute.
    pub(super) minutes: Vec<(u32, String)>,
    pub(super) summary: String,
}

/// The minutes with their places: the last one is at the right end, whatever is known before it.
fn places(minutes: &[Counts]) -> impl Iterator<Item = (u32, usize, &Counts)> {
    let known = minutes.len().min(MINUTES);
    minutes
        .iter()
        .rev()
        .take(MINUTES)
        .enumerate()
        .map(|(ago, minute)| {
            let at = u32::try_from(MINUTES - 1 - ago).unwrap_or(0);
            (at * STEP, ago, minute)
        })
        .take(known)
}

fn when(ago: usize) -> String {
    match ago {
        0 => "this minute".to_owned(),
        1 => "1 minute ago".to_owned(),
        _ => format!("{ago} minutes ago"),
    }
}

fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

impl Bars {
    pub(super) fn of(minutes: &[Counts]) -> Option<Self> {
        let most = minutes.iter().map(|minute| minute.calls).max().filter(|most| *most > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "heights of a drawing")]
        let height = |count: u64| (count as f64 / most as f64 * HEIGHT).clamp(LEAST, HEIGHT);
        let mut bars: Vec<Bar> = Vec::new();
        for (x, ago, minute) in places(minutes).filter(|(_, _, minute)| minute.calls > 0) {
            let (calls, faults) = (height(minute.calls), height(minute.faults));
            bars.push(Bar {
                x: x + 1,
                y: coordinate(HEIGHT - calls),
                height: coordinate(calls),
                faults: (minute.faults > 0).then(|| (coordinate(HEIGHT - faults), coordinate(faults))),
                title: format!(
                    "{}: {} calls, {} faults",
                    when(ago),
                    text::count(minute.calls),
                    text::count(minute.faults)
                ),
            });
        }
        bars.reverse();
        let sum = |of: fn(&Counts) -> u64| text::count(minutes.iter().map(of).sum());
        let summary = format!(
            "In the last {MINUTES} minutes {} calls, {} faults; at most {} calls in a minute",
            sum(|minute| minute.calls),
            sum(|minute| minute.faults),
            text::count(most)
        );
        Some(Self { bars, most: text::count(most), summary })
    }
}

impl Lines {
    pub(super) fn of(minutes: &[Counts]) -> Option<Self> {
        let measured: Vec<(u32, usize, [f64; 3])> = places(minutes)
            .filter_map(|(x, ago, minute)| {
                let of = |share: f64| minute.percentile_ms(share);
                // Below a hundred nanoseconds nothing is told apart.
                Some((x, ago, [of(0.5)?, of(0.95)?, of(0.99)?].map(|ms| ms.max(1e-4))))
            })
            .collect();
        let all = || measured.iter().flat_map(|(_, _, of)| of.iter().copied());
        let lowest = all().min_by(f64::total_cmp)?.log10().floor();
        let highest = all().max_by(f64::total_cmp)?.log10().ceil().max(lowest + 1.0);
        let y = |ms: f64| HEIGHT - (ms.log10() - lowest) / (highest - lowest) * HEIGHT;
        let path = |which: usize| {
            let (mut path, mut before) = (String::new(), None);
            for (x, _, lengths) in measured.iter().rev() {
                let y = coordinate(y(lengths.get(which).copied().unwrap_or(0.0)));
                // Beside a minute without calls the line begins anew.
                let begin = if before == Some(*x) { format!("V{y}") } else { format!("M{x} {y}") };
                path.push_str(&format!("{begin}H{}", x + STEP));
                before = Some(x + STEP);
            }
            path
        };
        let mut grid = Vec::new();
        let mut power = lowest + 1.0;
        while power < highest {
            grid.push(coordinate(y(10f64.powf(power))));
            power += 1.0;
        }
        let title = |ago: usize, [p50, p95, p99]: &[f64; 3]| {
            let [p50, p95, p99] = [*p50, *p95, *p99].map(text::length);
            format!("{}: p50 {p50}, p95 {p95}, p99 {p99}", when(ago))
        };
        let minutes: Vec<(u32, String)> =
            measured.iter().map(|(x, ago, lengths)| (*x, title(*ago, lengths))).collect();
        let slowest = measured.iter().max_by(|(_, _, [.., one]), (_, _, [.., other])| one.total_cmp(other));
        let summary = slowest.map(|(_, ago, lengths)| format!("Slowest: {}", title(*ago, lengths)));
        Some(Self {
            p50: path(0),
            p95: path(1),
            p99: path(2),
            grid,
            least: text::length(10f64.powf(lowest)),
            most: text::length(10f64.powf(highest)),
            minutes,
            summary: summary.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Bars, Lines};
    use crate::plugins::stats::{Counters, Counts, Ended};
    use std::time::Duration;

    fn minute(calls: u64, faults: u64, took: Duration) -> Counts {
        let counters = Counters::default();
        (0..calls - faults).for_each(|_| counters.count(took, Ended::Well));
        (0..faults).for_each(|_| counters.count(took, Ended::Faulted));
        counters.read()
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert!(Bars::of(&[]).is_none() && Lines::of(&[]).is_none());
        assert!(Bars::of(&[Counts::default()]).is_none() && Lines::of(&[Counts::default()]).is_none());
    }

    #[test]
    fn bars_end_at_the_right_and_the_highest_fills_the_chart() {
        let minutes =
            [minute(10, 0, Duration::from_millis(1)), Counts::default(), minute(40, 20, Duration::ZERO)];
        let chart = Bars::of(&minutes).unwrap();
        let places: Vec<_> = chart.bars.iter().map(|bar| (bar.x, &*bar.y, &*bar.height)).collect();
        assert_eq!(places, [(271, "45", "15"), (291, "0", "60")]);
        assert_eq!(chart.bars[0].faults, None);
        assert_eq!(chart.bars[1].faults, Some(("30".to_owned(), "30".to_owned())));
        assert_eq!(chart.bars[1].title, "this minute: 40 calls, 20 faults");
        assert_eq!(chart.most, "40");
        assert!(chart.summary.contains("50 calls, 20 faults"), "{}", chart.summary);
    }

    #[test]
    fn one_fault_of_many_calls_is_seen() {
        let chart = Bars::of(&[minute(9_000, 1, Duration::ZERO)]).unwrap();
        assert_eq!(chart.bars[0].faults, Some(("58".to_owned(), "2".to_owned())));
    }

    #[test]
    fn lines_stop_where_nothing_was_called() {
        let at = |ms| minute(1, 0, Duration::from_micros(ms));
        let chart = Lines::of(&[at(1_000), Counts::default(), at(100), at(10_000)]).unwrap();
        assert_eq!((&*chart.least, &*chart.most), ("100 µs", "10 ms"));
        assert_eq!(chart.grid, ["30"]);
        assert_eq!(chart.p99, "M260 30H270M280 60H290V0H300");
        assert_eq!(chart.summary, "Slowest: this minute: p50 10 ms, p95 10 ms, p99 10 ms");
    }
}
