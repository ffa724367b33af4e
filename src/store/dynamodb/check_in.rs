//! Moments as Lyft's library writes them: `2026-11-20T17:08:14.758176+0000`. They are never read: any other text is a
//! heartbeat, whatever the clock said that it was written by.

use crate::clock::Timestamp;

/// A moment in that form, which is in the order of time where texts are in their order.
pub(super) fn write(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{}+0000", text.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_lyfts_form() {
        let moment = Timestamp::from_micros(1_795_194_494_758_176);
        assert_eq!(write(moment), "2026-11-20T17:08:14.758176+0000");
        assert_eq!(write(Timestamp::from_micros(1_795_194_494_000_000)), "2026-11-20T17:08:14.000000+0000");
    }
}
