//! Short slices of the processor for the threads of the server: who has a query or a request is waked at once also where
//! others keep the processor busy, and one who has had enough gives it away for a short time only.
//!
//! The one place with unsafe code: two calls of Linux' for which no safe crate is kept.

#![allow(unsafe_code, reason = "sched_getattr and sched_setattr are known to no safe crate that is kept")]

use std::io;
use std::time::Duration;

use nix::libc::{SCHED_OTHER, SYS_sched_getattr, SYS_sched_setattr, c_long, sched_attr, syscall};

/// A slice (Linux 6.12 and later; what was before does not look at it). By itself the system takes some milliseconds; the
/// shortest that it grants are 100 us, after which each side begins with cold caches: beside 10,000 registrations a second
/// that was up to a fifth of a query.
const SLICE: Duration = Duration::from_micros(400);
const SIZE: u32 = size_of::<sched_attr>() as u32;
/// The calling thread.
const ITSELF: i32 = 0;
const NO_FLAGS: u32 = 0;

/// Asks for short slices for this thread, and so for those that it starts from now on. Needs no right; what an operator has
/// chosen (priority, another policy) stays.
///
/// # Errors
///
/// The system does not have the calls, or a filter of calls refuses them. Nothing else depends on it.
pub(super) fn shorten() -> io::Result<()> {
    let mut attributes = read()?;
    if attributes.sched_policy == SCHED_OTHER as u32 {
        attributes.sched_runtime = SLICE.as_nanos() as u64;
        // SAFETY: the pointer is to a `sched_attr` that lives through the call and has its size in `size`; the kernel reads
        // that and keeps nothing.
        checked(unsafe { syscall(SYS_sched_setattr, ITSELF, &raw const attributes, NO_FLAGS) })?;
    }
    Ok(())
}

/// How this thread is scheduled.
fn read() -> io::Result<sched_attr> {
    let mut attributes = sched_attr {
        size: SIZE,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the pointer is to a `sched_attr` that lives through the call, of which the kernel writes no more than the size
    // that it is told; all of its fields are numbers, for which any octets are values.
    checked(unsafe { syscall(SYS_sched_getattr, ITSELF, &raw mut attributes, SIZE, NO_FLAGS) })?;
    Ok(attributes)
}

fn checked(result: c_long) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn threads_that_are_started_have_short_slices_too_where_the_system_has_them() {
        let found = thread::spawn(|| {
            let Ok(before) = read() else {
                // A system without the calls, or a filter: it is an error, and all that it is.
                assert!(shorten().is_err());
                return None;
            };
            shorten().expect("short slices");
            let after = thread::spawn(read).join().expect("a thread").expect("a policy");
            Some((before, after))
        });
        let Some((before, after)) = found.join().expect("a thread") else { return };
        // Where there are no slices it stays as it was.
        assert!([before.sched_runtime, SLICE.as_nanos() as u64].contains(&after.sched_runtime), "{after:?}");
        assert_eq!((after.sched_policy, after.sched_nice), (before.sched_policy, before.sched_nice));
    }
}
