use serde_json::Number;

use crate::members::Place;

/// Beyond it whole numbers are not the same for every reader of JSON (RFC 8259 section 6).
const LARGEST: f64 = 9_007_199_254_740_991.0;
/// Below it RFC 8785 writes numbers with an exponent, and Rust does not.
const SMALLEST: f64 = 1e-6;
/// So many every reader of JSON takes for the same number.
const DIGITS: usize = 15;

/// A number that every program reads and writes as the same: hashes depend on it.
pub(crate) fn exact(number: &Number, place: &mut Place<'_>) -> Option<f64> {
    let digits = |n: f64| {
        let text: String = n.to_string().chars().filter(char::is_ascii_digit).collect();
        text.trim_matches('0').len()
    };
    let whole = |n: f64| n.fract() == 0.0;
    let read = number.as_f64().filter(|&n| {
        let size = n.abs();
        n == 0.0 || (SMALLEST..=LARGEST).contains(&size) && (whole(n) || digits(n) <= DIGITS)
    });
    if read.is_none() {
        let what = "give a number of 15 digits at the most, from 0.000001 to 2^53 - 1, or 0";
        place.fault("range", what);
    }
    // Minus zero is zero.
    read.map(|n| n + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_all_read_alike() {
        let read = |text: &str| {
            let number = serde_json::from_str(text).unwrap();
            exact(&number, &mut Place { path: String::new(), faults: &mut vec![] })
        };
        for (text, number) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("1.50", "1.5"),
            ("-3e2", "-300"),
            ("0.000001", "0.000001"),
            ("9007199254740991", "9007199254740991"),
            ("123456.789012345", "123456.789012345"),
        ] {
            assert_eq!(read(text).unwrap().to_string(), number);
        }
        for text in ["9007199254740993", "1e300", "0.0000001", "0.1234567890123456"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
