//! Curves as SVG, with logarithmic axes: text that a browser shows, and nothing else.

use std::fmt::Write as _;

/// A curve.
#[derive(Debug, Clone)]
pub struct Curve {
    /// What it is called.
    pub name: String,
    /// Its points, by x.
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 210.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
const COLOURS: [&str; 10] = [
    "#1b6ca8", "#c4451c", "#2e8540", "#7b3fa0", "#b8860b", "#00838f", "#ad1457", "#4e5d6c", "#6d8b00",
    "#5d4037",
];

/// Draws curves over two axes. Points that no logarithm has are left out.
#[must_use]
pub fn draw(title: &str, x_name: &str, y_name: &str, curves: &[Curve]) -> String {
    let good = |point: &&(f64, f64)| point.0 > 0.0 && point.1 > 0.0 && point.1.is_finite();
    let points = || curves.iter().flat_map(|curve| curve.points.iter().filter(good));
    let x = Axis::over(points().map(|point| point.0), LEFT, WIDTH - RIGHT);
    let y = Axis::over(points().map(|point| point.1), HEIGHT - BOTTOM, TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let mut add = |text: String| svg.push_str(&(text + "\n"));
    let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
    add(format!("<text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{}</text>", escaped(title)));
    add(format!(
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        HEIGHT - 10.0,
        escaped(x_name)
    ));
    add(format!(
        "<text x=\"16\" y=\"{0}\" text-anchor=\"middle\" transform=\"rotate(-90 16 {0})\">{1}</text>",
        f64::midpoint(TOP, HEIGHT - BOTTOM),
        escaped(y_name)
    ));
    for tick in x.ticks() {
        let (at, end) = (x.at(tick), HEIGHT - BOTTOM);
        add(format!("<path d=\"M{at:.1} {TOP}V{end}\" stroke=\"#ddd\"/>"));
        add(format!(
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            end + 16.0,
            number(tick)
        ));
    }
    for tick in y.ticks() {
        let (at, end) = (y.at(tick), WIDTH - RIGHT);
        add(format!("<path d=\"M{LEFT} {at:.1}H{end}\" stroke=\"#ddd\"/>"));
        add(format!(
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            at + 4.0,
            number(tick)
        ));
    }
    for ((curve, colour), row) in curves.iter().zip(COLOURS.iter().cycle()).zip(0_u32..) {
        let mut path = String::new();
        for (place, point) in curve.points.iter().filter(good).enumerate() {
            let (px, py) = (x.at(point.0), y.at(point.1));
            // Writing to a text does not fail.
            let _ = write!(path, "{}{px:.1} {py:.1}", if place == 0 { "M" } else { "L" });
            add(format!("<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"3\" fill=\"{colour}\"/>"));
        }
        add(format!("<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"));
        let at = f64::from(row).mul_add(18.0, TOP + 10.0);
        let from = WIDTH - RIGHT + 14.0;
        add(format!("<path d=\"M{from} {at}h16\" stroke=\"{colour}\" stroke-width=\"3\"/>"));
        add(format!("<text x=\"{}\" y=\"{}\">{}</text>", from + 22.0, at + 4.0, escaped(&curve.name)));
    }
    svg.push_str("</svg>\n");
    svg
}

/// From values to places, by powers of ten.
struct Axis {
    from: f64,
    to: f64,
    first: f64,
    last: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, first: f64, last: f64) -> Self {
        let bounds = (f64::INFINITY, f64::NEG_INFINITY);
        let (low, high) = values.fold(bounds, |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low > high { (1.0, 10.0) } else { (low, high) };
        let (from, to) = (low.log10().floor(), high.log10().ceil());
        Self { from, to: if to > from { to } else { from + 1.0 }, first, last }
    }

    fn at(&self, value: f64) -> f64 {
        let part = (value.log10() - self.from) / (self.to - self.from);
        part.mul_add(self.last - self.first, self.first)
    }

    fn ticks(&self) -> Vec<f64> {
        let mut ticks = Vec::new();
        let mut power = self.from;
        while power <= self.to {
            ticks.push(10_f64.powf(power));
            power += 1.0;
        }
        ticks
    }
}

fn number(value: f64) -> String {
    if value >= 1e6 {
        format!("{}M", value / 1e6)
    } else if value >= 1e3 {
        format!("{}k", value / 1e3)
    } else {
        format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{Curve, draw};

    #[test]
    fn a_curve_goes_through_its_points_from_left_to_right_and_upwards() {
        let curve = Curve { name: "a < b".into(), points: vec![(1.0, 10.0), (10.0, 100.0), (0.0, 5.0)] };
        let svg = draw("title", "x", "y", &[curve]);
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
        assert!(svg.contains("d=\"M70.0 370.0L550.0 40.0\""), "{svg}");
        assert!(svg.contains("a &lt; b"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 2);
    }

    #[test]
    fn nothing_can_be_drawn_too() {
        assert!(draw("title", "x", "y", &[]).contains("title"));
    }
}
