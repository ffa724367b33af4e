//! Signals that whoever started the program had ignored.

/// Whether a signal was ignored before this program listened for it, as nohup does with SIGHUP. Linux says so; elsewhere
/// it counts as heard.
pub(super) fn is_ignored(signal: i32) -> bool {
    holds(&std::fs::read_to_string("/proc/self/status").unwrap_or_default(), signal)
}

/// Whether the mask in this text has the signal. SIGHUP is signal 1, the lowest bit.
fn holds(status: &str, signal: i32) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    (1..=64).contains(&signal) && mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_read() {
        let status = "Name:\trollcall\nSigIgn:\t0000000000001003\nSigCgt:\t0000000000000004\n";
        let ignored: Vec<i32> = (-1..70).filter(|signal| holds(status, *signal)).collect();
        assert_eq!(ignored, [1, 2, 13]);
        assert!(!holds("", 1) && !holds("SigIgn: x", 1));
    }
}
